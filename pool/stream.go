package pool

import "fmt"

// Subscription gets every event after its commit, in the order of ids.
type Subscription struct {
	p  *Pool
	fn func(Event, *Message)
}

// Subscribe calls fn for every event from now on, by the committing goroutine: it must
// not block, nor take a lock under which somebody calls what waits for a commit (Test, Tests,
// Barrier). The message is the event's, nil when it has none. Close ends it.
func (p *Pool) Subscribe(fn func(Event, *Message)) *Subscription {
	s := &Subscription{p, fn}
	p.mu.Lock()
	p.subscribers[s] = struct{}{}
	p.mu.Unlock()
	return s
}

// Close ends the subscription. fn may run once more.
func (s *Subscription) Close() {
	s.p.mu.Lock()
	delete(s.p.subscribers, s)
	s.p.mu.Unlock()
}

// told tells everybody of an event that is on disk. m is its message, nil when it has none.
func (p *Pool) told(ev Event, m *Message) {
	p.mu.Lock()
	var fns []func(Event, *Message)
	for s := range p.subscribers {
		fns = append(fns, s.fn)
	}
	iccid := ""
	switch {
	case m != nil:
		iccid = m.ICCID
	case ev.Call != nil:
		iccid = ev.Call.ICCID
	}
	for w := range p.waiters[iccid] {
		w.notify()
	}
	p.mu.Unlock()
	for _, fn := range fns {
		fn(ev, m)
	}
}

// SeesEvent says whether an application sees an event now. m is its message, nil when it
// has none. What is the operator's alone, destinations and alarms, no application sees.
func (p *Pool) SeesEvent(app string, ev *Event, m *Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.apps[app]
	switch {
	case a == nil:
		return false
	case m != nil:
		return p.sees(a, m.ICCID, m.App, m.Test, m.From)
	case ev.Call != nil:
		return p.sees(a, ev.Call.ICCID, ev.Call.App, ev.Call.Test, ev.Call.From)
	case ev.Test != nil:
		return ev.Test.App == app
	case ev.Reservation != nil:
		return ev.Reservation.App == app
	case ev.Modem != nil:
		s := p.sims[ev.Modem.ICCID]
		return s != nil && a.Can(ScopeRead) && a.selected(s)
	}
	return false
}

// Resumable says whether every event after that one is still kept: the refusal names
// the oldest one that is.
func (p *Pool) Resumable(after ID) error {
	oldest := p.store.OldestEvent()
	if _, ok := p.store.Event(after); ok && after >= oldest {
		return nil
	}
	if oldest == 0 {
		return refuse(EventsGone, "no event is kept yet")
	}
	return refuse(EventsGone, fmt.Sprintf("the oldest event that is kept is evt_%d", oldest))
}

// Events walks what has happened after an event, oldest first, until yield returns
// false. The message is the event's, nil when it has none.
func (p *Pool) Events(after ID, yield func(*Event, *Message) bool) {
	p.store.Events(after, func(ev *Event) bool {
		if ev.Message == 0 {
			return yield(ev, nil)
		}
		m, ok := p.store.Message(ev.Message)
		return !ok || yield(ev, m)
	})
}

// StopBegun is closed when Stop is called.
func (p *Pool) StopBegun() <-chan struct{} { return p.stopping }
