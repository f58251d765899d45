package pool

import "time"

// TestState is how far a delivery test is.
type TestState string

// States of tests.
const (
	TestOpen      TestState = "open"
	TestClosed    TestState = "closed"
	TestCancelled TestState = "cancelled"
)

// Receipt is what a SIM has received of an item.
type Receipt string

// Receipts.
const (
	ReceiptWaiting      Receipt = "waiting"
	ReceiptReceived     Receipt = "received"
	ReceiptPartial      Receipt = "partial"
	ReceiptLate         Receipt = "received_late"
	ReceiptNone         Receipt = "not_received"
	ReceiptInconclusive Receipt = "inconclusive"
)

// Receipts lists every Receipt, for metrics.
func Receipts() []Receipt {
	return []Receipt{ReceiptWaiting, ReceiptReceived, ReceiptPartial, ReceiptLate, ReceiptNone, ReceiptInconclusive}
}

// DLR is what the provider has claimed of an item: its delivery receipt.
type DLR string

// Delivery receipts.
const (
	DLRNotExpected DLR = "not_expected"
	DLRWaiting     DLR = "waiting"
	DLRDelivered   DLR = "delivered"
	DLRFailed      DLR = "failed"
	DLRExpired     DLR = "expired"
	DLRRejected    DLR = "rejected"
)

// DLRs lists every DLR, for metrics.
func DLRs() []DLR {
	return []DLR{DLRNotExpected, DLRWaiting, DLRDelivered, DLRFailed, DLRExpired, DLRRejected}
}

// Verdict is what follows for an item or a test.
type Verdict string

// Verdicts. NoVerdict is that of a test that was cancelled.
const (
	NoVerdict           Verdict = ""
	VerdictOpen         Verdict = "open"
	VerdictPassed       Verdict = "passed"
	VerdictDegraded     Verdict = "degraded"
	VerdictFailed       Verdict = "failed"
	VerdictInconclusive Verdict = "inconclusive"
	VerdictSkipped      Verdict = "skipped"
)

// Verdicts lists those that a closed item can have, for metrics.
func Verdicts() []Verdict {
	return []Verdict{VerdictPassed, VerdictDegraded, VerdictFailed, VerdictInconclusive, VerdictSkipped}
}

// Reasons of items that were skipped, besides those of [Down] and the states reserved
// and quiet, and of items that are inconclusive.
const (
	ReasonBudget      = "budget"
	ReasonMaintenance = "maintenance"
	ReasonNotReady    = "not_ready"
	ReasonNoRoom      = "no_room"
	ReasonUnanswered  = "unanswered"
)

// Severity says how much a finding weighs: an error fails its item, a warning degrades it.
type Severity string

// Severities.
const (
	Info    Severity = "info"
	Warning Severity = "warning"
	Severe  Severity = "error"
)

// FindingCode is a closed list of what can be found.
type FindingCode string

// Codes of findings.
const (
	FromChanged       FindingCode = "from_changed"
	FromKindChanged   FindingCode = "from_kind_changed"
	TextPrefixed      FindingCode = "text_prefixed"
	TextSuffixed      FindingCode = "text_suffixed"
	TextTruncated     FindingCode = "text_truncated"
	CharsReplaced     FindingCode = "chars_replaced"
	LinkRewritten     FindingCode = "link_rewritten"
	TextChanged       FindingCode = "text_changed"
	TokenLost         FindingCode = "token_lost"
	EncodingChanged   FindingCode = "encoding_changed"
	SegmentsChanged   FindingCode = "segments_changed"
	PartsMissing      FindingCode = "parts_missing"
	PartsOutOfOrder   FindingCode = "parts_out_of_order"
	DuplicateMessage  FindingCode = "duplicate"
	SMSCUnexpected    FindingCode = "smsc_unexpected"
	PIDUnexpected     FindingCode = "pid_unexpected"
	ClassUnexpected   FindingCode = "class_unexpected"
	Slow              FindingCode = "slow"
	SendRefused       FindingCode = "send_refused"
	DLRFalse          FindingCode = "dlr_false"
	DLRMissing        FindingCode = "dlr_missing"
	DLRBeforeArrival  FindingCode = "dlr_before_arrival"
	lateTestsAtOnce               = 1000 // items of one application that are open or late
	maxShownCharacter             = 200  // of a finding's values
)

// FindingCodes lists every code, for metrics.
func FindingCodes() []FindingCode {
	return []FindingCode{
		FromChanged, FromKindChanged, TextPrefixed, TextSuffixed, TextTruncated, CharsReplaced, LinkRewritten, TextChanged, TokenLost,
		EncodingChanged, SegmentsChanged, PartsMissing, PartsOutOfOrder, DuplicateMessage, SMSCUnexpected, PIDUnexpected, ClassUnexpected,
		Slow, SendRefused, DLRFalse, DLRMissing, DLRBeforeArrival,
	}
}

// Severity is that of every finding of this code.
func (c FindingCode) Severity() Severity {
	switch c {
	case FromChanged, TextTruncated, LinkRewritten, TextChanged, TokenLost, PartsMissing, SendRefused, DLRFalse:
		return Severe
	case SegmentsChanged, PartsOutOfOrder:
		return Info
	}
	return Warning
}

// Finding is one thing that differs from what was expected. The values are null where
// there is none.
type Finding struct {
	Code     FindingCode `json:"code"`
	Expected any         `json:"expected"`
	Observed any         `json:"observed"`
	Late     bool        `json:"late,omitempty"`
}

// TextRule says how a received text is compared with the one that was sent.
type TextRule string

// Rules for texts.
const (
	TextExact      TextRule = "exact"
	TextNormalised TextRule = "normalised"
	TextAnything   TextRule = "contains_token"
)

// Expect is what a test expects of each message.
type Expect struct {
	From  []string `json:"from,omitempty"` // exact, or any that begins so when it ends in a star; none: any
	Text  TextRule `json:"text"`
	SMSC  []string `json:"smsc,omitempty"` // beginnings of its number; none: any
	Parts int      `json:"parts,omitempty"`
}

// Token says what tokens look like.
type Token struct {
	Upper  bool `json:"upper,omitempty"` // capital letters; else digits
	Length int  `json:"length"`
}

// Test is a delivery test without its items, as it is kept.
type Test struct {
	ID        ID                `json:"id"`
	App       string            `json:"app,omitempty"` // empty: the operator's
	Monitor   string            `json:"monitor,omitempty"`
	State     TestState         `json:"state"`
	CreatedAt Moment            `json:"created"`
	ClosedAt  Moment            `json:"closed,omitzero"` // also when it was cancelled
	Labels    map[string]string `json:"labels,omitempty"`
	Call      bool              `json:"call,omitempty"`
	Provider  string            `json:"provider,omitempty"` // empty: its caller sends
	Expect    Expect            `json:"expect"`
	Deadline  time.Duration     `json:"deadline"`
	Degraded  time.Duration     `json:"degraded"`
	Late      time.Duration     `json:"late"`
	LateUntil deadline          `json:"late_until,omitzero"` // end of the late window, from the close on
	Done      bool              `json:"done,omitempty"`      // the late window is over
	Verdict   Verdict           `json:"verdict,omitempty"`
	Items     int               `json:"items"`
}

// Item is one number of a test, as it is kept.
type Item struct {
	Test        ID        `json:"test"`
	N           int       `json:"n"`
	ICCID       string    `json:"iccid"`
	Number      string    `json:"number"`
	Country     string    `json:"country,omitempty"`
	Operator    string    `json:"operator,omitempty"`
	Token       string    `json:"token,omitempty"`
	OwnToken    bool      `json:"own_token,omitempty"` // its caller made it
	Text        string    `json:"text,omitempty"`      // empty: not known
	Segments    int       `json:"segments,omitempty"`
	Receipt     Receipt   `json:"receipt"`
	DLR         DLR       `json:"dlr"`
	Verdict     Verdict   `json:"verdict"`
	Findings    []Finding `json:"findings,omitempty"`
	Sent        Moment    `json:"sent,omitzero"`  // without a boot: by the caller's clock
	AskedAt     Moment    `json:"asked,omitzero"` // before the provider was asked
	Answered    bool      `json:"answered,omitempty"`
	AcceptedAt  time.Time `json:"accepted,omitzero"`
	ProviderID  string    `json:"provider_id,omitempty"`
	Due         deadline  `json:"due,omitzero"`
	FirstPartAt time.Time `json:"first_part,omitzero"`
	LastPart    Moment    `json:"last_part,omitzero"`
	Latency     *float64  `json:"latency,omitempty"`    // seconds
	SMSCDelay   *float64  `json:"smsc_delay,omitempty"` // seconds
	SMSC        string    `json:"smsc,omitempty"`
	Swept       bool      `json:"swept,omitempty"` // its message was found by a sweep: it has no time of its own
	DLRAt       time.Time `json:"dlr_at,omitzero"`
	DLRSeen     Moment    `json:"dlr_seen,omitzero"` // when the report reached us
	Message     ID        `json:"message,omitempty"`
	CallID      ID        `json:"call,omitempty"`
	Reason      string    `json:"reason,omitempty"`
}

// find says whether the item has a finding of that code.
func (i *Item) found(code FindingCode) bool {
	for _, f := range i.Findings {
		if f.Code == code {
			return true
		}
	}
	return false
}

// note adds a finding, once.
func (i *Item) note(code FindingCode, expected, observed any, late bool) bool {
	if i.found(code) {
		return false
	}
	i.Findings = append(i.Findings, Finding{Code: code, Expected: expected, Observed: observed, Late: late})
	return true
}

// FinishedTest is a test that has closed, with its items, as its event holds it.
type FinishedTest struct {
	Test
	Of []Item `json:"of"`
}
