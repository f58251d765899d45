package admin

import (
	"net/url"
	"slices"
	"strconv"

	"modemgate/pool"
	"modemgate/protocol"
)

// ModemRow is a modem as lists show it.
type ModemRow struct {
	Slot         string        `json:"slot"`
	Name         string        `json:"name"`
	Port         string        `json:"port"`
	State        string        `json:"state"`
	Reason       *string       `json:"reason"`
	Detail       *string       `json:"detail"`
	Family       string        `json:"family"`
	Manufacturer *string       `json:"manufacturer"`
	Model        *string       `json:"model"`
	Revision     *string       `json:"revision"`
	IMEI         *string       `json:"imei"`
	ICCID        *string       `json:"iccid"`
	IMSI         *string       `json:"imsi"`
	SIM          *string       `json:"sim"`
	Number       *string       `json:"number"`
	NumberFrom   *string       `json:"number_from"`
	Operator     *string       `json:"operator"`
	PLMN         *string       `json:"plmn"`
	Registration *string       `json:"registration"`
	SignalDBm    *int          `json:"signal_dbm"`
	StorageUsed  int           `json:"storage_used"`
	StorageTotal int           `json:"storage_total"`
	Since        protocol.Time `json:"since"`
}

func modemRow(m *pool.ModemRow) ModemRow {
	row := ModemRow{
		Slot: m.Slot, Name: m.Slot, Port: m.Port, State: m.State, Reason: protocol.Optional(m.Reason), Detail: protocol.Optional(m.Detail),
		Family: m.Family, Manufacturer: protocol.Optional(m.Manufacturer), Model: protocol.Optional(m.Model), Revision: protocol.Optional(m.Revision),
		IMEI: protocol.Optional(m.IMEI), ICCID: protocol.Optional(m.ICCID), IMSI: protocol.Optional(m.IMSI), SIM: protocol.Optional(m.SIM),
		Number: protocol.Optional(m.Number), NumberFrom: protocol.Optional(m.NumberFrom), Operator: protocol.Optional(m.Operator),
		PLMN: protocol.Optional(m.PLMN), Registration: protocol.Optional(m.Registration), StorageUsed: m.StorageUsed, StorageTotal: m.StorageTotal,
		Since: protocol.Time(m.Since),
	}
	if m.SignalDBm != 0 {
		dbm := m.SignalDBm
		row.SignalDBm = &dbm
	}
	return row
}

// SIMRow is a card as lists show it.
type SIMRow struct {
	ICCID         string         `json:"iccid"`
	Name          string         `json:"name"`
	Number        *string        `json:"number"`
	NumberFrom    *string        `json:"number_from"`
	IMSI          *string        `json:"imsi"`
	Country       *string        `json:"country"`
	Operator      *string        `json:"operator"`
	OperatorName  *string        `json:"operator_name"`
	Tags          []string       `json:"tags"`
	Enabled       bool           `json:"enabled"`
	Note          *string        `json:"note"`
	Slot          *string        `json:"slot"`
	State         string         `json:"state"`
	Reason        *string        `json:"reason"`
	Detail        *string        `json:"detail"`
	App           *string        `json:"app"`
	ReservedUntil *protocol.Time `json:"reserved_until"`
	LastMessageAt *protocol.Time `json:"last_message_at"`
	Why           []WhyRow       `json:"why,omitempty"`
}

// WhyRow says for one application whether it could have a card's number.
type WhyRow struct {
	App    string  `json:"app"`
	Free   bool    `json:"free"`
	Reason *string `json:"reason"`
}

func simRow(s *pool.SIMRow) SIMRow {
	return SIMRow{
		ICCID: s.ICCID, Name: s.SIM, Number: protocol.Optional(s.Number), NumberFrom: protocol.Optional(s.NumberFrom), IMSI: protocol.Optional(s.IMSI),
		Country: protocol.Optional(s.Country), Operator: protocol.Optional(s.Operator), OperatorName: protocol.Optional(s.OperatorName),
		Tags: s.Tags, Enabled: s.Enabled, Note: protocol.Optional(s.Note), Slot: protocol.Optional(s.Slot), State: string(s.State),
		Reason: protocol.Optional(string(s.Reason)), Detail: protocol.Optional(s.Detail), App: protocol.Optional(s.App),
		ReservedUntil: protocol.OptionalTime(s.ReservedUntil), LastMessageAt: protocol.OptionalTime(s.LastMessageAt),
	}
}

// MessageRow is a message as lists show it: without text and PDU.
type MessageRow struct {
	protocol.Message
	Slot        string        `json:"slot"`
	Undecodable bool          `json:"undecodable"`
	Unrouted    bool          `json:"unrouted"`
	Deliveries  []DeliveryRow `json:"deliveries,omitempty"`
}

func (h *Handler) messageRow(m *pool.Message) MessageRow {
	row := MessageRow{Message: h.o.Wire.Message(m), Slot: m.Slot, Undecodable: m.Undecodable, Unrouted: m.Unrouted}
	row.Text = nil
	return row
}

// DeliveryRow is a delivery as lists show it.
type DeliveryRow struct {
	Message       *string        `json:"message"`
	Event         string         `json:"event"`
	Destination   string         `json:"destination"`
	Route         *string        `json:"route"`
	State         string         `json:"state"`
	Attempts      int            `json:"attempts"`
	LastResult    *string        `json:"last_result"`
	LastAttemptAt *protocol.Time `json:"last_attempt_at"`
	DoneAt        *protocol.Time `json:"done_at"`
	Replay        bool           `json:"replay"`
	Tries         []TryRow       `json:"tries"`
}

// TryRow is one attempt.
type TryRow struct {
	At     protocol.Time `json:"at"`
	Result string        `json:"result"`
	Answer *string       `json:"answer"`
}

func (h *Handler) deliveryRow(d *pool.Delivery) DeliveryRow {
	if d.State == pool.Pending {
		h.o.Forward.Progress(d)
	}
	row := DeliveryRow{
		Message: protocol.OptionalID(protocol.MessageID, uint64(d.Message)), Event: protocol.ID(protocol.EventID, uint64(d.Event)),
		Destination: d.Destination, Route: protocol.Optional(d.Route), State: string(d.State), Attempts: d.Attempts, Replay: d.Replay,
		DoneAt: protocol.OptionalTime(d.DoneAt), Tries: []TryRow{},
	}
	for _, a := range d.Last {
		row.Tries = append(row.Tries, TryRow{protocol.Time(a.At), a.Result, protocol.Optional(a.Answer)})
		row.LastResult, row.LastAttemptAt = protocol.Optional(a.Result), protocol.OptionalTime(a.At)
	}
	return row
}

// DestinationRow is a destination as lists show it.
type DestinationRow struct {
	Name       string         `json:"name"`
	Kind       string         `json:"kind"`
	State      string         `json:"state"`
	Why        *string        `json:"why"`
	Depth      int            `json:"depth"`
	Held       int            `json:"held"` // of depth, those of a restored backup that wait for a resume
	Oldest     *protocol.Time `json:"oldest"`
	LastResult *string        `json:"last_result"`
	LastAt     *protocol.Time `json:"last_attempt_at"`
}

func destinationRow(d *Destination) DestinationRow {
	return DestinationRow{
		Name: d.Name, Kind: d.Kind, State: d.State, Why: protocol.Optional(d.Why), Depth: d.Depth, Held: d.Held, Oldest: protocol.OptionalTime(d.Oldest),
		LastResult: protocol.Optional(d.LastResult), LastAt: protocol.OptionalTime(d.LastAt),
	}
}

// ReservationRow is a reservation as the operator sees it.
type ReservationRow struct {
	protocol.Reservation
	App   string `json:"app"`
	ICCID string `json:"iccid"`
}

// AlarmRow is an alarm as the operator sees it.
type AlarmRow struct {
	Alarm   string        `json:"alarm"`
	Subject *string       `json:"subject"`
	State   string        `json:"state"`
	Detail  string        `json:"detail"`
	Since   protocol.Time `json:"since"`
}

func alarmRow(a *pool.Alarm) AlarmRow {
	row := AlarmRow{Alarm: string(a.Name), Subject: protocol.Optional(a.Subject), State: "cleared", Detail: a.Detail, Since: protocol.Time(a.Since)}
	if a.Raised {
		row.State = "raised"
	}
	return row
}

// AuditRow is one entry of the audit log.
type AuditRow struct {
	Seq     uint64        `json:"seq"`
	At      protocol.Time `json:"at"`
	Who     string        `json:"who"`
	What    string        `json:"what"`
	Subject *string       `json:"subject"`
	Why     *string       `json:"why"`
	Hash    string        `json:"hash"`
}

// page is limit, after and the filters of a list.
type page struct {
	limit  int
	after  string
	filter url.Values
}

// page reads the query. filters are the names of fields that may be filtered by.
func (x *exchange) page(filters ...string) (page, error) {
	q, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return page{}, &protocol.Invalid{Name: "query", Why: "can't be read: is every value escaped?"}
	}
	p := page{limit: 100, after: q.Get("after"), filter: url.Values{}}
	for name, values := range q {
		switch {
		case len(values) > 1:
			return p, &protocol.Invalid{Name: name, Why: "stands twice"}
		case name == "limit":
			n, err := strconv.Atoi(values[0])
			if err != nil || n < 1 || n > 1000 {
				return p, &protocol.Invalid{Name: "limit", Why: "must be a whole number from 1 to 1000"}
			}
			p.limit = n
		case name == "after":
		case slices.Contains(filters, name):
			p.filter.Set(name, values[0])
		default:
			return p, &protocol.Invalid{Name: name, Why: "unknown parameter"}
		}
	}
	return p, nil
}

// takes says whether a row has the fields that are asked for. fields are name, value.
func (p *page) takes(fields map[string]string) bool {
	for name := range p.filter {
		if want, ok := fields[name]; ok && want != p.filter.Get(name) {
			return false
		}
	}
	return true
}

// afterID reads after as an id of one kind.
func (p *page) afterID(prefix string) (pool.ID, error) {
	if p.after == "" {
		return 0, nil
	}
	n, ok := protocol.ParseID(prefix, p.after)
	if !ok {
		return 0, &protocol.Invalid{Name: "after", Why: "not what next said"}
	}
	return pool.ID(n), nil
}

// slice pages a list whose rows have no id.
func slice[T any](p page, all []T) (protocol.List[T], error) {
	out := protocol.List[T]{Items: []T{}}
	at := 0
	if p.after != "" {
		n, err := strconv.Atoi(p.after)
		if err != nil || n < 0 {
			return out, &protocol.Invalid{Name: "after", Why: "not what next said"}
		}
		at = n
	}
	for i := at; i < len(all); i++ {
		if len(out.Items) == p.limit {
			next := strconv.Itoa(i)
			out.Next = &next
			break
		}
		out.Items = append(out.Items, all[i])
	}
	return out, nil
}
