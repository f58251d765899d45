package pdu

import "time"

// Type is the kind of TPDU, by its message type indicator (23.040 clause 9.2.3.1)
// and the direction in which a modem's storage holds it.
type Type string

// Types of TPDU found in a modem's storage.
const (
	Deliver      Type = "deliver"
	Submit       Type = "submit"
	StatusReport Type = "status-report"
)

// Alphabet is how the user data is coded.
type Alphabet string

// Alphabets of the data coding scheme (23.038 clause 4).
const (
	GSM7   Alphabet = "gsm7"
	Octets Alphabet = "8bit"
	UCS2   Alphabet = "ucs2"
)

// NoClass is the class of a message that has none.
const NoClass = -1

// Message is one decoded PDU. A Message keeps parts of the octets it was decoded
// from, so these must not be changed while it is in use. The zero Message stands
// for a part that is missing.
type Message struct {
	Type    Type
	SMSC    string // service centre: digits, "+" before an international number
	Address string // sender, or recipient of a submit or status report; may be alphanumeric; may be empty

	AddressType byte // type of Address: its number type and numbering plan (clause 9.1.2.5); 0 without one

	SentAt     time.Time // time stamp of the service centre, in its zone; zero: none, or unreadable
	Discharged time.Time // of a status report: when the outcome came about; zero as SentAt
	Reference  byte      // TP-MR of a submit or status report
	Status     byte      // TP-ST of a status report (clause 9.2.3.15)
	Protocol   byte      // TP-PID; not of a status report

	DCS        byte     // the data coding scheme as it came; not of a status report
	Alphabet   Alphabet // empty: a status report
	Compressed bool     // by 23.042: Text is empty, Data holds what came
	Class      int      // 0 to 3, or NoClass

	Text string // of this PDU alone
	Data []byte // user data without its header, when it is 8-bit or compressed

	Concat  Concat
	Ports   Ports
	Waiting Waiting

	Flaws Flaw

	body body // what Join decodes again
}

// Concat says which part of a long message this is. It is zero for a message of its
// own, else Total >= 2 and 1 <= Seq <= Total.
type Concat struct {
	Ref   int
	Total int
	Seq   int
	Wide  bool // the reference has 16 bits
}

// Ports addresses an application, WAP push for one. Both are zero when none is named.
type Ports struct {
	Destination int
	Source      int
}

// Waiting is what a message tells of a mailbox at the network. It is zero when it
// tells nothing.
type Waiting struct {
	Set     bool   // messages wait
	Clear   bool   // none does any longer
	Discard bool   // the message is only this indication and need not be kept
	Mailbox string // voicemail, fax, email or other
	Count   int    // how many wait; 0: not said
}

// Undecoded says why Text lacks content that the message has. It is empty when
// Text is all there is.
func (m *Message) Undecoded() string {
	switch {
	case m.Text != "":
		return ""
	case len(m.Data) > 0 && m.Compressed:
		return "compressed user data"
	case len(m.Data) > 0:
		return "binary user data"
	case m.Flaws&Truncated != 0:
		return "user data is missing"
	}
	return ""
}
