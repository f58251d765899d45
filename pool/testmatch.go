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
	i, lost, split := p.itemOf(s, &heard{text: *m.Text, complete: m.Complete, parts: m.Parts.Total, holder: m.App})
	if i == nil {
		return nil
	}
	last := p.boot.moment(way.last)
	last.Wall = m.CompletedAt
	return p.give(i, &seenMessage{Message: m, text: *m.Text, last: last, at: way.last, disorder: way.disorder, lost: lost, split: split}, c, now)
}

// heard is a text that came, or what has come of it.
type heard struct {
	text     string
	complete bool
	parts    int    // of the whole message
	holder   string // application whose reservation it falls into; empty: nobody's
}

// itemOf is the item that a text is of: the one whose token it holds, else the one open
// item of the number that it is like, unless another application holds the number. A
// token that we drew goes before one that a caller has made, which may be any word.
func (p *Pool) itemOf(s *sim, h *heard) (hit *testItem, lost, split bool) {
	for _, own := range []bool{false, true} {
		n := 0
		for _, i := range s.items {
			if i.OwnToken != own || own && !i.takesOwn(h) {
				continue
			}
			if there, parted := holds(h.text, i.Token, i.Text); there {
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
	}
	n, cells := 0, 0
	for _, i := range s.items {
		if i.settled || i.Text == "" || i.Receipt != ReceiptWaiting || p.heldByOther(s, i.t.App) {
			continue
		}
		// Among so many that might be it, it is nobody's: the pool is locked meanwhile.
		if shared(i.Text, h.text)*100 >= likeness*min(len(i.Text), len(h.text)) {
			if cells += len(i.Text) * len(h.text); cells > mostCells {
				return nil, false, false
			}
		}
		if h.complete && like(i.Text, h.text) || !h.complete && p.likePart(i, h) {
			hit = i
			n++
		}
	}
	if n != 1 {
		return nil, false, false
	}
	return hit, true, false
}

// takesOwn says whether a text may be taken by a token that the item's caller has made:
// not another's, and not once the item has its message.
func (i *testItem) takesOwn(h *heard) bool {
	return (h.holder == "" || h.holder == i.t.App) && i.Receipt != ReceiptReceived && i.Receipt != ReceiptLate
}

// likePart says whether parts of a message may be of an item that has lost its token: as
// many parts belong to it, and of what came nearly all is there, in order.
func (p *Pool) likePart(i *testItem, h *heard) bool {
	parts, _ := p.o.Decoder.Segments(i.Text)
	return parts == h.parts && likePart(i.Text, h.text)
}

func (p *Pool) heldByOther(s *sim, app string) bool {
	b := s.reservation
	return b != nil && !b.over(time.Now()) && b.App != app
}

// give hands a message to its item: the message belongs to that test alone.
func (p *Pool) give(i *testItem, m *seenMessage, c *Change, now time.Time) (then func()) {
	t := i.t
	m.Test, m.App, m.Reservation = t.ID, t.App, 0
	if !i.settled && !i.splitting && m.Arrival == Announced && !i.due.IsZero() && m.at.After(i.due) {
		// It came after the deadline, while its receiver was still looked through.
		p.settle(i, p.sickness(i, p.sims[i.ICCID]), now)
	}
	switch {
	case !i.settled && i.splitting:
		p.duplicate(i)
		i.Verdict = VerdictOpen
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
	case i.Receipt == ReceiptReceived, i.Receipt == ReceiptLate:
		p.duplicate(i)
	case m.Complete && t.State != TestCancelled:
		p.o.Count.TestLate(t.Monitor)
		i.Receipt, i.Message, i.SMSC, i.FirstPartAt, i.LastPart = ReceiptLate, m.ID, m.SMSC, m.ReceivedAt, m.last
		i.time(m)
		if i.claimedBefore() {
			i.note(DLRBeforeArrival, nil, nil, true)
		}
	case i.Message == 0:
		i.Message = m.ID
	}
	c.Items = append(c.Items, i.Item)
	return then
}

// duplicate notes that a message came again; it weighs only while the test is open.
func (p *Pool) duplicate(i *testItem) {
	late := i.t.State != TestOpen || i.Receipt == ReceiptLate
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

// nobodys stands for the item of a message that is of none.
var nobodys = &testItem{}

// openPart says whether a message that is still being put together is of an item, and
// how many of its parts are there.
func (p *Pool) openPart(i *testItem) (have, total int) {
	s := p.sims[i.ICCID]
	for key, list := range p.assemblies {
		if key.iccid != i.ICCID || s == nil {
			continue
		}
		for _, a := range list {
			if now := time.Now(); a.of != nil && a.asked == a.have && now.Sub(a.askedAt) < time.Second {
				if a.of == i {
					return a.have, key.total
				}
				continue
			}
			pdus := make([][]byte, len(a.parts))
			for n, part := range a.parts {
				if part != nil {
					pdus[n] = part.PDU
				}
			}
			h := &heard{text: p.o.Decoder.Join(pdus), parts: key.total}
			for _, part := range a.parts {
				if part != nil && part.Holder != nil {
					h.holder = part.Holder.App
				}
			}
			of, _, _ := p.itemOf(s, h)
			if a.of, a.asked, a.askedAt = of, a.have, time.Now(); of == nil {
				a.of = nobodys // so that this is not asked for each item
			}
			if of == i {
				return a.have, key.total
			}
		}
	}
	return 0, 0
}
