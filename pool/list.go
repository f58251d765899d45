package pool

import (
	"strings"
	"time"
)

// Query chooses messages or calls. Empty fields choose all.
type Query struct {
	Number      string
	From        string // without case
	Contains    string
	Reservation ID
	Test        ID
	Since       time.Time // completed from then on
	After       ID        // exclusive, in the direction of the list; 0: from its begin
	Ascending   bool
	Limit       int
}

func (q *Query) takes(number, from string, text *string, reservation, test ID, at time.Time) bool {
	return (q.Number == "" || q.Number == number) &&
		(q.From == "" || strings.EqualFold(q.From, from)) &&
		(q.Reservation == 0 || q.Reservation == reservation) &&
		(q.Test == 0 || q.Test == test) &&
		(q.Since.IsZero() || !at.Before(q.Since)) &&
		(q.Contains == "" || text != nil && strings.Contains(*text, q.Contains))
}

// Messages lists what an application sees. next is what to pass as After for more, 0 at the end.
func (p *Pool) Messages(app string, q Query) (items []*Message, next ID) {
	p.store.Messages(q.After, q.Ascending, func(m *Message) bool {
		if !q.takes(m.Number, m.From, m.Text, m.Reservation, m.Test, m.CompletedAt) || !p.Sees(app, m) {
			return true
		}
		if len(items) == q.Limit {
			next = items[len(items)-1].ID
			return false
		}
		items = append(items, m)
		return true
	})
	for _, m := range items {
		p.Reads(app, m.ICCID)
	}
	return items, next
}

// Calls lists what an application sees, as Messages does.
func (p *Pool) Calls(app string, q Query) (items []*Call, next ID) {
	p.store.Calls(q.After, q.Ascending, func(c *Call) bool {
		if !q.takes(c.Number, c.From, nil, c.Reservation, c.Test, c.StartedAt) || !p.SeesCall(app, c) {
			return true
		}
		if len(items) == q.Limit {
			next = items[len(items)-1].ID
			return false
		}
		items = append(items, c)
		return true
	})
	return items, next
}

// Reservations lists an application's, newest first; of the operator, app "", all.
func (p *Pool) Reservations(app string, open bool, q Query) (items []*ReservationView, next ID) {
	p.store.Reservations(q.After, q.Ascending, func(r *Reservation) bool {
		if app != "" && r.App != app || open && !r.EndedAt.IsZero() {
			return true
		}
		if len(items) == q.Limit {
			next = items[len(items)-1].ID
			return false
		}
		items = append(items, p.view(r))
		return true
	})
	return items, next
}
