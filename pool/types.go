package pool

import "time"

// Money is a sum in 1/10000 of its currency's unit, so that the protocol's two
// and four decimals are exact.
type Money int64

// SIM is what the register and the ledger know of a SIM card, by ICCID. It
// outlives the modem it sits in.
type SIM struct {
	ICCID        string    `json:"iccid"`
	IMSI         string    `json:"imsi,omitempty"`
	Number       string    `json:"number,omitempty"` // E.164 with "+"; empty: unknown
	NumberSource string    `json:"number_source,omitempty"`
	NumberAt     time.Time `json:"number_at,omitzero"`
	Disabled     bool      `json:"disabled,omitempty"`
	Note         string    `json:"note,omitempty"`
	FirstSeen    time.Time `json:"first_seen,omitzero"`
	LastIssued   time.Time `json:"last_issued,omitzero"`
}

// Presence is where a SIM is now and whether its modem serves. It is never
// stored: after a start every SIM is absent until its modem reports it.
type Presence struct {
	Slot   string
	ICCID  string
	IMSI   string
	Number string // as learnt by the modem or entered by the operator
	Source string // how Number was found: config, learnt, cnum, phonebook, ussd, sms
	Ready  bool   // the modem answers, the SIM is ready, registered, its number known
	Voice  bool   // the modem can take calls
}

// ActivationState says whether an activation still binds its number.
type ActivationState string

// States of an activation. Only the server finishes one; an operator may release one by hand.
const (
	Open     ActivationState = "open"
	Finished ActivationState = "finished"
	Released ActivationState = "released"
)

// Activation is one number leased to one upstream for one service.
type Activation struct {
	ID         uint64          `json:"id"`
	Upstream   string          `json:"upstream"`
	Service    string          `json:"service"`
	Country    string          `json:"country"`  // in the upstream's words
	Operator   string          `json:"operator"` // in the upstream's words
	Number     string          `json:"number"`   // E.164 with "+"
	ICCID      string          `json:"iccid"`
	Slot       string          `json:"slot"`
	Sum        Money           `json:"sum"`
	Currency   int             `json:"currency,omitempty"` // ISO 4217 number; 0: not said
	State      ActivationState `json:"state"`
	IssuedAt   time.Time       `json:"issued_at"`
	EndedAt    time.Time       `json:"ended_at,omitzero"`
	Finishes   []Finish        `json:"finishes,omitempty"` // every change of status, oldest first
	ReleaseWhy string          `json:"release_why,omitempty"`
}

// Finish is one FINISH_ACTIVATION that changed an activation's status.
type Finish struct {
	Status int       `json:"status"`
	At     time.Time `json:"at"`
}

// Status is the last status the server gave, 0 while there is none.
func (a *Activation) Status() int {
	if len(a.Finishes) == 0 {
		return 0
	}
	return a.Finishes[len(a.Finishes)-1].Status
}

// LedgerEntry is the history of one (number, service): what decides whether it
// may be offered again. Service is the canonical code, shared by upstreams.
type LedgerEntry struct {
	Number     string    `json:"number"`
	Service    string    `json:"service"`
	Lock       int       `json:"lock,omitempty"`       // the status that locked it for good (1, 3, 5 or an unknown one); 0: not locked
	Cancels    int       `json:"cancels,omitempty"`    // activations that ended with status 4
	LastIssued time.Time `json:"last_issued,omitzero"` // for cool-down
}

// Arrival is a message as a modem held it, before anything is known of it.
type Arrival struct {
	Slot      string
	ICCID     string
	Raw       []byte    // SMSC part and TPDU as the modem gave them
	ArrivedAt time.Time // when the modem announced it, or the best estimate
	ReadAt    time.Time // when it was read from the modem
}

// Part is what the decoder makes of one raw PDU.
type Part struct {
	Kind      PartKind
	Sender    string
	Text      string
	SentAt    time.Time // service-centre time stamp; zero when it cannot be read
	Ref       int       // concatenation; Total <= 1: a message of its own
	WideRef   bool      // 16-bit reference
	Total     int
	Seq       int
	Undecoded string // why Text is empty though there is content; empty: decoded
}

// PartKind tells a received message from what else a SIM holds.
type PartKind string

// Kinds of PDU found in a SIM's storage.
const (
	KindDeliver PartKind = "deliver"
	KindReport  PartKind = "report"
	KindOther   PartKind = "other"
)

// Decoder derives what a person reads from raw PDUs. Implementations are pure
// and never fail: what can't be read comes back with Undecoded set.
type Decoder interface {
	Decode(raw []byte) Part
	// Join decodes the parts of one message together, in order of Seq. A nil
	// element is a part that is missing and is shown as a gap.
	Join(raws [][]byte) string
}

// StoredPart is a part of a long message that waits for its others.
type StoredPart struct {
	ID        uint64    `json:"id"` // grows; the order of arrival
	Digest    string    `json:"digest"`
	Slot      string    `json:"slot"`
	ICCID     string    `json:"iccid"`
	Raw       []byte    `json:"raw"`
	ArrivedAt time.Time `json:"arrived_at"`
	ReadAt    time.Time `json:"read_at"`
}

// Message is one SMS, whole or (after its time) with gaps. Its ID is the smsId
// for good.
type Message struct {
	ID          uint64    `json:"id"`
	Kind        PartKind  `json:"kind"`
	Slot        string    `json:"slot"`
	ICCID       string    `json:"iccid"`
	Number      string    `json:"number,omitempty"` // ours; empty when it was unknown
	Sender      string    `json:"sender"`
	Text        string    `json:"text"`
	Raw         [][]byte  `json:"raw"`               // by part; nil: missing
	Partial     bool      `json:"partial,omitempty"` // sent on with gaps after partial_after
	Undecoded   string    `json:"undecoded,omitempty"`
	SentAt      time.Time `json:"sent_at,omitzero"`
	ArrivedAt   time.Time `json:"arrived_at"`
	ReadAt      time.Time `json:"read_at"`
	Activations []uint64  `json:"activations,omitempty"` // open ones it was routed by
}

// DeliveryKind is what is pushed: it chooses the URL and the body.
type DeliveryKind string

// Kinds of delivery.
const (
	DeliverSMS        DeliveryKind = "sms"
	DeliverCall       DeliveryKind = "call"
	DeliverCallRecord DeliveryKind = "call_record"
)

// Delivery is one row of the outbox: one message to one upstream.
type Delivery struct {
	Upstream  string       `json:"upstream"`
	Kind      DeliveryKind `json:"kind"`
	ID        uint64       `json:"id"` // of the message or call
	Number    string       `json:"number"`
	CreatedAt time.Time    `json:"created_at"`
	Attempts  int          `json:"attempts"` // begun, this one included: written before the push
	Next      time.Time    `json:"next"`     // not pushed again before this, unless the daemon restarts
	Result    string       `json:"result,omitempty"`
	DoneAt    time.Time    `json:"done_at,omitzero"` // SUCCESS; set: never pushed again
}

// Call is one incoming call.
type Call struct {
	ID          uint64        `json:"id"`
	Slot        string        `json:"slot"`
	ICCID       string        `json:"iccid"`
	Number      string        `json:"number,omitempty"`
	Caller      string        `json:"caller"`
	StartedAt   time.Time     `json:"started_at"`
	Duration    time.Duration `json:"duration_ns"`
	Answered    bool          `json:"answered"`
	RecordFile  string        `json:"record_file,omitempty"` // below the data directory
	Activations []uint64      `json:"activations,omitempty"`
}
