package modem_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"modemgate/modem"
	"modemgate/modem/simulator"
)

// owner is a sink that keeps messages, says when it has, and may refuse.
type owner struct {
	mu      sync.Mutex
	got     []modem.Message
	calls   []modem.Call
	dones   []func(error) // of what is not said to be kept yet
	hold    bool
	deleted int
	refuse  error
}

func (o *owner) Message(m modem.Message, done func(error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refuse != nil {
		go done(o.refuse)
		return
	}
	o.got = append(o.got, m)
	if o.hold {
		o.dones = append(o.dones, done)
		return
	}
	go done(nil)
}

func (o *owner) Deleted(iccid string, pdu []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.deleted++
}

func (o *owner) Call(c modem.Call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, c)
}

func (o *owner) set(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

func (o *owner) messages() []modem.Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.got)
}

// bench is a rack of simulated modems with the product on it.
type bench struct {
	t      *testing.T
	sim    *simulator.Rack
	owner  *owner
	mu     sync.Mutex
	states map[string]modem.Status
	stop   func()
}

func newBench(t *testing.T, o simulator.Options) *bench {
	t.Helper()
	b := &bench{t: t, owner: &owner{}, states: map[string]modem.Status{}, stop: func() {}}
	o.Dir, o.Seed = t.TempDir(), 1
	var err error
	if b.sim, err = simulator.New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.stop()
		if err := b.sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// start starts the product on the rack.
func (b *bench) start(sweep time.Duration) {
	b.t.Helper()
	r, err := modem.New(modem.Options{
		Ports: []string{filepath.Join(b.sim.Dir(), "*")}, Rescan: time.Second, Sweep: sweep, Sink: b.owner,
		Changed: func(s modem.Status, _ bool) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.states[s.Slot] = s
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			b.t.Error(err)
		}
	}()
	b.stop = func() { cancel(); <-done }
	b.until("every modem to be ready", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		ready := 0
		for _, s := range b.states {
			if s.State == modem.Ready {
				ready++
			}
		}
		return ready == b.sim.Len()
	})
}

func (b *bench) until(what string, holds func() bool) {
	b.t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-limit.C:
			b.t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

func (b *bench) stored() (n int) {
	for i := range b.sim.Len() {
		n += len(b.sim.Modem(i).Stored()) + len(b.sim.Modem(i).Held())
	}
	return n
}

// order fails where a part was deleted that was not read before.
func (b *bench) order() {
	b.t.Helper()
	read := map[uint64]bool{}
	for _, e := range b.sim.Events() {
		switch e.Kind {
		case simulator.Read:
			read[e.MessageID] = true
		case simulator.Deleted:
			if !read[e.MessageID] {
				b.t.Errorf("part %d was deleted unread", e.MessageID)
			}
		}
	}
}

// TestReceive takes messages from a modem of every profile: one that lay there before,
// announced ones, and more than the storage has places for.
func TestReceive(t *testing.T) {
	t.Parallel()
	for _, prof := range simulator.Profiles() {
		t.Run(prof.Name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, simulator.Options{Profiles: []simulator.Profile{prof}, Capacity: 4})
			b.sim.Modem(0).Deliver(simulator.SMS{From: "OLD", Text: "lay there before"})
			b.start(time.Minute)
			for range 25 {
				b.sim.Modem(0).Deliver(simulator.SMS{From: "+4930123456", Text: "announced"})
			}
			b.until("all messages", func() bool { return len(b.owner.messages()) >= 26 && b.stored() == 0 })
			got := b.owner.messages()
			if len(got) != 26 {
				t.Errorf("%d messages of 26", len(got))
			}
			if got[0].Found != modem.SweepAtConnect {
				t.Errorf("what lay there was found as %v", got[0].Found)
			}
			sim, _ := b.sim.Modem(0).SIM()
			for _, m := range got {
				if !sameCard(m.ICCID, sim.ICCID) {
					t.Errorf("a message of card %s, not %s", m.ICCID, sim.ICCID)
				}
			}
			b.order()
		})
	}
}

// sameCard compares ICCIDs with or without the check digit.
func sameCard(a, b string) bool { return len(a) >= 18 && len(b) >= 18 && a[:18] == b[:18] }

// TestDeleteAfterCommit leaves a message in the modem until it is said to be on disk,
// and one that can't be kept until it can.
func TestDeleteAfterCommit(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Modems: 1})
	b.start(time.Second)
	b.owner.set(func() { b.owner.hold = true })
	b.sim.Modem(0).Deliver(simulator.SMS{From: "PANEL", Text: "not yet on disk"})
	b.until("the reading", func() bool { return len(b.owner.messages()) == 1 })
	if b.stored() != 1 {
		t.Fatal("deleted before it was on disk")
	}
	b.owner.set(func() {
		for _, done := range b.owner.dones {
			go done(nil)
		}
		b.owner.dones, b.owner.hold = nil, false
	})
	b.until("the deletion", func() bool { return b.stored() == 0 })

	b.owner.set(func() { b.owner.refuse = errors.New("no room") })
	b.sim.Modem(0).Deliver(simulator.SMS{From: "PANEL", Text: "no room for it"})
	reads := func() (n int) {
		for _, e := range b.sim.Events() {
			if e.Kind == simulator.Read {
				n++
			}
		}
		return n
	}
	before := reads()
	b.until("a second reading", func() bool { return reads() >= before+2 })
	if b.stored() != 1 {
		t.Fatal("what was refused is gone")
	}
	b.owner.set(func() { b.owner.refuse = nil })
	b.until("the sweep to bring it", func() bool { return b.stored() == 0 })
	b.order()
}

// TestTroubles loses nothing to a modem that hangs, talks garbage, answers late, reboots
// or is unplugged while messages come in.
func TestTroubles(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(*simulator.Modem) error{
		"hang": func(m *simulator.Modem) error {
			m.Hang(true)
			time.AfterFunc(2500*time.Millisecond, func() { m.Hang(false) })
			return nil
		},
		"garbage": func(m *simulator.Modem) error { m.Garbage([]byte("\x00\xff~~}{\r\n+CM")); return nil },
		"late answers": func(m *simulator.Modem) error {
			m.LateAnswers(2200 * time.Millisecond)
			time.AfterFunc(4*time.Second, func() { m.LateAnswers(0) })
			return nil
		},
		"injected URCs": func(m *simulator.Modem) error {
			m.InjectInAnswer("RING", `+CMTI: "SM",3`, "+CREG: 1")
			return nil
		},
		"reboot": func(m *simulator.Modem) error { m.Reboot(); return nil },
		"unplug": func(m *simulator.Modem) error {
			return errors.Join(m.Unplug(), m.Replug("slot77"))
		},
		"registration lost": func(m *simulator.Modem) error {
			m.Deregister()
			time.AfterFunc(time.Second, func() { m.Register(1) })
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, simulator.Options{Profiles: []simulator.Profile{simulator.EC25()}, Capacity: 5})
			b.start(2 * time.Second)
			m := b.sim.Modem(0)
			for i := range 20 {
				if i == 5 {
					if err := trouble(m); err != nil {
						t.Fatal(err)
					}
				}
				m.Deliver(simulator.SMS{From: "+4930123456", Text: "in trouble", Ref: i})
			}
			b.until("the modem to be empty", func() bool { return b.stored() == 0 })
			b.order()
		})
	}
}

// TestStorageSwitched has the modem change its storage by itself while messages wait for
// their deletion: what lies at their places in the other storage is not deleted for them.
// Between the question for the storage and the deletion a modem could still change it;
// no separate command can rule that out.
func TestStorageSwitched(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Profiles: []simulator.Profile{simulator.EC25()}})
	b.owner.hold = true
	b.start(time.Minute)
	m := b.sim.Modem(0)
	for range 4 {
		m.Deliver(simulator.SMS{From: "PANEL", Text: "read in the first storage"})
	}
	b.until("the readings", func() bool { return len(b.owner.messages()) == 4 })
	m.RouteURCsAway(true)
	if err := m.SwitchStorage("ME"); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		m.Deliver(simulator.SMS{From: "PANEL", Text: "unread in the other one"})
	}
	b.until("them to be stored", func() bool { return b.stored() == 8 })
	b.owner.set(func() {
		for _, done := range b.owner.dones {
			go done(nil)
		}
		b.owner.dones, b.owner.hold = nil, false
	})
	b.until("the modem to be empty", func() bool { return b.stored() == 0 })
	b.order()
}

// TestCall makes one call of several rings, and frees the line.
func TestCall(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Modems: 1, RingInterval: 300 * time.Millisecond})
	b.start(time.Minute)
	if !b.sim.Modem(0).Ring("+4930123456", 10) {
		t.Fatal("it does not ring")
	}
	b.until("the end of the call", func() bool {
		b.owner.mu.Lock()
		defer b.owner.mu.Unlock()
		return len(b.owner.calls) > 0 && !b.owner.calls[len(b.owner.calls)-1].Ended.IsZero()
	})
	b.owner.mu.Lock()
	defer b.owner.mu.Unlock()
	for _, c := range b.owner.calls {
		if !c.Started.Equal(b.owner.calls[0].Started) || c.From != "+4930123456" {
			t.Errorf("%+v", c)
		}
	}
	if len(b.owner.calls) > 3 {
		t.Errorf("%d notices of one call", len(b.owner.calls))
	}
}

// TestLostAnnouncement finds a message whose announcement fell into a hang as soon as the
// modem has another one, long before the next sweep.
func TestLostAnnouncement(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Profiles: []simulator.Profile{simulator.EC25()}})
	b.start(10 * time.Minute)
	m := b.sim.Modem(0)
	m.Hang(true)
	m.Deliver(simulator.SMS{From: "PANEL", Text: "announced to nobody"})
	m.Hang(false)
	m.Deliver(simulator.SMS{From: "PANEL", Text: "announced"})
	b.until("both messages", func() bool { return len(b.owner.messages()) == 2 && b.stored() == 0 })
	b.order()
}
