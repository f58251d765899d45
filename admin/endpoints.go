package admin

import (
	"net/http"
	"slices"
	"sort"
	"strconv"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
)

// endpoints by pattern.
func (h *Handler) endpoints() map[string]func(*exchange) (any, error) {
	return map[string]func(*exchange) (any, error){
		"GET /api/v1/status":                      status,
		"GET /api/v1/modems":                      modems,
		"GET /api/v1/sims":                        sims,
		"GET /api/v1/sims/{iccid}":                oneSIM,
		"PATCH /api/v1/sims/{iccid}":              patchSIM,
		"DELETE /api/v1/sims/{iccid}":             forgetSIM,
		"GET /api/v1/messages":                    messages,
		"DELETE /api/v1/messages":                 forgetNumber,
		"POST /api/v1/routes/try":                 tryRoutes,
		"GET /api/v1/messages/{id}":               oneMessage,
		"POST /api/v1/messages/{id}/resend":       resendOne,
		"POST /api/v1/messages/resend":            resendMany,
		"GET /api/v1/calls":                       calls,
		"GET /api/v1/deliveries":                  deliveries,
		"GET /api/v1/reservations":                reservations,
		"POST /api/v1/reservations/{id}/end":      endReservation,
		"GET /api/v1/destinations":                destinations,
		"POST /api/v1/destinations/{name}/test":   testDestination,
		"POST /api/v1/destinations/{name}/pause":  pauseDestination,
		"POST /api/v1/destinations/{name}/resume": resumeDestination,
		"GET /api/v1/tests":                       tests,
		"POST /api/v1/tests":                      startTest,
		"GET /api/v1/tests/{id}":                  oneTest,
		"DELETE /api/v1/tests/{id}":               cancelTest,
		"GET /api/v1/monitors":                    monitors,
		"POST /api/v1/monitors/{name}/run":        runMonitor,
		"POST /api/v1/monitors/{name}/pause":      pauseMonitor,
		"POST /api/v1/monitors/{name}/resume":     resumeMonitor,
		"GET /api/v1/audit":                       auditLog,
	}
}

// streamed are the endpoints that write their answer bit by bit.
func (h *Handler) streamed() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /api/v1/events":          h.events,
		"GET /api/v1/messages/export": h.exportMessages,
		"GET /api/v1/audit/export":    h.exportAudit,
		"GET /api/v1/backup":          h.backup,
	}
}

// Status is the whole gateway in a few numbers.
type Status struct {
	Version      string         `json:"version"`
	Since        protocol.Time  `json:"since"`
	Modems       map[string]int `json:"modems"`
	Numbers      map[string]int `json:"numbers"`
	Outbox       int            `json:"outbox"`
	PartsPending int            `json:"parts_pending"`
	StoreBytes   int64          `json:"store_bytes"`
	Ready        bool           `json:"ready"`
	Alarms       []AlarmRow     `json:"alarms"`
}

func status(x *exchange) (any, error) {
	s := Status{
		Version: x.h.o.Version, Since: protocol.Time(x.h.began), Modems: map[string]int{}, Numbers: map[string]int{},
		PartsPending: x.h.o.Pool.PartsPending(), StoreBytes: x.h.o.Store.Bytes(), Ready: x.h.o.Ready() == nil, Alarms: []AlarmRow{},
	}
	for _, a := range x.h.o.Pool.Alarms() {
		s.Alarms = append(s.Alarms, alarmRow(&a))
	}
	for _, m := range x.h.o.Pool.Modems() {
		s.Modems[m.State]++
	}
	for _, c := range x.h.o.Pool.AllNumbers() {
		s.Numbers["free"] += c.Free
		s.Numbers["reserved"] += c.Reserved
		s.Numbers["quiet"] += c.Quiet
		s.Numbers["down"] += c.Down
	}
	for _, d := range x.h.o.Forward.Status() {
		s.Outbox += d.Depth
	}
	return s, nil
}

func modems(x *exchange) (any, error) {
	p, err := x.page("slot", "state", "family", "iccid")
	if err != nil {
		return nil, err
	}
	var out []ModemRow
	for _, m := range x.h.o.Pool.Modems() {
		if p.takes(map[string]string{"slot": m.Slot, "state": m.State, "family": m.Family, "iccid": m.ICCID}) {
			out = append(out, modemRow(&m))
		}
	}
	return slice(p, out)
}

func sims(x *exchange) (any, error) {
	p, err := x.page("iccid", "number", "name", "country", "operator", "state", "slot")
	if err != nil {
		return nil, err
	}
	var out []SIMRow
	for _, s := range x.h.o.Pool.SIMs() {
		if p.takes(map[string]string{"iccid": s.ICCID, "number": s.Number, "name": s.SIM, "country": s.Country, "operator": s.Operator,
			"state": string(s.State), "slot": s.Slot}) {
			out = append(out, simRow(&s))
		}
	}
	return slice(p, out)
}

func oneSIM(x *exchange) (any, error) {
	s, whys, err := x.h.o.Pool.SIM(x.r.PathValue("iccid"))
	if err != nil {
		return nil, err
	}
	row := simRow(s)
	row.Why = []WhyRow{}
	for _, w := range whys {
		row.Why = append(row.Why, WhyRow{w.App, w.Free, protocol.Optional(w.Reason)})
	}
	return row, nil
}

// SIMPatch is the body of PATCH /api/v1/sims/{iccid}. What is left out stays.
type SIMPatch struct {
	Name    *string   `json:"name,omitempty"`
	Number  *string   `json:"number,omitempty"`
	Tags    *[]string `json:"tags,omitempty"`
	Enabled *bool     `json:"enabled,omitempty"`
	Note    *string   `json:"note,omitempty"`
}

func patchSIM(x *exchange) (any, error) {
	var b SIMPatch
	if err := x.read(&b); err != nil {
		return nil, err
	}
	s, err := x.h.o.Pool.SetSIM(x.r.PathValue("iccid"), pool.SIMFacts{Name: b.Name, Number: b.Number, Tags: b.Tags, Enabled: b.Enabled, Note: b.Note})
	if err != nil {
		return nil, err
	}
	row := simRow(s)
	x.h.streams.tell("sim", func() any { return row })
	return row, nil
}

// Forgotten says what was done.
type Forgotten struct {
	Erased  int `json:"erased"`
	Waiting int `json:"waiting"`
}

func forgetSIM(x *exchange) (any, error) {
	return Forgotten{Erased: 1}, x.h.o.Pool.ForgetSIM(x.r.PathValue("iccid"))
}

func forgetNumber(x *exchange) (any, error) {
	p, err := x.page("number", "why")
	if err != nil {
		return nil, err
	}
	if p.filter.Get("why") == "" {
		return nil, &protocol.Invalid{Name: "why", Why: "is missing: it goes into the audit log"}
	}
	f, err := x.h.o.Pool.ForgetNumber(p.filter.Get("number"), p.filter.Get("why"), func(event pool.ID) bool {
		return slices.ContainsFunc(x.h.o.Store.Deliveries(event), func(d pool.Delivery) bool { return d.State == pool.Pending })
	})
	return Forgotten(f), err
}

func messages(x *exchange) (any, error) {
	p, err := x.page("number", "from", "kind", "sim", "slot", "undelivered", "unrouted", "undecodable")
	if err != nil {
		return nil, err
	}
	after, err := p.afterID(protocol.MessageID)
	if err != nil {
		return nil, err
	}
	waits := map[pool.ID]bool{}
	if p.filter.Get("undelivered") == "true" {
		x.h.o.Store.AllDeliveries(0, func(d pool.Delivery) bool {
			waits[d.Message] = waits[d.Message] || d.State != pool.Done
			return true
		})
	}
	out := protocol.List[MessageRow]{Items: []MessageRow{}}
	x.h.o.Store.Messages(after, false, func(m *pool.Message) bool {
		if !p.takes(map[string]string{"number": m.Number, "from": m.From, "kind": string(m.Kind), "sim": m.SIM, "slot": m.Slot,
			"unrouted": strconv.FormatBool(m.Unrouted), "undecodable": strconv.FormatBool(m.Undecodable),
			"undelivered": strconv.FormatBool(waits[m.ID])}) {
			return true
		}
		if len(out.Items) == p.limit {
			out.Next = &out.Items[len(out.Items)-1].ID
			return false
		}
		out.Items = append(out.Items, x.h.messageRow(m))
		return true
	})
	return out, nil
}

// messageID reads the id of the path.
func (x *exchange) messageID() (pool.ID, error) {
	n, ok := protocol.ParseID(protocol.MessageID, x.r.PathValue("id"))
	if !ok {
		return 0, &pool.Error{Code: pool.NotFound, Detail: "no such message"}
	}
	return pool.ID(n), nil
}

func oneMessage(x *exchange) (any, error) {
	id, err := x.messageID()
	if err != nil {
		return nil, err
	}
	m, ok := x.h.o.Store.Message(id)
	if !ok {
		return nil, &pool.Error{Code: pool.NotFound, Detail: "no such message"}
	}
	row := x.h.messageRow(m)
	for _, d := range x.h.o.Store.Deliveries(id + 1) {
		if d.Message == id {
			row.Deliveries = append(row.Deliveries, x.h.deliveryRow(&d))
		}
	}
	if x.r.URL.Query().Get("text") == "1" {
		if err := x.h.o.Pool.Audited(pool.Audit{Who: "operator", What: "message.read", Subject: row.ID}); err != nil {
			return nil, err
		}
		row.Text = m.Text
	}
	return row, nil
}

// ResendRequest is the body of POST /api/v1/messages/{id}/resend.
type ResendRequest struct {
	To *string `json:"to"`
}

// ResendSince is the body of POST /api/v1/messages/resend.
type ResendSince struct {
	Since      *protocol.Time `json:"since"`
	To         *string        `json:"to"`
	FailedOnly *bool          `json:"failed_only"`
}

// Resent says how many deliveries were begun.
type Resent struct {
	Deliveries int `json:"deliveries"`
}

func resendOne(x *exchange) (any, error) {
	var b ResendRequest
	if err := x.read(&b); err != nil {
		return nil, err
	}
	id, err := x.messageID()
	if err != nil {
		return nil, err
	}
	to, err := x.destination(b.To)
	if err != nil {
		return nil, err
	}
	n, err := x.h.o.Pool.Resend(id, to, x.h.o.Store.Deliveries(id+1))
	if err != nil {
		return nil, err
	}
	return Resent{n}, nil
}

// destination is one that a request names; empty when it names none.
func (x *exchange) destination(name *string) (string, error) {
	switch {
	case name == nil:
		return "", nil
	case !x.h.o.Pool.HasDestination(*name):
		return "", &pool.Error{Code: pool.NotFound, Detail: "no such destination"}
	}
	return *name, nil
}

func resendMany(x *exchange) (any, error) {
	var b ResendSince
	if err := x.read(&b); err != nil {
		return nil, err
	}
	if b.Since == nil {
		return nil, &protocol.Invalid{Name: "since", Why: "is missing"}
	}
	since := time.Time(*b.Since)
	to, err := x.destination(b.To)
	if err != nil {
		return nil, err
	}
	var ids []pool.ID
	x.h.o.Store.Messages(0, false, func(m *pool.Message) bool {
		if m.CompletedAt.Before(since) {
			return false
		}
		ids = append(ids, m.ID)
		return true
	})
	var out Resent
	for _, id := range slices.Backward(ids) { // oldest first
		rows := x.h.o.Store.Deliveries(id + 1)
		if b.FailedOnly != nil && *b.FailedOnly {
			kept := rows[:0]
			for _, d := range rows {
				if d.State == pool.GivenUp {
					kept = append(kept, d)
				}
			}
			if rows = kept; len(rows) == 0 {
				continue
			}
		}
		n, err := x.h.o.Pool.Resend(id, to, rows)
		if err != nil {
			continue // erased, or of no destination: the others go on
		}
		out.Deliveries += n
	}
	return out, nil
}

func calls(x *exchange) (any, error) {
	p, err := x.page("number", "from", "sim")
	if err != nil {
		return nil, err
	}
	after, err := p.afterID(protocol.CallID)
	if err != nil {
		return nil, err
	}
	out := protocol.List[protocol.Call]{Items: []protocol.Call{}}
	x.h.o.Store.Calls(after, false, func(c *pool.Call) bool {
		if !p.takes(map[string]string{"number": c.Number, "from": c.From, "sim": c.SIM}) {
			return true
		}
		if len(out.Items) == p.limit {
			out.Next = &out.Items[len(out.Items)-1].ID
			return false
		}
		out.Items = append(out.Items, x.h.o.Wire.Call(c))
		return true
	})
	return out, nil
}

func deliveries(x *exchange) (any, error) {
	p, err := x.page("destination", "route", "state", "message")
	if err != nil {
		return nil, err
	}
	after, err := p.afterID(protocol.EventID)
	if err != nil {
		return nil, err
	}
	out := protocol.List[DeliveryRow]{Items: []DeliveryRow{}}
	x.h.o.Store.AllDeliveries(after, func(d pool.Delivery) bool {
		row := x.h.deliveryRow(&d)
		message := ""
		if row.Message != nil {
			message = *row.Message
		}
		if !p.takes(map[string]string{"destination": d.Destination, "route": d.Route, "state": string(d.State), "message": message}) {
			return true
		}
		if len(out.Items) >= p.limit && out.Items[len(out.Items)-1].Event != row.Event {
			out.Next = &out.Items[len(out.Items)-1].Event
			return false
		}
		out.Items = append(out.Items, row)
		return true
	})
	return out, nil
}

func reservations(x *exchange) (any, error) {
	p, err := x.page("app", "number", "open")
	if err != nil {
		return nil, err
	}
	after, err := p.afterID(protocol.ReservationID)
	if err != nil {
		return nil, err
	}
	items, next := x.h.o.Pool.Reservations(p.filter.Get("app"), p.filter.Get("open") == "true", pool.Query{After: after, Limit: p.limit})
	out := protocol.List[ReservationRow]{Items: []ReservationRow{}, Next: protocol.OptionalID(protocol.ReservationID, uint64(next))}
	for _, r := range items {
		if p.takes(map[string]string{"number": r.Number}) {
			out.Items = append(out.Items, ReservationRow{x.h.o.Wire.Reservation(r), r.App, r.ICCID})
		}
	}
	return out, nil
}

// WhyRequest is a body that says why.
type WhyRequest struct {
	Why *string `json:"why"`
}

func (x *exchange) why() (string, error) {
	var b WhyRequest
	if err := x.read(&b); err != nil {
		return "", err
	}
	if b.Why == nil {
		return "", nil
	}
	return *b.Why, nil
}

func endReservation(x *exchange) (any, error) {
	why, err := x.why()
	if err != nil {
		return nil, err
	}
	n, ok := protocol.ParseID(protocol.ReservationID, x.r.PathValue("id"))
	if !ok {
		return nil, &pool.Error{Code: pool.NotFound, Detail: "no such reservation"}
	}
	r, err := x.h.o.Pool.EndReservation(pool.ID(n), why)
	if err != nil {
		return nil, err
	}
	return ReservationRow{x.h.o.Wire.Reservation(r), r.App, r.ICCID}, nil
}

func destinations(x *exchange) (any, error) {
	p, err := x.page("name", "state")
	if err != nil {
		return nil, err
	}
	all := x.h.o.Forward.Status()
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	var out []DestinationRow
	for i := range all {
		if p.takes(map[string]string{"name": all[i].Name, "state": all[i].State}) {
			out = append(out, destinationRow(&all[i]))
		}
	}
	return slice(p, out)
}

// Pinged names the event of a test.
type Pinged struct {
	Event string `json:"event"`
}

func testDestination(x *exchange) (any, error) {
	id, err := x.h.o.Pool.Ping(x.r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return Pinged{protocol.ID(protocol.EventID, uint64(id))}, nil
}

func pauseDestination(x *exchange) (any, error) { return x.pause(true) }

func resumeDestination(x *exchange) (any, error) { return x.pause(false) }

func (x *exchange) pause(paused bool) (any, error) {
	why, err := x.why()
	if err != nil {
		return nil, err
	}
	name := x.r.PathValue("name")
	if !x.h.o.Forward.Pause(name, paused, why) {
		return nil, &pool.Error{Code: pool.NotFound, Detail: "no such destination"}
	}
	if err := x.h.o.Pool.SetDestination(pool.DestinationState{Name: name, Paused: paused, Why: why, Since: time.Now().UTC()}, "operator"); err != nil {
		return nil, err
	}
	for _, d := range x.h.o.Forward.Status() {
		if d.Name == name {
			return destinationRow(&d), nil
		}
	}
	return nil, &pool.Error{Code: pool.NotFound, Detail: "no such destination"}
}

func auditLog(x *exchange) (any, error) {
	p, err := x.page("who", "what", "subject")
	if err != nil {
		return nil, err
	}
	after := uint64(0)
	if p.after != "" {
		if after, err = strconv.ParseUint(p.after, 10, 64); err != nil {
			return nil, &protocol.Invalid{Name: "after", Why: "not what next said"}
		}
	}
	out := protocol.List[AuditRow]{Items: []AuditRow{}}
	x.h.o.Store.Audit(after, func(seq uint64, a pool.Audit, hash string) bool {
		if !p.takes(map[string]string{"who": a.Who, "what": a.What, "subject": a.Subject}) {
			return true
		}
		if len(out.Items) == p.limit {
			next := strconv.FormatUint(out.Items[len(out.Items)-1].Seq, 10)
			out.Next = &next
			return false
		}
		out.Items = append(out.Items, auditRow(seq, a, hash))
		return true
	})
	return out, nil
}
