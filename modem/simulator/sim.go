package simulator

import (
	"fmt"
	"slices"
)

// SIM is a card and its subscription. The zero PIN is no lock.
type SIM struct {
	ICCID  string // 19 or 20 digits
	IMSI   string
	MSISDN string // own number with "+"; the network knows it in any case

	NumberInCNUM bool // AT+CNUM tells MSISDN
	NumberInBook bool // phone book "ON" holds MSISDN

	PIN string
	PUK string // "": 12345678

	PLMN     string            // of the network it registers on; "": first five digits of IMSI
	Operator string            // that network's name
	USSD     map[string]string // answers by code
	Capacity int               // slots of its storage; 0: as the rack says

	card *card
}

// DefaultSIM is the card that the i-th modem of a rack has at first: its number
// is told by CNUM and it has no PIN.
func DefaultSIM(i int) SIM {
	number := fmt.Sprintf("%07d", 1000001+i)
	return SIM{
		ICCID:        withLuhn("897019900" + "00" + number),
		IMSI:         "25099" + "000" + number,
		MSISDN:       "+7903" + number,
		NumberInCNUM: true,
		NumberInBook: true,
		Operator:     "Beeline",
		USSD:         map[string]string{"*100#": "Balance: 42.00", "*111*0887#": "+7903" + number},
	}
}

// withLuhn appends the check digit of ISO 7812.
func withLuhn(digits string) string {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return digits + string(rune('0'+(10-sum%10)%10))
}

const (
	pinTries = 3
	pukTries = 10
)

// card is what goes with a SIM from modem to modem: its state, its storage and
// what the network holds for its subscriber.
type card struct {
	sim      SIM
	sm       *storage
	held     []*message
	verified bool // PIN was entered since power-up
	pin, puk int  // tries left
}

// cardOf is the card behind s: the one it was taken out with, or a new one.
func cardOf(s SIM, capacity int) *card {
	if s.card != nil {
		return s.card
	}
	if s.Capacity > 0 {
		capacity = s.Capacity
	}
	if s.PUK == "" {
		s.PUK = "12345678"
	}
	if s.PLMN == "" && len(s.IMSI) >= 5 {
		s.PLMN = s.IMSI[:5]
	}
	return &card{sim: s, sm: newStorage("SM", capacity), pin: pinTries, puk: pukTries}
}

// value is the SIM as a caller may keep it.
func (c *card) value() SIM {
	s := c.sim
	s.card = c
	return s
}

// lock is what CPIN? says.
func (c *card) lock() string {
	switch {
	case c.sim.PIN == "" && c.pin > 0, c.verified:
		return "READY"
	case c.pin == 0:
		return "SIM PUK"
	default:
		return "SIM PIN"
	}
}

// message is one PDU on its way through the network and a modem.
type message struct {
	id   uint64
	raw  []byte // SMSC part and TPDU
	stat int    // of CMGL: 0 unread, 1 read, 2 unsent, 3 sent
	told bool   // logged as held
}

// storage is a row of slots. Index 0 is the first, whatever the family's base.
type storage struct {
	name  string
	slots []*message
}

func newStorage(name string, capacity int) *storage {
	return &storage{name: name, slots: make([]*message, capacity)}
}

func (s *storage) used() int {
	n := 0
	for _, m := range s.slots {
		if m != nil {
			n++
		}
	}
	return n
}

func (s *storage) full() bool { return !slices.Contains(s.slots, nil) }

// put takes the first free slot; -1 when there is none.
func (s *storage) put(m *message) int {
	i := slices.Index(s.slots, nil)
	if i >= 0 {
		s.slots[i] = m
	}
	return i
}
