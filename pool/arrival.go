package pool

import (
	"slices"
	"sync"
	"time"
)

// Incoming is one PDU from a modem.
type Incoming struct {
	Slot      string
	IMEI      string
	ICCID     string // of the card in the modem
	Network   string
	Storage   string // "SM", "ME", ...; empty: never stored
	PDU       []byte
	HalfHex   bool
	Announced bool
	AtConnect bool // found by the first listing of a session
	At        time.Time
}

type seenKey struct {
	iccid  string
	digest Digest
}

// recentSeen is a digest that the store may not have yet.
type recentSeen struct {
	Seen
	at        time.Time
	committed bool
	message   *Message // that it is of, while the store may not have it
}

// Receive takes a PDU over. done is called once: with nil when it is on disk, so that
// the modem's copy may go, else with why it is not kept.
func (p *Pool) Receive(in Incoming, done func(error)) {
	d, err := p.o.Decoder.Decode(in.PDU)
	broken := err != nil
	if broken {
		d = Decoded{Kind: Binary, FromKind: "unknown", Class: -1, PID: -1, DCS: -1, Digest: p.o.Decoder.Digest(in.PDU)}
	}
	// The store is asked outside of the lock: a digest of the last minute is in recent all the same.
	iccid := p.owner(&in)
	before, known := p.store.Seen(iccid, d.Digest)
	room := p.store.Room()

	p.mu.Lock()
	defer p.unlock()
	if len(p.openTests) > 0 {
		p.noteRoom(room == nil, time.Now())
	}
	key := seenKey{iccid, d.Digest}
	if r := p.recent[key]; r != nil {
		before, known = r.Seen, true
	}
	if known {
		p.repeat(key, before, in.Announced, done)
		return
	}
	if room != nil {
		done(room)
		return
	}
	var s *sim
	if iccid != "" {
		s = p.simOf(iccid)
	}
	//failpoint:decoded
	p.o.Count.Received(in.Slot, in.At)
	if broken {
		p.o.Count.Undecodable()
	}
	if d.Total > 1 && s != nil {
		p.takePart(s, &in, d, done)
		return
	}
	now := time.Now()
	m := p.message(s, &in, &d)
	m.Undecodable = broken
	m.PDUs, m.Digests, m.HalfHex = [][]byte{in.PDU}, []Digest{d.Digest}, in.HalfHex
	if d.HasText {
		m.Text = &d.Text
	}
	m.Complete = true
	m.Parts = Parts{Total: 1, Received: 1}
	m.ReceivedAt, m.CompletedAt = wall(in.At, now), wall(in.At, now)
	if h := p.holder(s, &in, d.SentAt); h != nil {
		m.Reservation, m.App = h.Reservation, h.App
	}
	c := &Change{}
	p.finish(m, s, c, now, trip{first: in.At, last: in.At}, done)
}

// owner is the card that a PDU was sent to. What lies in the modem's own memory at a
// connect is of the card that was in it before; empty: not known.
func (p *Pool) owner(in *Incoming) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !in.AtConnect || in.Storage != "ME" {
		if in.ICCID == "" {
			return ""
		}
		return p.known(in.ICCID)
	}
	if m := p.modems[in.Slot]; m != nil {
		return m.before
	}
	return ""
}

// wall is a time of the monotonic clock as the wall's clock is set now.
func wall(t, now time.Time) time.Time { return now.Add(t.Sub(now)).UTC().Round(0) }

// metAgain is how often it is written down that a card still has a copy.
const metAgain = 24 * time.Hour

// repeat takes a TPDU that this card has received before. It counts when the modem has
// announced it: else it is the copy whose deletion failed. The modem's copy may go when
// the first one is on disk.
func (p *Pool) repeat(key seenKey, before Seen, announced bool, done func(error)) {
	c := &Change{}
	if r := p.recent[key]; !announced && r == nil && time.Since(before.Met) > metAgain {
		before.Met = time.Now().UTC().Round(0)
		c.Seen = []Seen{before}
	}
	if announced {
		before.Repeats++
		r := p.recent[key]
		if r == nil {
			r = &recentSeen{at: time.Now()}
			p.recent[key] = r
		}
		r.Seen = before
		c.Seen = []Seen{before}
		m, ok := p.store.LiveMessage(before.Holder)
		if r.message != nil && !ok {
			fresh := *r.message
			m, ok = &fresh, true
		}
		if ok {
			least := before.Repeats
			for _, d := range m.Digests {
				if d == key.digest {
					continue
				}
				n := 0
				if other := p.recent[seenKey{key.iccid, d}]; other != nil {
					n = other.Repeats
				} else if other, ok := p.store.Seen(key.iccid, d); ok {
					n = other.Repeats
				}
				least = min(least, n)
			}
			if least != m.Repeats {
				if m.Test != 0 && least > m.Repeats {
					p.repeated(m, c)
				}
				m.Repeats = least
				c.Messages = []Message{*m}
			}
		}
	}
	p.store.Submit(c, done)
}

// message builds what a message has of its PDU and its card.
func (p *Pool) message(s *sim, in *Incoming, d *Decoded) *Message {
	m := &Message{
		Kind: d.Kind, SIM: in.Slot, Slot: in.Slot, From: d.From, FromKind: d.FromKind, FromTON: d.FromTON, FromNPI: d.FromNPI,
		SMSC: d.SMSC, Encoding: d.Encoding, Language: d.Language, Class: d.Class, PID: d.PID, DCS: d.DCS,
		Arrival: Swept, Network: in.Network,
	}
	if in.Announced {
		m.Arrival = Announced
	}
	m.stamp(d.SentAt)
	if s != nil {
		m.ICCID, m.SIM, m.Number = s.ICCID, s.name, s.number
	}
	return m
}

func (m *Message) stamp(sent time.Time) {
	if sent.IsZero() {
		return
	}
	_, offset := sent.Zone()
	m.SentAt, m.SentOffset = sent.UTC(), offset/60
}

// staleStamp is how long before a reservation's begin the service centre may have
// stamped what a sweep finds, and it still belongs to it: its clock is not ours.
const staleStamp = 60 * time.Second

// holder is whose a message is by its time: the reservation that its announcement, else
// its reading, falls into. What was found at a connect was not announced to us: there
// the service centre's stamp says whether it is older than the reservation.
func (p *Pool) holder(s *sim, in *Incoming, sent time.Time) *holding {
	if s == nil {
		return nil
	}
	for _, b := range slices.Backward(s.recent) {

		if !b.covers(in.At) {
			continue
		}
		if in.AtConnect && !in.Announced && !sent.IsZero() && p.o.Synchronised() && sent.Before(b.CreatedAt.Wall.Add(-staleStamp)) {
			return nil
		}
		return &holding{b.ID, b.App}
	}
	return nil
}

// finish draws the ids of a message that has all its parts, or goes out without some,
// gives it to the test that it is of, routes it and commits it with all that follows.
func (p *Pool) finish(m *Message, s *sim, c *Change, now time.Time, way trip, done func(error)) {
	m.ID = p.draw()
	ev := Event{ID: p.draw(), Type: eventOf(m.Kind), At: now.UTC().Round(0), Message: m.ID}
	var hops []hop
	var then func()
	if s != nil {
		then = p.matchTest(s, m, way, c, now)
	}
	if s != nil && (!p.config.HoldUnlisted || s.listed) {
		text := ""
		if m.Text != nil {
			text = *m.Text
		}
		var routed bool
		hops, routed = p.config.route(&subject{sim: s, from: m.From, text: text, kind: ev.Type, at: now, test: m.Test != 0})
		if !routed && m.Test == 0 {
			m.Unrouted = true
			p.o.Count.Unrouted()
		}
	}
	c.Events = append(c.Events, ev)
	jobs := make([]Job, 0, len(hops))
	var write func() (Written, error)
	if p.o.Write != nil && len(hops) > 0 {
		write = sync.OnceValues(func() (Written, error) { return p.o.Write(&ev, m) })
		p.ahead = write
	}
	for _, h := range hops {
		d := Delivery{Event: ev.ID, Destination: h.destination, Route: h.route, State: Pending, Since: ev.At, Message: m.ID, ICCID: m.ICCID}
		c.Deliveries = append(c.Deliveries, d)
		jobs = append(jobs, Job{Delivery: d, What: ev, Message: m, ReadAt: way.last, Write: write})
	}
	for _, digest := range m.Digests {
		key := seenKey{m.ICCID, digest}
		r := p.recent[key]
		if r == nil {
			r = &recentSeen{at: now, Seen: Seen{ICCID: m.ICCID, Digest: digest}}
			p.recent[key] = r
		}
		r.Holder, r.message = m.ID, m
		c.Seen = append(c.Seen, r.Seen)
	}
	c.Messages = append(c.Messages, *m)
	if s != nil {
		p.index(s, MessageIndex{ID: m.ID, ICCID: m.ICCID, App: m.App, From: m.From, Reservation: m.Reservation, Test: m.Test, CompletedAt: m.CompletedAt.UnixMilli()})
	}
	p.store.Submit(c, func(err error) {
		if err == nil {
			p.committed(m)
			p.told(ev, m)
			run(then)
		}
		done(err)
		if err == nil {
			p.deliver(jobs) // last: what is started last here runs first
		}
	})
}

// committed lets the store answer for a message's digests from now on.
func (p *Pool) committed(m *Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range m.Digests {
		if r := p.recent[seenKey{m.ICCID, d}]; r != nil {
			r.committed, r.message = true, nil
		}
	}
}

// index remembers a message of the card, in memory.
func (p *Pool) index(s *sim, m MessageIndex) {
	from := m.From
	m.From = "" // needed here alone
	s.messages = append(s.messages, m)
	at := time.UnixMilli(m.CompletedAt).UTC()
	s.lastAt = at
	if m.Test != 0 && m.App == "" {
		return // the operator's own test
	}
	if a := p.apps[m.App]; m.App != "" && m.Test == 0 && (a == nil || !fromOneOf(a.Senders, from)) {
		return // its holder does not see it
	}
	if s.lastSeen == nil {
		s.lastSeen = map[string]time.Time{}
	}
	s.lastSeen[m.App] = at
}

// Trim forgets messages before one that is the oldest the store has.
func (p *Pool) Trim(oldest ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.sims {
		n := 0
		for n < len(s.messages) && s.messages[n].ID < oldest {
			n++
		}
		if n > 0 {
			s.messages = append([]MessageIndex(nil), s.messages[n:]...)
		}
	}
}

// unlock ends a section that may have finished a message, and then writes its event.
func (p *Pool) unlock() {
	write := p.ahead
	p.ahead = nil
	p.mu.Unlock()
	if write != nil {
		_, _ = write() // an error is the attempt's to see
	}
}

func (p *Pool) deliver(jobs []Job) {
	if p.o.Deliver != nil && len(jobs) > 0 {
		p.o.Deliver(jobs)
	}
}

// broadcast puts an event that no route decides on into c: it goes to each destination
// that lists its type, but not: the one that it is not for; empty: there is none.
func (p *Pool) broadcast(ev Event, c *Change, not string) []Job {
	c.Events = append(c.Events, ev)
	var jobs []Job
	for i := range p.config.Destinations {
		d := &p.config.Destinations[i]
		for _, t := range d.Events {
			if t == ev.Type && not != d.Name {
				row := Delivery{Event: ev.ID, Destination: d.Name, State: Pending, Since: ev.At}
				c.Deliveries = append(c.Deliveries, row)
				jobs = append(jobs, Job{Delivery: row, What: ev})
			}
		}
	}
	return jobs
}
