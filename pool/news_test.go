package pool

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// newsroom is a pool whose events and deliveries are written down.
type newsroom struct {
	p     *Pool
	store *memory
	stop  func()

	mu   sync.Mutex
	said []string // "10s modem.down A1 to desk,ops"
	jobs map[ID][]string
}

// newNewsroom makes one with the destinations desk, which lists every type, and crm, which lists SMS alone.
func newNewsroom(t *testing.T, store *memory) *newsroom {
	t.Helper()
	n := &newsroom{store: store, jobs: map[ID][]string{}}
	start := time.Now()
	var err error
	n.p, err = New(Options{
		Store: store, Decoder: plain{}, Boot: Boot{ID: "boot", At: start, Clock: time.Hour},
		Config: &Config{PartialAfter: time.Minute, Destinations: []Destination{
			{Name: "desk", Events: EventTypes()}, {Name: "ops", Events: []EventType{Exhausted}}, {Name: "crm", Events: []EventType{SMSReceived}},
		}},
		Deliver: func(jobs []Job) {
			n.mu.Lock()
			defer n.mu.Unlock()
			for _, j := range jobs {
				n.jobs[j.Event] = append(n.jobs[j.Event], j.Destination)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.p.Subscribe(func(ev Event, _ *Message) {
		n.mu.Lock()
		defer n.mu.Unlock()
		what := ""
		switch {
		case ev.Modem != nil:
			what = ev.Modem.Slot + " " + ev.Modem.Reason
		case ev.Exhaustion != nil:
			what = fmt.Sprint(ev.Exhaustion.Destination, " ", ev.Exhaustion.Count, " from ", ev.Exhaustion.First)
		case ev.Alarm != nil:
			what = string(ev.Alarm.Name) + " " + ev.Alarm.Subject
		}
		n.said = append(n.said, fmt.Sprintf("%v %s %s to %s", time.Since(start).Round(time.Second), ev.Type, strings.TrimSpace(what), strings.Join(n.jobs[ev.ID], ",")))
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := n.p.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	n.stop = func() { cancel(); <-done }
	return n
}

// heard compares what was said with what should be.
func (n *newsroom) heard(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if got := strings.Join(n.said, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("said:\n%s\nnot:\n%s", got, strings.Join(want, "\n"))
	}
}

// TestModemNews tells of a modem 30 s after its last good answer, once, and when it is
// back; of one that comes back before that, nothing.
func TestModemNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNewsroom(t, newMemory())
		up := func(slot string, ready bool, reason string, heard time.Time) {
			n.p.ModemChanged(Modem{Slot: slot, State: "x", Reason: reason, Ready: ready, ICCID: "89" + slot}, heard, ready, false)
		}
		up("A1", true, "", time.Now())
		up("A2", true, "", time.Now())
		time.Sleep(10 * time.Second)
		heard := time.Now().Add(-3 * time.Second)
		up("A1", false, "no_answer", heard)
		up("A2", false, "no_answer", heard)
		time.Sleep(20 * time.Second)
		up("A2", true, "", time.Now()) // back in time
		time.Sleep(20 * time.Second)
		up("A1", false, "port_gone", heard) // another reason is no news
		time.Sleep(time.Minute)
		up("A1", true, "", time.Now())
		n.heard(t, "37s modem.down A1 no_answer to desk", "1m50s modem.up A1 to desk")
		n.stop()
		n.store.close()
	})
}

// TestExhausted tells of deliveries that were given up once a destination and minute,
// with their count, never to the destination itself.
func TestExhausted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNewsroom(t, newMemory())
		gone := func(destination string, first, count int) {
			for i := range count {
				n.p.GaveUp(&Delivery{Event: ID(first + i), Destination: destination, Last: []Attempt{{Result: "500"}}})
			}
		}
		gone("crm", 100, 1)
		synctest.Wait()
		gone("crm", 200, 30)
		time.Sleep(30 * time.Second)
		gone("desk", 300, 1)
		time.Sleep(10 * time.Minute)
		gone("crm", 400, 1)
		n.heard(t,
			"0s delivery.exhausted crm 1 from 100 to desk,ops", "30s delivery.exhausted desk 1 from 300 to ops",
			"1m0s delivery.exhausted crm 30 from 200 to desk,ops",
			"10m30s delivery.exhausted crm 1 from 400 to desk,ops")
		n.stop()
		n.store.close()
	})
}

// TestAlarms raises what is wrong once, outlives a restart, and clears what has been
// right for a while.
func TestAlarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNewsroom(t, newMemory())
		full := Condition{Name: SIMStorageHigh, Subject: "A1", Detail: "nearly full"}
		down := Condition{Name: DestinationDown, Subject: "crm", Detail: "timeout"}
		watch := func(d time.Duration, now ...Condition) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Second) {
				n.p.SetConditions(now)
			}
		}
		watch(20*time.Second, full)
		watch(10*time.Second, full, down)
		watch(10 * time.Second) // too short to count
		watch(10*time.Second, full, down)
		if got := n.p.Alarms(); len(got) != 2 || got[0].Name != DestinationDown || !got[0].Raised {
			t.Errorf("raised: %+v", got)
		}
		watch(30*time.Second, down)
		n.heard(t, "0s alarm.raised sim_storage_high A1 to desk", "20s alarm.raised destination_down crm to desk", "1m0s alarm.cleared sim_storage_high A1 to desk")
		n.stop()
		again := newNewsroom(t, n.store.crashed())
		again.p.SetConditions([]Condition{down})
		again.heard(t) // it was raised before
		n = again
		watch(20 * time.Second)
		n.heard(t, "15s alarm.cleared destination_down crm to desk")
		n.stop()
		n.store.close()
	})
}
