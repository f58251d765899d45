package pdu

import (
	"bytes"
	"crypto/sha256"
	"strings"
)

// Kind is what a message is for its reader.
type Kind string

// Kinds of messages.
const (
	KindText    Kind = "sms"
	KindBinary  Kind = "binary"
	KindMMS     Kind = "mms" // the notification of an MMS
	KindWaiting Kind = "mwi" // message waiting indication
	KindStatus  Kind = "status"
)

const (
	portPush    = 2948 // WAP push, connectionless (WAP-259)
	pidDownload = 0x7F // (U)SIM data download (clause 9.2.3.9)
)

// Kind tells text from what only looks like it: by type, PID, DCS and user data header.
func (m *Message) Kind() Kind {
	switch {
	case m.Type == StatusReport:
		return KindStatus
	case m.Ports.Destination == portPush && isMMS(m.body.octets):
		return KindMMS
	case m.Ports != (Ports{}), m.Alphabet == Octets, m.Compressed, m.Protocol == pidDownload:
		return KindBinary
	case m.Waiting != (Waiting{}):
		return KindWaiting
	}
	return KindText
}

// isMMS says whether a WAP push has the content type of an MMS notification
// (WAP-230 clause 8.4.2.24: 0x3E as a short integer, or its name). Only the first part
// of a long one says so.
func isMMS(push []byte) bool {
	head := push[:min(len(push), 64)]
	return len(head) > 3 && head[1] == 6 && (head[3] == 0xBE || len(head) > 4 && head[3] < 0x20 && head[4] == 0xBE) ||
		bytes.Contains(head, []byte("application/vnd.wap.mms-message"))
}

// AddressKind says what an address is: alphanumeric, international, short, national or
// unknown.
func (m *Message) AddressKind() string {
	digits := strings.TrimPrefix(m.Address, "+")
	only := digits != "" && strings.Trim(digits, "0123456789") == ""
	switch ton := m.TON(); {
	case ton == alphanumeric:
		return "alphanumeric"
	case ton == international && only:
		return "international"
	case only && (ton == 3 || ton == 4 || ton == 6 || len(digits) <= 6):
		return "short"
	case only:
		return "national"
	}
	return "unknown"
}

// TON is the type of number of Address.
func (m *Message) TON() int { return int(kind(m.AddressType)) }

// NPI is the numbering plan of Address.
func (m *Message) NPI() int { return int(m.AddressType & 0x0F) }

// Language is the national language of the message's shift tables; empty: the default alphabet.
func (m *Message) Language() string {
	l := m.body.single
	if l == 0 {
		l = m.body.locking
	}
	names := [...]string{"", "turkish", "spanish", "portuguese", "bengali", "gujarati", "hindi", "kannada", "malayalam", "oriya",
		"punjabi", "tamil", "telugu", "urdu"}
	return names[l]
}

// Digest identifies a TPDU with its service-centre part. The service centre's address
// and the more-messages bit are left out: they may differ when it is delivered again.
func Digest(raw []byte) (d [16]byte) {
	tpdu := raw
	if len(raw) > 0 && int(raw[0])+1 < len(raw) && raw[0] <= maxCentre {
		tpdu = bytes.Clone(raw[1+int(raw[0]):])
		if tpdu[0]&typeMask == 0 {
			tpdu[0] &^= 0x04
		}
	}
	sum := sha256.Sum256(tpdu)
	copy(d[:], sum[:])
	return d
}
