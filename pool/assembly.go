package pool

import "time"

// assemblyKey is what the parts of one long message have in common (3GPP TS 23.040
// clause 9.2.3.24.1).
type assemblyKey struct {
	iccid, from string
	ref, bits   int
	total       int
}

func keyOf(iccid string, d *Decoded) assemblyKey {
	return assemblyKey{iccid, d.From, d.Ref, d.RefBits, d.Total}
}

// assembly is a long message that lacks parts.
type assembly struct {
	parts []*Part // by place; nil: missing
	have  int
	begun time.Time // first arrival

	of      *testItem // that it was found to be of, nobodys when of none; nil: not asked
	asked   int       // with so many parts
	askedAt time.Time
}

// partial is a long message that went out without some parts.
type partial struct {
	message ID
	stamp   time.Time    // service centre's, of one of its parts; zero: none
	missing map[int]bool // places, from 1
	at      time.Time
}

// add puts a part at its place; false when that is taken.
func (a *assembly) add(part *Part) bool {
	i := part.decoded.Seq - 1
	if i < 0 || i >= len(a.parts) || a.parts[i] != nil {
		return false
	}
	a.parts[i] = part
	a.have++
	if a.begun.IsZero() || part.local.Before(a.begun) {
		a.begun = part.local
	}
	return true
}

// place finds the assembly that a part belongs to, or begins one: a reference that is
// used again has its own.
func (p *Pool) placePart(key assemblyKey, part *Part) *assembly {
	for _, a := range p.assemblies[key] {
		if a.add(part) {
			return a
		}
	}
	a := &assembly{parts: make([]*Part, key.total)}
	a.add(part)
	p.assemblies[key] = append(p.assemblies[key], a)
	return a
}

// takePart keeps one part of a long message; the last one completes it.
func (p *Pool) takePart(s *sim, in *Incoming, d Decoded, done func(error)) {
	now := time.Now()
	part := &Part{
		ID: p.draw(), ICCID: s.ICCID, Slot: in.Slot, Network: in.Network, PDU: in.PDU, At: p.boot.moment(in.At), Arrival: Swept,
		SIM: s.name, Number: s.number, HalfHex: in.HalfHex, decoded: d, local: in.At,
	}
	if in.Announced {
		part.Arrival = Announced
	}
	part.Holder = p.holder(s, in, d.SentAt)
	key := keyOf(s.ICCID, &d)
	seen := &recentSeen{at: now, Seen: Seen{ICCID: s.ICCID, Digest: d.Digest, Holder: part.ID}}
	p.recent[seenKey{s.ICCID, d.Digest}] = seen
	if late := p.latePart(key, &d); late != 0 {
		part.Message, seen.Holder = late, late
		p.store.Submit(&Change{Parts: []Part{*part}, Seen: []Seen{seen.Seen}}, p.noteSeen(seen, done))
		return
	}
	a := p.placePart(key, part)
	if a.have < key.total {
		p.store.Submit(&Change{Parts: []Part{*part}, Seen: []Seen{seen.Seen}}, p.noteSeen(seen, done))
		p.kick()
		return
	}
	p.dropAssembly(key, a)
	p.finishAssembly(s, a, key, now, part, done)
}

func (p *Pool) noteSeen(r *recentSeen, done func(error)) func(error) {
	return func(err error) {
		if err == nil {
			//failpoint:part_kept
			p.mu.Lock()
			r.committed = true
			p.mu.Unlock()
		}
		done(err)
	}
}

func (p *Pool) dropAssembly(key assemblyKey, a *assembly) {
	list := p.assemblies[key]
	for i := range list {
		if list[i] == a {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(p.assemblies, key)
		return
	}
	p.assemblies[key] = list
}

// sameMessage is how far apart the service centre may have stamped the parts of one message.
const sameMessage = 10 * time.Minute

// latePart says which message a part has come too late for; 0: none. References are used
// again: a message that is being put together and lacks it has the better claim, and the
// stamp must be near that of the parts which came in time.
func (p *Pool) latePart(key assemblyKey, d *Decoded) ID {
	for _, a := range p.assemblies[key] {
		if d.Seq > 0 && d.Seq <= len(a.parts) && a.parts[d.Seq-1] == nil {
			return 0
		}
	}
	for _, done := range p.partial[key] {
		apart := d.SentAt.Sub(done.stamp).Abs()
		if done.missing[d.Seq] && (d.SentAt.IsZero() || done.stamp.IsZero() || apart <= sameMessage) {
			delete(done.missing, d.Seq)
			return done.message
		}
	}
	return 0
}

// finishAssembly sends a long message out, with all parts or with what came. last is
// the part that has just come and is not kept by itself; nil: all are.
func (p *Pool) finishAssembly(s *sim, a *assembly, key assemblyKey, now time.Time, last *Part, done func(error)) {
	c := &Change{}
	var m *Message
	pdus := make([][]byte, key.total)
	var first, end *Part
	disorder := false
	for i, part := range a.parts {
		if part == nil {
			continue
		}
		if m == nil {
			in := Incoming{Slot: part.Slot, Network: part.Network, Announced: part.Arrival == Announced}
			m = p.message(s, &in, &part.decoded)
		}
		if part.Arrival == Swept {
			m.Arrival = Swept
		}
		pdus[i] = part.PDU
		m.PDUs = append(m.PDUs, part.PDU)
		m.Digests = append(m.Digests, part.decoded.Digest)
		m.HalfHex = m.HalfHex || part.HalfHex
		if end != nil && (part.local.Before(end.local) || part.local.Equal(end.local) && part.ID < end.ID) {
			disorder = true
		}
		if first == nil || part.local.Before(first.local) {
			first = part
		}
		if end == nil || part.local.After(end.local) {
			end = part
		}
		if part != last {
			c.DropParts = append(c.DropParts, part.ID)
		}
	}
	m.SIM, m.Number = first.SIM, first.Number
	m.Parts = Parts{Total: key.total, Received: a.have, Ref: key.ref, RefBits: key.bits}
	m.Complete = a.have == key.total
	m.ReceivedAt, m.CompletedAt = wall(first.local, now), wall(end.local, now)
	if h := first.Holder; h != nil {
		m.Reservation, m.App = h.Reservation, h.App
	}
	if m.Kind == Text || m.Kind == Waiting {
		text := p.o.Decoder.Join(pdus)
		m.Text = &text
	}
	least := -1
	for _, d := range m.Digests {
		n := 0
		if r := p.recent[seenKey{s.ICCID, d}]; r != nil {
			n = r.Repeats
		} else if seen, ok := p.store.Seen(s.ICCID, d); ok {
			n = seen.Repeats
			p.recent[seenKey{s.ICCID, d}] = &recentSeen{at: now, Seen: seen}
		}
		if least < 0 || n < least {
			least = n
		}
	}
	m.Repeats = max(least, 0)
	// What a sweep has found has no order of its own.
	p.finish(m, s, c, now, trip{first.local, end.local, disorder && m.Arrival == Announced}, done)
	if !m.Complete {
		gone := &partial{message: m.ID, stamp: m.SentAt, missing: map[int]bool{}, at: now}
		for i, part := range a.parts {
			if part == nil {
				gone.missing[i+1] = true
			}
		}
		p.partial[key] = append(p.partial[key], gone)
	}
}

// endAssemblies sends out what has waited for its parts for too long, and returns when
// the next is due.
func (p *Pool) endAssemblies(now time.Time) (next time.Time) {
	for key, list := range p.assemblies {
		for _, a := range list {
			due := a.begun.Add(p.config.PartialAfter)
			if now.Before(due) {
				next = soonestTime(next, due)
				continue
			}
			p.dropAssembly(key, a)
			p.finishAssembly(p.simOf(key.iccid), a, key, now, nil, func(error) {})
		}
	}
	return next
}

// PartsPending is how many parts wait for others.
func (p *Pool) PartsPending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, list := range p.assemblies {
		for _, a := range list {
			n += a.have
		}
	}
	return n
}

// restorePart takes a part that the store has.
func (p *Pool) restorePart(part Part, now time.Time) {
	d, err := p.o.Decoder.Decode(part.PDU)
	if err != nil || d.Total < 2 || part.Message != 0 {
		return
	}
	part.decoded = d
	at, ok := p.boot.local(part.At, p.o.Synchronised(), now)
	if !ok {
		at = p.began // the full time from the start
	}
	part.local = at
	p.simOf(part.ICCID)
	p.placePart(keyOf(part.ICCID, &d), &part)
}

// restorePartial remembers which parts of a message that has gone out may still come.
func (p *Pool) restorePartial(m *Message) {
	gone := &partial{message: m.ID, stamp: m.SentAt, missing: map[int]bool{}, at: time.Now()}
	for i := range m.Parts.Total {
		gone.missing[i+1] = true
	}
	var key assemblyKey
	for _, pdu := range m.PDUs {
		if d, err := p.o.Decoder.Decode(pdu); err == nil {
			delete(gone.missing, d.Seq)
			key = keyOf(m.ICCID, &d)
		}
	}
	p.partial[key] = append(p.partial[key], gone)
}
