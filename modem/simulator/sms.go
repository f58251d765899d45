package simulator

import (
	"strings"
	"time"
	"unicode/utf16"
)

// Class is the message class of an SMS.
type Class int

// Message classes (3GPP TS 23.038 clause 4). The zero value is no class.
const (
	NoClass Class = iota
	Class0        // flash
	Class1
	Class2 // SIM specific: always stored on the SIM
	Class3
)

// SMS is what the network delivers. From and Text are required.
type SMS struct {
	From   string    // number with or without "+", or a name
	Text   string    // as GSM 7 bit when its alphabet has every letter, else UCS2
	SentAt time.Time // service-centre time stamp, in its zone, whole seconds; zero: now
	Class  Class

	// Parts are the texts of a long message's parts; nil: Text is cut where it
	// must be, UCS2 also within a surrogate pair.
	Parts []string
	// Order lists the parts that are delivered, from 1, as they come: some may
	// lack or come twice. nil: all, in order.
	Order []int
	Ref   int  // reference of the parts; only its low 8 or 16 bits count
	Wide  bool // 16-bit reference
}

// smsc is the service centre every message comes from.
const smsc = "+79037011111"

// PDUs are the message as the network delivers it, SMSC part and TPDU, in the order they are delivered.
func (s SMS) PDUs() [][]byte {
	if s.SentAt.IsZero() {
		s.SentAt = time.Now()
	}
	whole := s.Text
	if s.Parts != nil {
		whole = strings.Join(s.Parts, "")
	}
	septets, isGSM := toGSM7(whole)
	var parts [][]uint16 // septets or UTF-16 units
	switch {
	case s.Parts != nil:
		for _, p := range s.Parts {
			if isGSM {
				u, _ := toGSM7(p)
				parts = append(parts, u)
			} else {
				parts = append(parts, utf16.Encode([]rune(p)))
			}
		}
	case isGSM:
		parts = cut(septets, 160, 160-s.headerSeptets(), gsmEscape)
	default:
		parts = cut(utf16.Encode([]rune(whole)), 70, 70-s.headerUnits(), noEscape)
	}
	order := s.Order
	if order == nil {
		for i := range parts {
			order = append(order, i+1)
		}
	}
	var pdus [][]byte
	for _, seq := range order {
		if seq >= 1 && seq <= len(parts) {
			pdus = append(pdus, s.deliver(parts[seq-1], isGSM, len(parts), seq))
		}
	}
	return pdus
}

func (s SMS) headerSeptets() int {
	if s.Wide {
		return 8 // 7 octets of header are 8 septets
	}
	return 7
}

func (s SMS) headerUnits() int {
	if s.Wide {
		return 4 // 7 octets, and one that is lost to alignment
	}
	return 3
}

const (
	gsmEscape = 0x1b
	noEscape  = 0xffff
)

// cut splits units that do not fit a single message into parts of at most
// part units, never behind escape (3GPP TS 23.038 clause 6.2.1.1).
func cut(units []uint16, single, part int, escape uint16) [][]uint16 {
	if len(units) <= single {
		return [][]uint16{units}
	}
	var parts [][]uint16
	for len(units) > part {
		n := part
		if units[n-1] == escape {
			n--
		}
		parts, units = append(parts, units[:n]), units[n:]
	}
	return append(parts, units)
}

// deliver builds an SMS-DELIVER (3GPP TS 23.040 clause 9.2.2.1).
func (s SMS) deliver(units []uint16, isGSM bool, total, seq int) []byte {
	var header []byte
	if total > 1 {
		if s.Wide {
			header = []byte{6, 8, 4, byte(s.Ref >> 8), byte(s.Ref), byte(total), byte(seq)}
		} else {
			header = []byte{5, 0, 3, byte(s.Ref), byte(total), byte(seq)}
		}
	}
	number := bcd(strings.TrimPrefix(smsc, "+"))
	pdu := append([]byte{byte(len(number) + 1), 0x91}, number...)
	first := byte(0x04) // no more messages to send
	if header != nil {
		first |= 0x40
	}
	pdu = append(pdu, first)
	pdu = append(pdu, address(s.From)...)
	dcs := byte(0)
	if !isGSM {
		dcs = 8
	}
	if s.Class != NoClass {
		dcs |= 0x10 | byte(s.Class-Class0)
	}
	pdu = append(pdu, 0, dcs)
	pdu = append(pdu, timestamp(s.SentAt)...)
	if isGSM {
		fill := (len(header)*8 + 6) / 7 // septets the header takes
		pdu = append(pdu, byte(fill+len(units)))
		return append(pdu, pack7(units, header)...)
	}
	pdu = append(pdu, byte(len(header)+2*len(units)))
	pdu = append(pdu, header...)
	for _, u := range units {
		pdu = append(pdu, byte(u>>8), byte(u))
	}
	return pdu
}

// address encodes an originating address (3GPP TS 23.040 clause 9.1.2.5).
func address(from string) []byte {
	digits := strings.TrimPrefix(from, "+")
	if strings.Trim(digits, "0123456789*#") == "" {
		kind := byte(0x81)
		if digits != from {
			kind = 0x91
		}
		return append([]byte{byte(len(digits)), kind}, bcd(digits)...)
	}
	septets, ok := toGSM7(from)
	if !ok || len(septets) > 11 {
		septets, _ = toGSM7("unknown")
	}
	packed := pack7(septets, nil)
	return append([]byte{byte((len(septets)*7 + 3) / 4), 0xd0}, packed...)
}

// bcd packs digits two an octet, low nibble first, padded with F.
func bcd(digits string) []byte {
	b := make([]byte, (len(digits)+1)/2)
	for i := range b {
		b[i] = 0xff
	}
	for i := range len(digits) {
		n := strings.IndexByte("0123456789*#", digits[i])
		if i%2 == 0 {
			b[i/2] = 0xf0 | byte(n)
		} else {
			b[i/2] = b[i/2]&0x0f | byte(n)<<4
		}
	}
	return b
}

// timestamp encodes a TP-SCTS (3GPP TS 23.040 clause 9.2.3.11).
func timestamp(t time.Time) []byte {
	semi := func(n int) byte { return byte(n%10<<4 | n/10) }
	_, offset := t.Zone()
	quarters, sign := offset/900, byte(0)
	if quarters < 0 {
		quarters, sign = -quarters, 0x08
	}
	return []byte{
		semi(t.Year() % 100), semi(int(t.Month())), semi(t.Day()),
		semi(t.Hour()), semi(t.Minute()), semi(t.Second()), semi(quarters) | sign,
	}
}

// route is what a modem must know of a PDU to pass it on.
type route struct {
	report bool // SMS-STATUS-REPORT
	class  Class
	store  bool // message waiting indication to be stored
	length int  // octets of the TPDU
}

// routeOf reads raw as far as it can be read; what it can't is a DELIVER of no class.
func routeOf(raw []byte) route {
	if len(raw) == 0 || int(raw[0])+1 >= len(raw) {
		return route{length: len(raw)}
	}
	tpdu := raw[1+int(raw[0]):]
	r := route{length: len(tpdu), report: tpdu[0]&3 == 2}
	if r.report || len(tpdu) < 3 {
		return r
	}
	at := 3 + (int(tpdu[1])+1)/2 + 1
	if at >= len(tpdu) {
		return r
	}
	switch dcs := tpdu[at]; {
	case dcs < 0x80 && dcs&0x10 != 0, dcs&0xf0 == 0xf0: // general groups and data coding, with class
		r.class = Class0 + Class(dcs&3)
	case dcs&0xf0 == 0xd0, dcs&0xf0 == 0xe0: // store message, indication groups
		r.store = true
	}
	return r
}
