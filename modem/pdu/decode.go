package pdu

import (
	"encoding/hex"
	"errors"
	"strings"
)

// Errors of decoding: nothing of the message can be read.
var (
	// ErrHex means that a text is not hexadecimal.
	ErrHex = errors.New("pdu: not hexadecimal")
	// ErrShort means that the PDU ends before its header does.
	ErrShort = errors.New("pdu: too short for its header")
	// ErrAddress means that an address has a length that no address can have.
	ErrAddress = errors.New("pdu: impossible address length")
	// ErrType means that the message type is reserved and the PDU is no sound deliver either.
	ErrType = errors.New("pdu: reserved message type")
)

// maxCentre is the longest service-centre address in octets, its type included
// (3GPP TS 24.011 clause 8.2.5.1).
const maxCentre = 11

// Bits of a TPDU's first octet (23.040 clause 9.2.2).
const (
	typeMask   = 0x03
	headerFlag = 0x40 // TP-UDHI
)

// ParseHex returns the octets of a PDU as a modem writes it. Blanks, line ends and
// quotes around it are trimmed; half an octet at the end is dropped.
func ParseHex(s string) ([]byte, error) {
	s = trim(s)
	octets := make([]byte, len(s)/2)
	if _, err := hex.Decode(octets, []byte(s[:len(octets)*2])); err != nil {
		return nil, ErrHex
	}
	if len(s)%2 != 0 && !isHex(s[len(s)-1]) {
		return nil, ErrHex
	}
	return octets, nil
}

// DecodeHex is Decode of ParseHex.
func DecodeHex(s string) (Message, error) {
	octets, err := ParseHex(s)
	if err != nil {
		return Message{}, err
	}
	m, err := Decode(octets)
	if err == nil && len(trim(s))%2 != 0 {
		m.Flaws |= HalfOctet
	}
	return m, err
}

func trim(s string) string { return strings.Trim(s, " \t\r\n\"'\x00") }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// Decode reads the service-centre part and the TPDU behind it, as modems give them
// in +CMGR, +CMGL, +CMT and +CDS. The Message keeps parts of raw.
func Decode(raw []byte) (Message, error) {
	in := octets(raw)
	n, ok := in.next()
	if !ok {
		return Message{}, ErrShort
	}
	if n > maxCentre {
		return Message{}, ErrAddress
	}
	centre, ok := in.take(int(n))
	if !ok {
		return Message{}, ErrShort
	}
	m, err := DecodeTPDU(in)
	if err == nil && n > 0 {
		m.SMSC = number(centre[0], centre[1:], 2*(len(centre)-1))
	}
	return m, err
}

// DecodeTPDU reads a TPDU without service-centre part. The Message keeps parts of tpdu.
func DecodeTPDU(tpdu []byte) (Message, error) {
	in := octets(tpdu)
	first, ok := in.next()
	if !ok {
		return Message{}, ErrShort
	}
	m := Message{Class: NoClass}
	var err error
	switch first & typeMask {
	case 0:
		err = m.deliver(first, in)
	case 1:
		err = m.submit(first, in)
	case 2:
		err = m.statusReport(in)
	default:
		// Such a message is to be processed as a deliver (clause 9.2.3.1). It is
		// far more often garbage, so as a deliver it must be without fault.
		if err = m.deliver(first, in); err != nil || m.Flaws != 0 {
			err = ErrType
		}
		m.Flaws |= ReservedType
	}
	if err != nil {
		return Message{}, err
	}
	return m, nil
}

// deliver reads what follows the first octet of an SMS-DELIVER (clause 9.2.2.1).
func (m *Message) deliver(first byte, in octets) error {
	m.Type = Deliver
	if err := m.address(&in); err != nil {
		return err
	}
	head, ok := in.take(2 + stampLen)
	if !ok {
		return ErrShort
	}
	m.Protocol, m.DCS = head[0], head[1]
	m.SentAt = m.timestamp(head[2:])
	return m.userData(first, in)
}

// submit reads what follows the first octet of an SMS-SUBMIT (clause 9.2.2.2).
func (m *Message) submit(first byte, in octets) error {
	m.Type = Submit
	ref, ok := in.next()
	if !ok {
		return ErrShort
	}
	m.Reference = ref
	if err := m.address(&in); err != nil {
		return err
	}
	// The validity period has no octet, 7 (enhanced), 1 (relative) or 7 (absolute).
	validity := [4]int{0, 7, 1, 7}[first>>3&3]
	head, ok := in.take(2 + validity)
	if !ok {
		return ErrShort
	}
	m.Protocol, m.DCS = head[0], head[1]
	return m.userData(first, in)
}

// statusReport reads what follows the first octet of an SMS-STATUS-REPORT (clause
// 9.2.2.3). The optional fields at its end say nothing that is not known before.
func (m *Message) statusReport(in octets) error {
	m.Type = StatusReport
	ref, ok := in.next()
	if !ok {
		return ErrShort
	}
	m.Reference = ref
	if err := m.address(&in); err != nil {
		return err
	}
	sent, ok := in.take(stampLen)
	if !ok {
		return ErrShort
	}
	m.SentAt = m.timestamp(sent)
	outcome, ok := in.take(stampLen + 1)
	if !ok {
		// The outcome is what a report is for.
		return ErrShort
	}
	m.Discharged = m.timestamp(outcome)
	m.Status = outcome[stampLen]
	return nil
}

// octets is the part of a PDU that is not read yet.
type octets []byte

func (o *octets) next() (byte, bool) {
	if len(*o) == 0 {
		return 0, false
	}
	b := (*o)[0]
	*o = (*o)[1:]
	return b, true
}

func (o *octets) take(n int) ([]byte, bool) {
	if n > len(*o) {
		return nil, false
	}
	b := (*o)[:n]
	*o = (*o)[n:]
	return b, true
}
