package modem_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"modemgate/modem"
	"modemgate/modem/line"
	"modemgate/modem/simulator"
)

// virtual is a rack in memory, in virtual time, with the product on it.
type virtual struct {
	t     *testing.T
	rack  *simulator.Rack
	owner *owner
	stop  func()
}

func newVirtual(t *testing.T, dir string, o simulator.Options, m modem.Options) *virtual {
	t.Helper()
	v := &virtual{t: t, owner: &owner{}}
	o.Dir, o.Memory = dir, true
	var err error
	if v.rack, err = simulator.New(o); err != nil {
		t.Fatal(err)
	}
	m.Ports, m.Sink = []string{filepath.Join(dir, "*")}, v.owner
	m.Open = func(node string, _ int) (line.Port, error) { return v.rack.Open(node) }
	r, err := modem.New(m)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }()
	v.stop = func() {
		cancel()
		<-done
		if err := v.rack.Close(); err != nil {
			t.Error(err)
		}
	}
	return v
}

// read are the messages that were read; none was deleted before.
func (v *virtual) read() map[uint64]bool {
	v.t.Helper()
	read := map[uint64]bool{}
	for _, e := range v.rack.Events() {
		switch e.Kind {
		case simulator.Read:
			read[e.MessageID] = true
		case simulator.Deleted:
			if !read[e.MessageID] {
				v.t.Errorf("modem %d: message %d was deleted unread", e.Modem, e.MessageID)
			}
		}
	}
	return read
}

// TestSweepKeepsAnnouncements lets messages come while storages are listed, on each
// family, in virtual time: what was announced is told as that, whichever way it was read.
func TestSweepKeepsAnnouncements(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		v := newVirtual(t, dir, simulator.Options{
			Modems: len(simulator.Profiles()), Profiles: simulator.Profiles(), LatencyMin: 100 * time.Millisecond, LatencyMax: 400 * time.Millisecond, Seed: 1,
		}, modem.Options{Rescan: time.Minute, Sweep: time.Second})
		rack, o := v.rack, v.owner
		time.Sleep(time.Minute)
		const each = 40
		for n := range each {
			for i := range rack.Len() {
				rack.Modem(i).Deliver(simulator.SMS{From: "A", Text: "while listing", Ref: n})
			}
			time.Sleep(1700 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		got := o.messages()
		if len(got) != each*rack.Len() {
			t.Errorf("%d messages, not %d", len(got), each*rack.Len())
		}
		for _, m := range got {
			if m.Found != modem.Announced {
				t.Errorf("a message of %s was told as found by a sweep", m.Slot)
			}
		}
		if _, err := rack.Open(rack.Modem(0).Port()); err == nil {
			t.Error("a port was opened twice")
		}
		v.stop()
	})
}

// TestReusedPlaces lets messages come one upon the other while storages are listed without
// a pause, so that a place which was just emptied has the next one at once: each is read
// before its place is emptied again.
func TestReusedPlaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		profiles := simulator.Profiles()
		v := newVirtual(t, dir, simulator.Options{
			Modems: len(profiles), Profiles: profiles, LatencyMin: 5 * time.Millisecond, LatencyMax: 30 * time.Millisecond, Seed: seed,
		}, modem.Options{Rescan: time.Minute, Sweep: 300 * time.Millisecond})
		rack := v.rack
		time.Sleep(time.Minute)
		const each = 400
		var feeds sync.WaitGroup
		for i := range rack.Len() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			feeds.Go(func() {
				for n := range each {
					rack.Modem(i).Deliver(simulator.SMS{From: "A", Text: "one upon the other", Ref: n})
					time.Sleep(time.Duration(20+rng.IntN(400)) * time.Millisecond)
				}
			})
		}
		feeds.Wait()
		time.Sleep(time.Minute)
		if n := len(v.read()); n != each*rack.Len() {
			t.Errorf("%d messages were read, not %d", n, each*rack.Len())
		}
		v.stop()
	})
}

// TestSilentRestart reboots modems at any moment, while a command is under way too. One
// whose restart went unnoticed keeps a message to itself at most once: then it announces again.
func TestSilentRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		profiles := simulator.Profiles()
		v := newVirtual(t, dir, simulator.Options{
			Modems: len(profiles), Profiles: profiles, LatencyMin: 5 * time.Millisecond, LatencyMax: 300 * time.Millisecond, Seed: seed,
		}, modem.Options{Rescan: time.Minute})
		rack, o := v.rack, v.owner
		rng := rand.New(rand.NewPCG(seed, 0))
		var proofs []uint64
		for n := range 15 {
			time.Sleep(time.Minute + time.Duration(rng.IntN(16000))*time.Millisecond)
			for i := range rack.Len() {
				m := rack.Modem(i)
				m.Deliver(simulator.SMS{From: "A", Text: "keeps it busy", Ref: 3 * n})
				time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
				m.Reboot()
			}
			for k := range 2 {
				time.Sleep(70 * time.Second)
				for i := range rack.Len() {
					ids := rack.Modem(i).Deliver(simulator.SMS{From: "A", Text: "after it", Ref: 3*n + 1 + k})
					if k == 1 {
						proofs = append(proofs, ids...)
					}
				}
			}
		}
		time.Sleep(2 * time.Minute)
		announced := map[uint64]bool{}
		for _, e := range rack.Events() {
			if e.Kind == simulator.Announced {
				announced[e.MessageID] = true
			}
		}
		for _, id := range proofs {
			if !announced[id] {
				t.Errorf("message %d was not announced", id)
			}
		}
		if got := len(o.messages()); got < 3*15*rack.Len() {
			t.Errorf("%d messages, not %d", got, 3*15*rack.Len())
		}
		v.stop()
	})
}

// TestIMEIChanges does not serve a modem that says another IMEI while its port stays, and
// takes another one that was plugged in.
func TestIMEIChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var last modem.Status
		v := newVirtual(t, dir, simulator.Options{Profiles: []simulator.Profile{simulator.EC25()}, LatencyMin: time.Millisecond}, modem.Options{
			Rescan: 2 * time.Second,
			Changed: func(s modem.Status, gone bool) {
				mu.Lock()
				defer mu.Unlock()
				last = s
			},
		})
		rack, o := v.rack, v.owner
		is := func(what string, state modem.State, reason modem.Reason) {
			t.Helper()
			time.Sleep(2 * time.Minute)
			mu.Lock()
			defer mu.Unlock()
			if last.State != state || last.Reason != reason {
				t.Errorf("%s: %s, %s: %s", what, last.State, last.Reason, last.Detail)
			}
		}
		m := rack.Modem(0)
		imei := m.IMEI()
		is("at first", modem.Ready, "")
		m.SetIMEI("490154203237518")
		m.Reboot()
		is("another IMEI", modem.Failed, modem.IMEIChanged)
		m.Deliver(simulator.SMS{From: "A", Text: "kept by the modem"})
		time.Sleep(time.Minute)
		if n := len(o.messages()); n != 0 {
			t.Errorf("%d messages were read", n)
		}
		m.SetIMEI(imei)
		is("the first one again", modem.Ready, "")
		if n := len(o.messages()); n != 1 {
			t.Errorf("%d messages were read", n)
		}
		m.SetIMEI("490154203237518")
		if err := m.Unplug(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if err := m.Replug(""); err != nil {
			t.Fatal(err)
		}
		is("another modem", modem.Ready, "")
		v.stop()
	})
}
