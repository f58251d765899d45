package pool

import (
	"errors"
	"maps"
	"slices"
	"sync"
)

// memory is a store in memory that commits when it is let.
type memory struct {
	mu      sync.Mutex
	wake    *sync.Cond
	held    bool
	closed  bool
	fails   bool // once closed it refuses; else who asks waits for ever, as in a process that is gone
	queue   []submitted
	done    chan struct{}
	next    ID
	sims    map[string]SIM
	cards   map[string]string
	msgs    map[ID]Message
	calls   map[ID]Call
	books   map[ID]Reservation
	seen    map[seenKey]Seen
	keys    map[keyID]Key
	parts   map[ID]Part
	alarms  map[alarmKey]Alarm
	tests   map[ID]Test
	items   map[ID][]Item
	state   map[string]MonitorState
	where   map[string]DestinationState
	commits int
}

type submitted struct {
	c    *Change
	done func(error)
}

func newMemory() *memory {
	m := &memory{
		done: make(chan struct{}), next: 1, sims: map[string]SIM{}, cards: map[string]string{}, msgs: map[ID]Message{}, calls: map[ID]Call{},
		books: map[ID]Reservation{}, seen: map[seenKey]Seen{}, keys: map[keyID]Key{}, parts: map[ID]Part{}, alarms: map[alarmKey]Alarm{},
		tests: map[ID]Test{}, items: map[ID][]Item{}, state: map[string]MonitorState{}, where: map[string]DestinationState{},
	}
	m.wake = sync.NewCond(&m.mu)
	go m.run()
	return m
}

func (m *memory) run() {
	defer close(m.done)
	for {
		m.mu.Lock()
		for !m.closed && (m.held || len(m.queue) == 0) {
			m.wake.Wait()
		}
		if m.closed {
			left := m.queue
			m.queue = nil
			m.mu.Unlock()
			for _, s := range left {
				if m.fails {
					s.done(errCrashed)
				}
			}
			return
		}
		s := m.queue[0]
		m.queue = m.queue[1:]
		m.apply(s.c)
		m.mu.Unlock()
		s.done(nil)
	}
}

var errCrashed = errors.New("crashed")

func (m *memory) apply(c *Change) {
	m.commits++
	for _, s := range c.SIMs {
		m.sims[s.ICCID] = s
	}
	maps.Copy(m.cards, c.Modems)
	for _, p := range c.Parts {
		m.parts[p.ID] = p
		m.next = max(m.next, p.ID+1)
	}
	for _, id := range c.DropParts {
		delete(m.parts, id)
	}
	for _, x := range c.Messages {
		m.msgs[x.ID] = x
		m.next = max(m.next, x.ID+1)
	}
	for _, x := range c.Calls {
		m.calls[x.ID] = x
		m.next = max(m.next, x.ID+1)
	}
	for _, x := range c.Reservations {
		m.books[x.ID] = x
		m.next = max(m.next, x.ID+1)
	}
	for _, a := range c.Alarms {
		key := alarmKey{a.Name, a.Subject}
		if m.alarms[key] = a; !a.Raised {
			delete(m.alarms, key)
		}
	}
	for _, t := range c.Tests {
		m.tests[t.ID] = t
		m.next = max(m.next, t.ID+1)
	}
	for _, i := range c.Items {
		for len(m.items[i.Test]) <= i.N {
			m.items[i.Test] = append(m.items[i.Test], Item{})
		}
		i.Findings = slices.Clone(i.Findings)
		m.items[i.Test][i.N] = i
	}
	for _, s := range c.Monitors {
		m.state[s.Name] = s
	}
	for _, d := range c.Destinations {
		m.where[d.Name] = d
	}
	for _, x := range c.Events {
		m.next = max(m.next, x.ID+1)
	}
	for _, x := range c.Seen {
		m.seen[seenKey{x.ICCID, x.Digest}] = x
	}
	for _, k := range c.Keys {
		m.keys[keyID{k.App, k.Path, k.Key}] = k
	}
	for _, k := range c.DropKeys {
		delete(m.keys, keyID{k.App, k.Path, k.Key})
	}
}

// hold stops committing, or goes on.
func (m *memory) hold(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = on
	m.wake.Broadcast()
}

func (m *memory) close() {
	m.mu.Lock()
	m.closed = true
	m.wake.Broadcast()
	m.mu.Unlock()
	<-m.done
}

func (m *memory) Submit(c *Change, done func(error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed && m.fails {
		go done(errCrashed)
		return
	}
	m.queue = append(m.queue, submitted{c, done})
	m.wake.Broadcast()
}

// crashed is what a restart finds: what was committed, and nothing else.
func (m *memory) crashed() *memory {
	m.close()
	n := newMemory()
	n.fails = m.fails
	n.next, n.sims, n.cards, n.msgs, n.calls, n.books, n.seen, n.keys, n.parts, n.alarms, n.tests, n.items, n.state = m.next, m.sims, m.cards, m.msgs, m.calls, m.books, m.seen, m.keys, m.parts, m.alarms, m.tests, m.items, m.state
	return n
}

func (m *memory) Load() (*Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &Snapshot{NextID: m.next, Modems: maps.Clone(m.cards), LastReserved: map[string]ID{}}
	for _, x := range m.alarms {
		s.Alarms = append(s.Alarms, x)
	}
	for _, x := range m.sims {
		s.SIMs = append(s.SIMs, x)
	}
	for _, x := range m.parts {
		s.Parts = append(s.Parts, x)
	}
	for _, x := range m.books {
		s.Reservations = append(s.Reservations, x)
		s.LastReserved[x.ICCID] = max(s.LastReserved[x.ICCID], x.ID)
	}
	slices.SortFunc(s.Reservations, func(a, b Reservation) int { return int(a.ID) - int(b.ID) })
	for _, x := range m.keys {
		s.Keys = append(s.Keys, x)
	}
	for _, x := range m.msgs {
		s.Messages = append(s.Messages, MessageIndex{ID: x.ID, ICCID: x.ICCID, App: x.App, From: x.From, Reservation: x.Reservation, Test: x.Test, CompletedAt: x.CompletedAt.UnixMilli()})
	}
	for _, t := range m.tests {
		s.Tests = append(s.Tests, FinishedTest{t, slices.Clone(m.items[t.ID])})
	}
	slices.SortFunc(s.Tests, func(a, b FinishedTest) int { return int(a.ID) - int(b.ID) })
	for _, x := range m.state {
		s.Monitors = append(s.Monitors, x)
	}
	slices.SortFunc(s.Messages, func(a, b MessageIndex) int { return int(a.ID) - int(b.ID) })
	return s, nil
}

func (m *memory) Room() error { return nil }

func (m *memory) Destinations() []DestinationState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.where))
}

func (m *memory) Seen(iccid string, d Digest) (Seen, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.seen[seenKey{iccid, d}]
	return s, ok
}

func (m *memory) Message(id ID) (*Message, bool) { return get(m, m.msgs, id) }

func (m *memory) Call(id ID) (*Call, bool) { return get(m, m.calls, id) }

func (m *memory) Reservation(id ID) (*Reservation, bool) { return get(m, m.books, id) }

func (m *memory) Test(id ID) (*Test, bool) { return get(m, m.tests, id) }

func (m *memory) Items(test ID) []Item {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.items[test])
}

func (m *memory) Tests(after ID, ascending bool, yield func(*Test) bool) {
	walk(m, m.tests, after, ascending, yield)
}

func (m *memory) LiveMessage(id ID) (*Message, bool)     { return m.Message(id) }
func (m *memory) LiveMessages(yield func(*Message) bool) { m.Messages(0, true, yield) }
func (m *memory) LiveCalls(yield func(*Call) bool)       { m.Calls(0, true, yield) }
func (m *memory) ForgetArchived(string) (int, error)     { return 0, nil }

func (m *memory) Event(ID) (*Event, bool)      { return nil, false }
func (m *memory) OldestEvent() ID              { return 0 }
func (m *memory) Events(ID, func(*Event) bool) {}

func get[T any](m *memory, from map[ID]T, id ID) (*T, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := from[id]
	return &v, ok
}

func walk[T any](m *memory, from map[ID]T, after ID, ascending bool, yield func(*T) bool) {
	m.mu.Lock()
	var ids []ID
	for id := range from {
		if after == 0 || ascending && id > after || !ascending && id < after {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if !ascending {
		slices.Reverse(ids)
	}
	var out []T
	for _, id := range ids {
		out = append(out, from[id])
	}
	m.mu.Unlock()
	for i := range out {
		if !yield(&out[i]) {
			return
		}
	}
}

func (m *memory) Messages(after ID, ascending bool, yield func(*Message) bool) {
	walk(m, m.msgs, after, ascending, yield)
}

func (m *memory) Parts(yield func(*Part) bool) { walk(m, m.parts, 0, true, yield) }

func (m *memory) Calls(after ID, ascending bool, yield func(*Call) bool) {
	walk(m, m.calls, after, ascending, yield)
}

func (m *memory) Reservations(after ID, ascending bool, yield func(*Reservation) bool) {
	walk(m, m.books, after, ascending, yield)
}
