package protocol

// Message is a received SMS.
type Message struct {
	ID          string   `json:"id"`
	Kind        string   `json:"kind"`
	Number      *string  `json:"number"`
	SIM         string   `json:"sim"`
	From        *string  `json:"from"`
	FromKind    string   `json:"from_kind"`
	FromTON     *int     `json:"from_ton"`
	FromNPI     *int     `json:"from_npi"`
	Text        *string  `json:"text"`
	ReceivedAt  Time     `json:"received_at"`
	CompletedAt *Time    `json:"completed_at"`
	SentAt      *Time    `json:"sent_at"`
	SentOffset  *string  `json:"sent_offset"`
	SMSC        *string  `json:"smsc"`
	Encoding    *string  `json:"encoding"`
	Language    *string  `json:"language"`
	Class       *int     `json:"class"`
	PID         *int     `json:"pid"`
	DCS         *int     `json:"dcs"`
	Parts       Parts    `json:"parts"`
	Complete    bool     `json:"complete"`
	Arrival     string   `json:"arrival"`
	Reservation *string  `json:"reservation"`
	Test        *string  `json:"test"`
	Repeats     int      `json:"repeats"`
	Network     *string  `json:"network"`
	PDU         []string `json:"pdu"`
}

// Parts says how much of a long message is there.
type Parts struct {
	Total    int  `json:"total"`
	Received int  `json:"received"`
	Ref      *int `json:"ref"`
	RefBits  *int `json:"ref_bits"`
}

// Call is an incoming call.
type Call struct {
	ID          string  `json:"id"`
	Number      *string `json:"number"`
	SIM         string  `json:"sim"`
	From        *string `json:"from"`
	StartedAt   Time    `json:"started_at"`
	EndedAt     *Time   `json:"ended_at"`
	Rings       int     `json:"rings"`
	Reservation *string `json:"reservation"`
	Test        *string `json:"test"`
}

// Number is a number of an application's selection.
type Number struct {
	Number        *string  `json:"number"`
	SIM           string   `json:"sim"`
	Country       *string  `json:"country"`
	Operator      *string  `json:"operator"`
	OperatorName  *string  `json:"operator_name"`
	Tags          []string `json:"tags"`
	State         string   `json:"state"`
	Reason        *string  `json:"reason"`
	Detail        *string  `json:"detail"`
	Roaming       *bool    `json:"roaming"`
	Network       *string  `json:"network"`
	LastMessageAt *Time    `json:"last_message_at"`
	ReservedUntil *Time    `json:"reserved_until"`
}

// Availability counts the numbers of one country and operator.
type Availability struct {
	Country      *string `json:"country"`
	Operator     *string `json:"operator"`
	OperatorName *string `json:"operator_name"`
	Total        int     `json:"total"`
	Free         int     `json:"free"`
	Reserved     int     `json:"reserved"`
	Quiet        int     `json:"quiet"`
	Down         int     `json:"down"`
}

// Reservation is a number that an application has for a time.
type Reservation struct {
	ID        string  `json:"id"`
	Number    string  `json:"number"`
	Country   *string `json:"country"`
	Operator  *string `json:"operator"`
	Purpose   string  `json:"purpose"`
	CreatedAt Time    `json:"created_at"`
	ExpiresAt Time    `json:"expires_at"`
	EndedAt   *Time   `json:"ended_at"`
	End       *string `json:"end"`
}

// Ping is the data of test.ping.
type Ping struct {
	Destination string `json:"destination"`
}

// Modem is the data of modem.up and modem.down.
type Modem struct {
	Slot   string  `json:"slot"`
	State  string  `json:"state"`
	Reason *string `json:"reason"`
	Number *string `json:"number"`
	SIM    *string `json:"sim"`
}

// Exhausted is the data of delivery.exhausted.
type Exhausted struct {
	Destination string  `json:"destination"`
	Count       int     `json:"count"`
	First       string  `json:"first"`
	LastResult  *string `json:"last_result"`
}

// Alarm is the data of alarm.raised and alarm.cleared.
type Alarm struct {
	Alarm  string  `json:"alarm"`
	State  string  `json:"state"`
	Detail *string `json:"detail"`
	Since  Time    `json:"since"`
	Host   string  `json:"host"`
}

// Event is what destinations and streams get.
type Event struct {
	Type      string `json:"type"`
	ID        string `json:"id"`
	Timestamp Time   `json:"timestamp"`
	Data      any    `json:"data"`
}

// List is one page of a list.
type List[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

// ReserveRequest is the body of POST /v1/reservations.
type ReserveRequest struct {
	Number   *string `json:"number"`
	Country  *string `json:"country"`
	Operator *string `json:"operator"`
	Tag      *string `json:"tag"`
	TTL      *int64  `json:"ttl_s"`
	Purpose  *string `json:"purpose"`
	Wait     *int64  `json:"wait_s"`
}

// ExtendRequest is the body of POST /v1/reservations/{id}/extend.
type ExtendRequest struct {
	TTL *int64 `json:"ttl_s"`
}

// WaitRequest is the body of POST /v1/wait.
type WaitRequest struct {
	Reservation *string  `json:"reservation"`
	Number      *string  `json:"number"`
	Kind        *string  `json:"kind"`
	Match       *Match   `json:"match"`
	Since       *Time    `json:"since"`
	After       *string  `json:"after"`
	MinCount    *int64   `json:"min_count"`
	Expect      *string  `json:"expect"`
	Timeout     *float64 `json:"timeout_s"`
	Deadline    *Time    `json:"deadline"`
}

// Match are the criteria of a wait.
type Match struct {
	From     *string `json:"from"`
	Contains *string `json:"contains"`
	Regex    *string `json:"regex"`
}

// WaitAnswer is the answer to POST /v1/wait.
type WaitAnswer struct {
	Outcome    string     `json:"outcome"`
	Messages   []any      `json:"messages"`
	NearMisses []NearMiss `json:"near_misses"`
	Deadline   *Time      `json:"deadline"`
	After      string     `json:"after"`
	Receiver   Receiver   `json:"receiver"`
}

// NearMiss came and met not all criteria.
type NearMiss struct {
	ID     string   `json:"id"`
	Failed []string `json:"failed"`
}

// Receiver is how the receiver of a number is.
type Receiver struct {
	State  *string `json:"state"`
	Reason *string `json:"reason"`
}

// Test is a delivery test.
type Test struct {
	ID        string            `json:"id"`
	State     string            `json:"state"`
	CreatedAt Time              `json:"created_at"`
	ClosedAt  *Time             `json:"closed_at"`
	Labels    map[string]string `json:"labels"`
	Verdict   *string           `json:"verdict"`
	Items     []Item            `json:"items"`
}

// Item is one number of a test.
type Item struct {
	N           int       `json:"n"`
	Number      string    `json:"number"`
	Country     *string   `json:"country"`
	Operator    *string   `json:"operator"`
	Token       *string   `json:"token"`
	Text        *string   `json:"text"`
	Receipt     string    `json:"receipt"`
	DLR         string    `json:"dlr"`
	Verdict     *string   `json:"verdict"`
	Findings    []Finding `json:"findings"`
	SentAt      *Time     `json:"sent_at"`
	AcceptedAt  *Time     `json:"accepted_at"`
	ProviderID  *string   `json:"provider_id"`
	Deadline    *Time     `json:"deadline"`
	FirstPartAt *Time     `json:"first_part_at"`
	LastPartAt  *Time     `json:"last_part_at"`
	Latency     *float64  `json:"latency_s"`
	SMSCDelay   *float64  `json:"smsc_delay_s"`
	SMSC        *string   `json:"smsc"`
	DLRAt       *Time     `json:"dlr_at"`
	Message     *string   `json:"message"`
	Call        *string   `json:"call"`
	Reason      *string   `json:"reason"`
}

// Finding is one thing that differs from what was expected.
type Finding struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Expected any    `json:"expected"`
	Observed any    `json:"observed"`
	Late     bool   `json:"late"`
}

// TestRequest is the body of POST /v1/tests.
type TestRequest struct {
	Select   *TestSelect        `json:"select"`
	Kind     *string            `json:"kind"`
	Token    *TokenForm         `json:"token"`
	Text     *string            `json:"text"`
	Send     *TestSend          `json:"send"`
	SentAt   *Time              `json:"sent_at"`
	Expect   *TestExpect        `json:"expect"`
	Deadline *float64           `json:"deadline_s"`
	Degraded *float64           `json:"degraded_s"`
	Late     *float64           `json:"late_s"`
	Labels   *map[string]string `json:"labels"`
}

// TestSelect says which numbers a test uses.
type TestSelect struct {
	Numbers  *[]string `json:"numbers"`
	Country  *string   `json:"country"`
	Operator *string   `json:"operator"`
	Tag      *string   `json:"tag"`
	Each     *string   `json:"each"`
	Count    *int64    `json:"count"`
}

// TokenForm says what tokens look like.
type TokenForm struct {
	Alphabet *string `json:"alphabet"`
	Length   *int64  `json:"length"`
}

// TestSend says who sends; null: the caller.
type TestSend struct {
	Provider *string `json:"provider"`
}

// TestExpect is what a test expects of each message.
type TestExpect struct {
	From  *[]string `json:"from"`
	Text  *string   `json:"text"`
	SMSC  *[]string `json:"smsc_prefix"`
	Parts *int64    `json:"parts"`
}

// SentRequest is the body of PUT /v1/tests/{id}/items/{n}/sent.
type SentRequest struct {
	SentAt     *Time   `json:"sent_at"`
	ProviderID *string `json:"provider_id"`
	Token      *string `json:"token"`
	Text       *string `json:"text"`
}

// DLRRequest is the body of PUT /v1/tests/{id}/items/{n}/dlr.
type DLRRequest struct {
	Status *string `json:"status"`
	At     *Time   `json:"at"`
}
