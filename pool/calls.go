package pool

import "time"

// Ringing is a call that a modem tells of.
type Ringing struct {
	Slot    string
	ICCID   string
	From    string
	Started time.Time // monotonic
	Ended   time.Time // zero: it rings
	Rings   int
}

// Ring takes the first ring of a call, and its end.
func (p *Pool) Ring(r Ringing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if r.ICCID != "" {
		r.ICCID = p.known(r.ICCID)
	}
	if r.Ended.IsZero() {
		p.beginCall(&r, now)
		return
	}
	call := p.calls[r.Slot]
	if call == nil {
		return
	}
	delete(p.calls, r.Slot)
	done := *call
	done.Rings = max(done.Rings, r.Rings)
	done.EndedAt = wall(r.Ended, now)
	p.putCall(done, CallEnded, &Change{}, nil, now)
}

func (p *Pool) beginCall(r *Ringing, now time.Time) {
	call := Call{ID: p.draw(), ICCID: r.ICCID, SIM: r.Slot, Slot: r.Slot, From: r.From, StartedAt: wall(r.Started, now), Rings: max(r.Rings, 1)}
	c := &Change{}
	var then func()
	if r.ICCID != "" {
		s := p.simOf(r.ICCID)
		call.SIM, call.Number = s.name, s.number
		if h := p.holder(s, &Incoming{At: r.Started, Announced: true}, time.Time{}); h != nil {
			call.Reservation, call.App = h.Reservation, h.App
		}
		then = p.ringTest(s, &call, r.Started, c, now)
	}
	p.calls[r.Slot] = &call
	p.o.Count.Call(r.Slot)
	p.putCall(call, CallReceived, c, then, now)
}

// endCall ends a call of an earlier run, of whose end nobody knows.
func (p *Pool) endCall(call Call, now time.Time) {
	call.EndedAt = now.UTC().Round(0)
	p.putCall(call, CallEnded, &Change{}, nil, now)
}

// putCall commits a call with its event and what else c has; then runs when that is on disk.
func (p *Pool) putCall(call Call, kind EventType, c *Change, then func(), now time.Time) {
	snapshot := call
	ev := Event{ID: p.draw(), Type: kind, At: now.UTC().Round(0), Call: &snapshot}
	c.Calls, c.Events = append(c.Calls, call), append(c.Events, ev)
	var jobs []Job
	if s := p.sims[call.ICCID]; s != nil && (!p.config.HoldUnlisted || s.listed) {
		hops, _ := p.config.route(&subject{sim: s, from: call.From, kind: kind, at: now, test: call.Test != 0})
		for _, h := range hops {
			d := Delivery{Event: ev.ID, Destination: h.destination, Route: h.route, State: Pending, Since: ev.At, ICCID: call.ICCID}
			c.Deliveries = append(c.Deliveries, d)
			jobs = append(jobs, Job{Delivery: d, What: ev})
		}
	}
	p.submit(c, func() {
		p.deliver(jobs)
		p.told(ev, nil)
		run(then)
	})
}
