package pool

import (
	"slices"
	"time"
)

// trip is how a message came: when its first and last part did on this process's clock,
// and whether they came in another order than theirs.
type trip struct {
	first, last time.Time
	disorder    bool
}

// matchTest gives a message to the item that it is of, in c. The function it returns is
// to run when that is on disk.
func (p *Pool) matchTest(s *sim, m *Message, way trip, c *Change, now time.Time) (then func()) {
	if m.Kind != Text || m.Text == nil || len(s.items) == 0 {
		return nil
	}
	i, lost, split := p.itemOf(s, *m.Text, m.Complete)
	if i == nil {
		return nil
	}
	last := p.boot.moment(way.last)
	last.Wall = m.CompletedAt
	return p.give(i, &seenMessage{Message: m, text: *m.Text, last: last, disorder: way.disorder, lost: lost, split: split}, c, now)
}

// itemOf is the item that a text is of: the one whose token it holds, else the one open
// item of the number that it is like, unless another application holds the number.
func (p *Pool) itemOf(s *sim, text string, complete bool) (hit *testItem, lost, split bool) {
	n := 0
	for _, i := range s.items {
		if there, parted := holds(text, i.Token, i.Text); there {
			hit, split = i, parted
			n++
		}
	}
	switch {
	case n == 1:
		return hit, false, split
	case n > 1: // of two it is nobody's
		return nil, false, false
	}
	for _, i := range s.items {
		if i.settled || i.Text == "" || i.Receipt != ReceiptWaiting || p.heldByOther(s, i.t.App) {
			continue
		}
		if complete && like(i.Text, text) || !complete && likePart(i.Text, text) {
			hit = i
			n++
		}
	}
	if n != 1 {
		return nil, false, false
	}
	return hit, true, false
}

func (p *Pool) heldByOther(s *sim, app string) bool {
	b := s.reservation
	return b != nil && !b.over(time.Now()) && b.App != app
}

// give hands a message to its item: the message belongs to that test alone.
func (p *Pool) give(i *testItem, m *seenMessage, c *Change, now time.Time) (then func()) {
	t := i.t
	m.Test, m.App, m.Reservation = t.ID, t.App, 0
	switch {
	case !i.settled && m.Complete:
		i.Findings = slices.DeleteFunc(i.Findings, func(f Finding) bool { return f.Code == PartsMissing })
		i.judge(&t.Test, m, p.o.Decoder.Segments)
		i.gone = m.Arrival != Announced
		i.conclude()
		if i.asking && i.Sent.IsZero() { // its latency is known when the request is written
			i.Verdict, i.splitting = VerdictOpen, true
			break
		}
		then = p.itemSettled(i, c, now)
	case !i.settled:
		i.Receipt, i.Message, i.SMSC, i.FirstPartAt = ReceiptPartial, m.ID, m.SMSC, m.ReceivedAt
		i.note(PartsMissing, m.Parts.Total, m.Parts.Received, false)
	case i.Receipt == ReceiptReceived:
		p.duplicate(i)
	case m.Complete && t.State != TestCancelled:
		if i.Receipt != ReceiptLate {
			p.o.Count.TestLate(t.Monitor)
		}
		i.Receipt, i.Message, i.SMSC, i.FirstPartAt, i.LastPart = ReceiptLate, m.ID, m.SMSC, m.ReceivedAt, m.last
		i.time(m)
	case i.Message == 0:
		i.Message = m.ID
	}
	c.Items = append(c.Items, i.Item)
	return then
}

// duplicate notes that a message came again; it weighs only while the test is open.
func (p *Pool) duplicate(i *testItem) {
	late := i.t.State != TestOpen
	if i.note(DuplicateMessage, nil, nil, late) && !late {
		i.conclude()
	}
}

// repeated notes that the network has brought a test's message again, after the first
// one was deleted from the modem: before that it may be our own reading.
func (p *Pool) repeated(m *Message, c *Change) {
	t := p.tests[m.Test]
	if t == nil {
		return
	}
	for _, i := range t.items {
		if i.Message == m.ID && i.Receipt == ReceiptReceived && i.gone && !i.found(DuplicateMessage) {
			p.duplicate(i)
			c.Items = append(c.Items, i.Item)
		}
	}
}

// Deleted notes that the modem's copy of a PDU was deleted from it, or acknowledged.
func (p *Pool) Deleted(iccid string, pdu []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sims[p.known(iccid)]
	if s == nil || len(s.items) == 0 {
		return
	}
	digest := p.o.Decoder.Digest(pdu)
	if d, err := p.o.Decoder.Decode(pdu); err == nil {
		digest = d.Digest
	}
	r := p.recent[seenKey{s.ICCID, digest}]
	if r == nil {
		return
	}
	for _, i := range s.items {
		if i.Message == r.Holder && i.Message != 0 {
			i.gone = true
		}
	}
}

// ringTest gives a call to the open call item of its number.
func (p *Pool) ringTest(s *sim, call *Call, at time.Time, c *Change, now time.Time) (then func()) {
	for _, i := range s.items {
		if !i.t.Call || i.settled {
			continue
		}
		t := i.t
		call.Test, call.App, call.Reservation = t.ID, t.App, 0
		i.Receipt, i.CallID, i.FirstPartAt = ReceiptReceived, call.ID, call.StartedAt
		i.LastPart = p.boot.moment(at)
		i.LastPart.Wall = call.StartedAt
		i.Latency = i.latency()
		i.judgeSender(&t.Expect, &seenMessage{Message: &Message{From: call.From, FromKind: "international"}})
		if i.Latency != nil && *i.Latency > t.Degraded.Seconds() {
			i.note(Slow, t.Degraded.Seconds(), *i.Latency, false)
		}
		i.conclude()
		then = p.itemSettled(i, c, now)
		c.Items = append(c.Items, i.Item)
		return then
	}
	return nil
}

// openPart says whether a message that is still being put together is of an item, and
// how many of its parts are there.
func (p *Pool) openPart(i *testItem) (have, total int) {
	s := p.sims[i.ICCID]
	for key, list := range p.assemblies {
		if key.iccid != i.ICCID || s == nil {
			continue
		}
		for _, a := range list {
			pdus := make([][]byte, len(a.parts))
			for n, part := range a.parts {
				if part != nil {
					pdus[n] = part.PDU
				}
			}
			if of, _, _ := p.itemOf(s, p.o.Decoder.Join(pdus), false); of == i {
				return a.have, key.total
			}
		}
	}
	return 0, 0
}
