package pool

import (
	"slices"
	"time"
)

const (
	firstSweep = time.Minute      // after the start, for receivers of tests that are due
	checkLimit = 15 * time.Second // for a receiver to be looked through
)

// endTests settles what is due, ends late windows, and returns when there is more to do.
func (p *Pool) endTests(now time.Time) (next time.Time) {
	if len(p.openTests) > 0 {
		p.noteRoom(p.store.Room() == nil, now)
	}
	for _, t := range p.openTests {
		for _, i := range t.items {
			if i.settled || i.due.IsZero() || i.splitting {
				continue
			}
			if now.Before(i.due) {
				next = soonestTime(next, i.due)
				continue
			}
			if at := p.itemDue(i, now); !at.IsZero() {
				next = soonestTime(next, at)
			}
		}
		if len(p.noRoom) > 0 {
			next = soonestTime(next, now.Add(time.Second))
		}
	}
	if !p.lateNext.IsZero() && !now.Before(p.lateNext) {
		p.lateNext = time.Time{}
		for _, t := range p.tests {
			if t.lateEnd.IsZero() {
				continue
			}
			if !now.Before(t.lateEnd) {
				p.endLate(t)
				continue
			}
			p.lateNext = soonestTime(p.lateNext, t.lateEnd)
		}
	}
	if !p.lateNext.IsZero() {
		next = soonestTime(next, p.lateNext)
	}
	return next
}

// itemDue decides about an item at its deadline, and returns when to look again; zero:
// it is decided, or the receiver's answer decides.
func (p *Pool) itemDue(i *testItem, now time.Time) time.Time {
	s := p.sims[i.ICCID]
	if i.checking {
		if now.Before(i.giveUp) {
			return i.giveUp
		}
		p.settle(i, ReasonNotReady, now)
		return time.Time{}
	}
	if wait := p.began.Add(firstSweep); i.t.restored && (s == nil || !s.live) && now.Before(wait) {
		return soonestTime(wait, now.Add(time.Second))
	}
	reason := p.sickness(i, s)
	if reason != "" && (s == nil || !s.live) {
		p.settle(i, reason, now)
		return time.Time{}
	}
	i.checking, i.giveUp = true, now.Add(checkLimit)
	slot := s.slot
	p.o.Check(slot, func(err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if i.settled || !i.checking {
			return
		}
		switch {
		case err != nil:
			reason = ReasonNotReady
		case reason == "": // what the check has shown counts, too
			reason = p.sickness(i, p.sims[i.ICCID])
		}
		p.settle(i, reason, time.Now())
	})
	return i.giveUp
}

// settle ends an item of which nothing whole has come. reason is why its receiver proves
// nothing; empty: it was well.
func (p *Pool) settle(i *testItem, reason string, now time.Time) {
	if have, total := p.openPart(i); have > 0 && i.Receipt != ReceiptReceived {
		i.Receipt = ReceiptPartial
		i.note(PartsMissing, total, have, false)
	}
	switch {
	case i.Receipt == ReceiptReceived: // it came, and a restart was faster than its provider's answer
	case i.Receipt == ReceiptPartial:
		i.Reason = reason
	case reason == "" && !i.AskedAt.IsZero() && !i.Answered:
		i.Receipt, i.Reason = ReceiptInconclusive, ReasonUnanswered
	case reason != "":
		i.Receipt, i.Reason = ReceiptInconclusive, reason
	default:
		i.Receipt = ReceiptNone
	}
	i.conclude()
	c := &Change{}
	then := p.itemSettled(i, c, now)
	c.Items = append(c.Items, i.Item)
	p.submit(c, then)
}

// itemSettled notes that nothing more is awaited for an item.
func (p *Pool) itemSettled(i *testItem, c *Change, now time.Time) (then func()) {
	i.settled, i.checking = true, false
	if s := p.sims[i.ICCID]; s != nil {
		p.attend(s)
	}
	return p.closeIfSettled(i.t, c, now)
}

// closeIfSettled closes a test for none of whose items anything is awaited any more, in
// c. The function it returns is to run when that is on disk.
func (p *Pool) closeIfSettled(t *trial, c *Change, now time.Time) (then func()) {
	if t.State != TestOpen || slices.ContainsFunc(t.items, func(i *testItem) bool { return !i.settled }) {
		return nil
	}
	t.State, t.Verdict, t.ClosedAt = TestClosed, worst(t.items), p.boot.moment(now)
	p.beginLate(t, now)
	c.Tests = append(c.Tests, t.Test)
	ev := Event{ID: p.draw(), Type: TestFinished, At: now.UTC().Round(0), Test: t.finished()}
	jobs := p.broadcast(ev, c, "")
	p.monitorClosed(t, c, now)
	return func() {
		p.countTest(ev.Test)
		p.deliver(jobs)
		p.told(ev, nil)
		close(t.ended)
	}
}

// finished is a copy of a test with its items.
func (t *trial) finished() *FinishedTest {
	f := &FinishedTest{Test: t.Test}
	for _, i := range t.items {
		item := i.Item
		item.Findings = slices.Clone(item.Findings)
		f.Of = append(f.Of, item)
	}
	return f
}

func (p *Pool) beginLate(t *trial, now time.Time) {
	t.lateEnd = now.Add(t.Late)
	t.LateUntil = deadline{p.boot.moment(t.lateEnd), t.Late}
	delete(p.openTests, t.ID)
	p.lateNext = soonestTime(p.lateNext, t.lateEnd)
	p.kick()
}

// countTest counts the items of a test that has closed: once, when that is on disk.
func (p *Pool) countTest(f *FinishedTest) {
	for n := range f.Of {
		i := &f.Of[n]
		p.o.Count.TestItem(f.Monitor, i.Country, i.Operator, i.Verdict)
		for _, x := range i.Findings {
			p.o.Count.TestFinding(f.Monitor, x.Code)
		}
		if i.Receipt == ReceiptReceived && i.Latency != nil {
			p.o.Count.TestLatency(f.Monitor, i.Country, i.Operator, *i.Latency)
		}
	}
	if len(f.Of) == 0 { // a monitor that found no number: no silence
		p.o.Count.TestItem(f.Monitor, "", "", VerdictSkipped)
	}
}

// endLate ends a late window: what the provider claimed is held against what came.
func (p *Pool) endLate(t *trial) {
	t.Done = true
	for _, i := range t.items {
		if t.State == TestCancelled || i.Verdict == VerdictSkipped || i.DLR == DLRNotExpected {
			continue
		}
		switch {
		case i.DLR == DLRDelivered && i.Receipt == ReceiptNone && !i.found(SendRefused):
			i.note(DLRFalse, nil, nil, true)
		case i.DLR == DLRWaiting && !i.found(SendRefused):
			i.note(DLRMissing, nil, nil, true)
		}
	}
	c := &Change{}
	p.putTest(c, t, true)
	f := t.finished()
	p.forgetTest(t)
	p.submit(c, func() {
		for n := range f.Of {
			if i := &f.Of[n]; f.State == TestClosed && i.DLR != DLRNotExpected {
				p.o.Count.TestDLR(f.Monitor, i.Receipt, i.DLR)
			}
		}
	})
}

// sickness says why a receiver proves nothing about an item: it was sick for too long
// between the sending and the deadline, or is at the deadline. Empty: it was well.
func (p *Pool) sickness(i *testItem, s *sim) string {
	switch {
	case s == nil, s.sickFor(i.start, i.due) > sickness, s.sickAt(i.due), !s.live:
		return ReasonNotReady
	}
	var sum time.Duration
	for _, h := range p.noRoom {
		to := h.to
		if to.IsZero() {
			to = i.due
			if h.from.Before(i.due) {
				return ReasonNoRoom
			}
		}
		sum += overlap(h.from, to, i.start, i.due)
	}
	if sum > sickness {
		return ReasonNoRoom
	}
	return ""
}

// overlap is how long both spans last.
func overlap(a, b, from, to time.Time) time.Duration {
	if a.Before(from) {
		a = from
	}
	if b.After(to) {
		b = to
	}
	return max(b.Sub(a), 0)
}

// sickAt says whether the card's receiver was not live at t.
func (s *sim) sickAt(t time.Time) bool {
	if !s.live && (s.sickSince.IsZero() || !t.Before(s.sickSince)) {
		return true
	}
	return slices.ContainsFunc(s.sick, func(h span) bool { return !t.Before(h.from) && t.Before(h.to) })
}

// noteRoom remembers when intake stopped for want of room.
func (p *Pool) noteRoom(room bool, now time.Time) {
	n := len(p.noRoom)
	open := n > 0 && p.noRoom[n-1].to.IsZero()
	switch {
	case !room && !open:
		p.noRoom = append(p.noRoom, span{from: now})
		p.noRoom = p.noRoom[max(0, len(p.noRoom)-keepSpans):]
	case room && open:
		p.noRoom[n-1].to = now
	}
}

// restoreTest takes a test that the store has.
func (p *Pool) restoreTest(f *FinishedTest, now time.Time) {
	t := &trial{Test: f.Test, ended: make(chan struct{}), restored: f.State == TestOpen}
	if t.State != TestOpen {
		close(t.ended)
	}
	for _, k := range f.Of {
		i := &testItem{Item: k, t: t, gone: true}
		// What is awaited stands in its verdict and receipt alone.
		i.settled = t.State != TestOpen || i.Verdict != VerdictOpen
		t.items = append(t.items, i)
	}
	p.placeTest(t, now)
	p.enlistTest(t)
	if m := p.monitor(t.Monitor); m != nil && t.State == TestOpen {
		m.running, m.begun = t, t.created
	}
	if t.State == TestOpen && len(t.items) > 0 && !slices.ContainsFunc(t.items, func(i *testItem) bool { return !i.settled }) {
		c := &Change{}
		p.submit(c, p.closeIfSettled(t, c, now))
	}
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// placeTest puts a test's times on this process's clock, as place does a booking's.
func (p *Pool) placeTest(t *trial, now time.Time) {
	synced := p.o.Synchronised()
	t.unplaced = false
	at := func(d deadline) time.Time {
		v, ok := p.boot.local(d.Moment, synced, now)
		if !ok {
			t.unplaced, p.unplaced = true, true
			return p.began.Add(max(d.Length, unsyncedLimit))
		}
		return earliest(v, now.Add(d.Length)) // a clock that was ahead keeps nothing open for years
	}
	t.created, _ = p.boot.local(t.CreatedAt, synced, now)
	if t.State != TestOpen {
		t.lateEnd = at(t.LateUntil)
		p.lateNext = soonestTime(p.lateNext, t.lateEnd)
	}
	for _, i := range t.items {
		if i.settled {
			continue
		}
		i.due = at(i.Due)
		i.start = i.due.Add(-t.Deadline)
		if t.unplaced { // the time without the process counts as sickness
			i.start = earliest(i.start, p.began.Add(-t.Deadline))
		}
	}
}
