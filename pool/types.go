package pool

import "time"

// ID names everything that is kept, from one growing sequence. It stays below 2^53.
type ID uint64

// MessageKind says what a message is by its PID, DCS and user-data header.
type MessageKind string

// Kinds of messages.
const (
	Text    MessageKind = "sms"
	Binary  MessageKind = "binary"
	MMS     MessageKind = "mms"
	Waiting MessageKind = "mwi"
	Status  MessageKind = "status"
)

// Arrival says how a message was found.
type Arrival string

// Arrivals.
const (
	Announced Arrival = "announced"
	Swept     Arrival = "sweep"
)

// Decoded is one PDU as a [Decoder] reads it. Text is of this PDU alone.
type Decoded struct {
	Kind       MessageKind
	From       string // empty: none
	FromKind   string // international, national, alphanumeric, short, unknown
	FromTON    int
	FromNPI    int
	Text       string
	HasText    bool
	SentAt     time.Time // service centre's stamp, in its zone; zero: none, or unreadable
	SMSC       string
	Encoding   string // gsm7, ucs2, 8bit; empty: none
	Language   string
	Class      int // 0 to 3; -1: none
	PID, DCS   int // -1: none
	Ref        int
	RefBits    int // 8 or 16; 0: a message of its own
	Total, Seq int
	Digest     Digest // of the TPDU, without what may differ when it is delivered again
}

// Decoder reads PDUs. Its methods are pure.
type Decoder interface {
	// Decode reads a service-centre part and a TPDU. The error means that nothing can be read.
	Decode(pdu []byte) (Decoded, error)
	// Join reads the text of a long message from its parts in order; nil stands for one that is missing.
	Join(parts [][]byte) string
	// Segments says in how many parts a text is sent, and in which encoding.
	Segments(text string) (parts int, encoding string)
	// Digest identifies a PDU that can't be decoded.
	Digest(pdu []byte) Digest
}

// Digest identifies a TPDU on one SIM.
type Digest [16]byte

// Parts says how much of a long message is there. Ref and RefBits are zero for a message of its own.
type Parts struct {
	Total    int `json:"total"`
	Received int `json:"received"`
	Ref      int `json:"ref,omitempty"`
	RefBits  int `json:"bits,omitempty"`
}

// Message is one message that a SIM has received, as it is kept.
type Message struct {
	ID          ID          `json:"id"`
	Kind        MessageKind `json:"kind"`
	ICCID       string      `json:"iccid,omitempty"` // empty: whose it is is not known
	SIM         string      `json:"sim"`             // the card's name at arrival
	Number      string      `json:"number,omitempty"`
	Slot        string      `json:"slot"`
	From        string      `json:"from,omitempty"`
	FromKind    string      `json:"from_kind"`
	FromTON     int         `json:"ton"`
	FromNPI     int         `json:"npi"`
	Text        *string     `json:"text,omitempty"`
	ReceivedAt  time.Time   `json:"received"`
	CompletedAt time.Time   `json:"completed"`
	SentAt      time.Time   `json:"sent,omitzero"`
	SentOffset  int         `json:"offset,omitempty"` // minutes east of UTC
	SMSC        string      `json:"smsc,omitempty"`
	Encoding    string      `json:"encoding,omitempty"`
	Language    string      `json:"language,omitempty"`
	Class       int         `json:"class"`
	PID         int         `json:"pid"`
	DCS         int         `json:"dcs"`
	Parts       Parts       `json:"parts"`
	Complete    bool        `json:"complete"`
	Arrival     Arrival     `json:"arrival"`
	Reservation ID          `json:"reservation,omitempty"`
	App         string      `json:"app,omitempty"` // whose reservation or test it is
	Test        ID          `json:"test,omitempty"`
	Repeats     int         `json:"repeats,omitempty"`
	Network     string      `json:"network,omitempty"`
	PDUs        [][]byte    `json:"pdus,omitempty"`
	Digests     []Digest    `json:"digests,omitempty"`
	Undecodable bool        `json:"undecodable,omitempty"`
	HalfHex     bool        `json:"half_hex,omitempty"`
	Unrouted    bool        `json:"unrouted,omitempty"` // no route took it
}

// Part is one PDU of a long message that is not complete, or one that came late.
type Part struct {
	ID      ID        `json:"id"`
	Message ID        `json:"message,omitempty"` // of a late one: the message that went out without it
	ICCID   string    `json:"iccid"`
	Slot    string    `json:"slot"`
	Network string    `json:"network,omitempty"`
	PDU     []byte    `json:"pdu"`
	At      Moment    `json:"at"`
	Arrival Arrival   `json:"arrival"`
	Holder  *holding  `json:"holder,omitempty"` // of the first part: whose the message is
	SIM     string    `json:"sim"`
	Number  string    `json:"number,omitempty"`
	HalfHex bool      `json:"half_hex,omitempty"`
	decoded Decoded   // not kept
	local   time.Time // At on this process's clock
}

// holding is whose a message is: the reservation that it belongs to.
type holding struct {
	Reservation ID     `json:"reservation"`
	App         string `json:"app"`
}

// Call is one incoming call, as it is kept.
type Call struct {
	ID          ID        `json:"id"`
	ICCID       string    `json:"iccid,omitempty"`
	SIM         string    `json:"sim"`
	Number      string    `json:"number,omitempty"`
	Slot        string    `json:"slot"`
	From        string    `json:"from,omitempty"`
	StartedAt   time.Time `json:"started"`
	EndedAt     time.Time `json:"ended,omitzero"`
	Rings       int       `json:"rings"`
	Reservation ID        `json:"reservation,omitempty"`
	App         string    `json:"app,omitempty"`
	Test        ID        `json:"test,omitempty"`
}

// Reservation is a number that an application has for a time, as it is kept.
type Reservation struct {
	ID        ID            `json:"id"`
	App       string        `json:"app"`
	ICCID     string        `json:"iccid"`
	Number    string        `json:"number"`
	Country   string        `json:"country,omitempty"`
	Operator  string        `json:"operator,omitempty"`
	Purpose   string        `json:"purpose,omitempty"`
	CreatedAt Moment        `json:"created"`
	ExpiresAt deadline      `json:"expires"`
	EndedAt   Moment        `json:"ended,omitzero"`
	End       End           `json:"end,omitempty"`
	Quiet     time.Duration `json:"quiet"`
}

// End says how a reservation has ended.
type End string

// Ends of reservations.
const (
	Released   End = "released"
	Expired    End = "expired"
	ByOperator End = "operator"
)

// Ends lists every End, for metrics.
func Ends() []End { return []End{Released, Expired, ByOperator} }

// SIM is what is kept of a card: what it says of itself, and what the operator has set.
type SIM struct {
	ICCID    string   `json:"iccid"`
	IMSI     string   `json:"imsi,omitempty"`
	CardSays string   `json:"card_number,omitempty"` // own number by the card
	Set      SIMFacts `json:"set,omitzero"`
}

// SIMFacts are what an operator says of a card. A nil field says nothing.
type SIMFacts struct {
	Name    *string   `json:"name,omitempty"`
	Number  *string   `json:"number,omitempty"`
	Tags    *[]string `json:"tags,omitempty"`
	Enabled *bool     `json:"enabled,omitempty"`
	Note    *string   `json:"note,omitempty"`
}

// Seen is a TPDU that a SIM has received before.
type Seen struct {
	ICCID   string `json:"-"` // the store's key, with the digest
	Digest  Digest `json:"-"`
	Holder  ID     `json:"holder"` // the message or part that it is of
	Repeats int    `json:"repeats,omitempty"`
	// Met is when a copy was last met that the card had kept, to the day: as long as that
	// happens it has to be known.
	Met time.Time `json:"met,omitzero"`
}

// Key is an Idempotency-Key that has made something.
type Key struct {
	App    string   `json:"app"`
	Path   string   `json:"path"`
	Key    string   `json:"key"`
	Body   [32]byte `json:"body"` // digest of the request
	Object ID       `json:"object"`
	At     Moment   `json:"at"`
}

// Audit is one entry of the audit log. The store adds sequence and hash.
type Audit struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"` // "operator", "app NAME", "modemgate"
	What    string    `json:"what"`
	Subject string    `json:"subject,omitempty"`
	Why     string    `json:"why,omitempty"`
}
