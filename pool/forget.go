package pool

import (
	"fmt"
	"time"
)

// ForgetSIM drops what is kept of a card: what it said of itself, and what the operator
// has set. One that is reserved is kept. Its messages stay.
func (p *Pool) ForgetSIM(name string) error {
	p.mu.Lock()
	s := p.find(name)
	if s == nil {
		p.mu.Unlock()
		return refuse(NotFound, "no card is known by this ICCID")
	}
	now := time.Now()
	if b := s.reservation; b != nil && b.EndedAt.IsZero() {
		p.mu.Unlock()
		return refuse(Conflict, "the card is reserved: end the reservation first")
	}
	c := &Change{ForgetSIMs: []string{s.ICCID}, Audit: []Audit{{At: now.UTC().Round(0), Who: "operator", What: "sim.forgotten", Subject: s.ICCID}}}
	s.Set = SIMFacts{}
	if s.slot == "" { // one that is in a modem is known by that
		s.SIM = SIM{ICCID: s.ICCID}
		if s.file == nil && len(s.messages) == 0 {
			delete(p.sims, s.ICCID)
		}
	}
	s.stored = false
	s.derive(p.networks)
	p.countNumbers()
	t := p.submit(c, nil)
	p.mu.Unlock()
	return t.wait()
}

// Forgotten says what was done about a number.
type Forgotten struct {
	Erased  int // messages and calls
	Waiting int // messages that wait for a delivery and are kept until it is over
}

// ForgetNumber erases text, raw PDU and the number itself from every message and call
// that a number has sent or received. The records stay. waiting says whether a
// message's event waits for a delivery: then it is left as it is.
func (p *Pool) ForgetNumber(number, why string, waiting func(event ID) bool) (Forgotten, error) {
	var out Forgotten
	if !IsNumber(number) {
		return out, refuse(InvalidRequest, "number: not a number in international form such as +4915112345678")
	}
	c := &Change{}
	flush := func() error {
		p.mu.Lock()
		t := p.submit(c, nil)
		p.mu.Unlock()
		c = &Change{}
		return t.wait()
	}
	var failed error
	p.store.LiveMessages(func(m *Message) bool {
		if m.From != number && m.Number != number {
			return true
		}
		if waiting(m.ID + 1) {
			out.Waiting++
			return true
		}
		m.erase()
		if m.From == number {
			m.From = ""
		}
		if m.Number == number {
			m.Number = ""
		}
		c.Messages = append(c.Messages, *m)
		out.Erased++
		if len(c.Messages) >= 200 {
			failed = flush()
		}
		return failed == nil
	})
	if failed != nil {
		return out, failed
	}
	p.forgetCalls(number, waiting, c, &out)
	p.forgetParts(number, c, &out)
	archived, err := p.store.ForgetArchived(number)
	if out.Erased += archived; err != nil {
		return out, refuse(StoreUnavailable, "the archive can't be rewritten")
	}
	c.Audit = append(c.Audit, Audit{At: now(), Who: "operator", What: "messages.forgotten", Subject: fmt.Sprintf("%d records", out.Erased), Why: why})
	return out, flush()
}

// forgetParts drops parts that came after their message had gone out; those of a message
// that is being put together wait for it.
func (p *Pool) forgetParts(number string, c *Change, out *Forgotten) {
	p.store.Parts(func(part *Part) bool {
		from := ""
		if d, err := p.o.Decoder.Decode(part.PDU); err == nil {
			from = d.From
		}
		switch {
		case part.Number != number && from != number:
		case part.Message == 0:
			out.Waiting++
		default:
			c.DropParts = append(c.DropParts, part.ID)
		}
		return true
	})
}

// forgetCalls takes a number out of calls and their events. A call of which an event
// waits for a delivery is left as it is.
func (p *Pool) forgetCalls(number string, waiting func(event ID) bool, c *Change, out *Forgotten) {
	kept := map[ID]bool{}
	p.store.Events(0, func(ev *Event) bool {
		if ev.Call != nil && waiting(ev.ID) {
			kept[ev.Call.ID] = true
		}
		return true
	})
	p.store.LiveCalls(func(call *Call) bool {
		switch {
		case call.From != number && call.Number != number:
			return true
		case kept[call.ID]:
			out.Waiting++
			return true
		}
		if call.From == number {
			call.From = ""
		}
		if call.Number == number {
			call.Number = ""
		}
		c.Calls = append(c.Calls, *call)
		out.Erased++
		return true
	})
	p.store.Events(0, func(ev *Event) bool {
		if ev.Call == nil || kept[ev.Call.ID] || ev.Call.From != number && ev.Call.Number != number {
			return true
		}
		call := *ev.Call
		if call.From == number {
			call.From = ""
		}
		if call.Number == number {
			call.Number = ""
		}
		ev.Call = &call
		c.Events = append(c.Events, *ev)
		return true
	})
}

// erase takes away what was said: the text and the PDUs that hold it.
func (m *Message) erase() { m.Text, m.PDUs = nil, nil }
