package pool

import "time"

const (
	downAfter       = 30 * time.Second // without a good answer a modem is told to be down
	exhaustedPeriod = time.Minute      // between two delivery.exhausted of one destination
)

// tell commits an event that no route decides on, with what else c has; it goes to each
// destination that lists its type, except the one that it is not for.
func (p *Pool) tell(ev Event, c *Change, not string) {
	jobs := p.broadcast(ev, c, not)
	p.submit(c, func() {
		p.deliver(jobs)
		p.told(ev, nil)
	})
}

// watchModem notes whether a modem that cannot receive is to be told of as down.
func (p *Pool) watchModem(st *modemState, heard, now time.Time) {
	switch {
	case st.Ready:
		st.downAt = time.Time{}
		if st.toldDown {
			st.toldDown = false
			p.tellModem(st, ModemUp, now)
		}
	case st.downAt.IsZero() && !st.toldDown:
		if heard.IsZero() {
			heard = now
		}
		st.downAt = heard.Add(downAfter)
		p.kick()
	}
}

// tellModems tells of modems that have been down for long enough, and returns when the
// next will have been.
func (p *Pool) tellModems(now time.Time) (next time.Time) {
	for _, st := range p.modems {
		switch {
		case st.downAt.IsZero():
		case now.Before(st.downAt):
			next = soonestTime(next, st.downAt)
		default:
			st.downAt, st.toldDown = time.Time{}, true
			p.tellModem(st, ModemDown, now)
		}
	}
	return next
}

func (p *Pool) tellModem(st *modemState, kind EventType, now time.Time) {
	news := &ModemNews{Slot: st.Slot, State: st.State, Reason: st.Reason, ICCID: st.ICCID}
	if s := p.sims[st.ICCID]; s != nil {
		news.Number, news.SIM = s.number, s.name
	}
	p.tell(Event{ID: p.draw(), Type: kind, At: now.UTC().Round(0), Modem: news}, &Change{}, "")
}

// exhaustion gathers what was given up of one destination.
type exhaustion struct {
	Exhaustion
	next time.Time // when it may be told of
}

// GaveUp takes note that a delivery was given up. One event a destination and minute
// tells of it, to others than itself; of such an event itself nobody is told.
func (p *Pool) GaveUp(d *Delivery) {
	if ev, ok := p.store.Event(d.Event); ok && ev.Type == Exhausted {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.exhausted[d.Destination]
	if x == nil {
		x = &exhaustion{}
		p.exhausted[d.Destination] = x
	}
	if x.Count == 0 {
		x.Exhaustion = Exhaustion{Destination: d.Destination, First: d.Event}
	}
	x.Count++
	if len(d.Last) > 0 {
		x.LastResult = d.Last[len(d.Last)-1].Result
	}
	p.kick()
}

// tellExhausted tells of what was given up, and returns when there is more to tell.
func (p *Pool) tellExhausted(now time.Time) (next time.Time) {
	for name, x := range p.exhausted {
		switch {
		case now.Before(x.next):
			if x.Count > 0 {
				next = soonestTime(next, x.next)
			}
		case x.Count == 0:
			delete(p.exhausted, name)
		default:
			news := x.Exhaustion
			p.tell(Event{ID: p.draw(), Type: Exhausted, At: now.UTC().Round(0), Exhaustion: &news}, &Change{}, news.Destination)
			x.Count, x.next = 0, now.Add(exhaustedPeriod)
		}
	}
	return next
}
