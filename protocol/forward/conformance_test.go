package forward

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"modemgate/pool"
)

// system is one of the operator's systems of some kind, which can misbehave. A test of
// the kind makes it; the suite below holds for every kind.
type system interface {
	sender(t *testing.T) Sender
	set(how behaviour) // takes effect with the next event
	stop(t *testing.T) // nobody listens any more
	start(t *testing.T)
	received() []string // ids of events that it has taken, in order
}

// behaviour of a system.
type behaviour int

const (
	takes   behaviour = iota
	refuses           // for now
	stalls            // takes the connection and says nothing
	denies            // the login, or as near to it as the kind has
)

func kinds() map[string]func(t *testing.T) system {
	return map[string]func(t *testing.T) system{"webhook": newHTTPSystem, "mqtt": newBroker, "email": newMailServer}
}

// running runs a sender until the test's end.
func running(t *testing.T, s Sender) Sender {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return s
}

func parcel(n int) *Parcel {
	return &Parcel{
		Event: &pool.Event{ID: pool.ID(n), Type: pool.SMSReceived}, ID: fmt.Sprint("evt_", n), SIM: "door", Attempt: 1,
		Body: fmt.Appendf(nil, `{"type":"sms.received","id":"evt_%d","timestamp":"2026-01-02T03:04:05.678Z","data":{"id":"msg_1","sim":"door","from":"+49301234567","text":"zone 3\nopen"}}`, n),
	}
}

// send tries once, with a limit.
func send(s Sender, n int, limit time.Duration) Result {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return s.Send(ctx, parcel(n))
}

// eventually tries until the verdict is the wanted one: a connection takes its time.
func eventually(t *testing.T, s Sender, n int, want Verdict) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(60 * time.Second)
	defer limit.Stop()
	for {
		r := send(s, n, 5*time.Second)
		if r.Verdict == want {
			return
		}
		select {
		case <-limit.C:
			t.Fatalf("verdict %d (%s), not %d", r.Verdict, r.Note, want)
		case <-tick.C:
		}
	}
}

// TestConformance holds every kind of destination to the same rules.
func TestConformance(t *testing.T) {
	t.Parallel()
	for kind, make := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			t.Run("delivered", func(t *testing.T) {
				t.Parallel()
				sys := make(t)
				s := running(t, sys.sender(t))
				eventually(t, s, 1, Delivered)
				for n := 2; n <= 5; n++ {
					if r := send(s, n, 5*time.Second); r.Verdict != Delivered {
						t.Errorf("event %d: %d (%s)", n, r.Verdict, r.Note)
					}
				}
				if got := fmt.Sprint(sys.received()); got != "[evt_1 evt_2 evt_3 evt_4 evt_5]" {
					t.Errorf("it has %s", got)
				}
			})
			t.Run("refused", func(t *testing.T) {
				t.Parallel()
				sys := make(t)
				s := running(t, sys.sender(t))
				eventually(t, s, 1, Delivered)
				sys.set(refuses)
				if r := send(s, 2, 5*time.Second); r.Verdict != Refused || r.Note == "" {
					t.Errorf("%d (%s)", r.Verdict, r.Note)
				}
				sys.set(takes)
				if r := send(s, 2, 5*time.Second); r.Verdict != Delivered {
					t.Errorf("then %d (%s)", r.Verdict, r.Note)
				}
			})
			t.Run("stalled", func(t *testing.T) {
				t.Parallel()
				sys := make(t)
				s := running(t, sys.sender(t))
				eventually(t, s, 1, Delivered)
				sys.set(stalls)
				begun := time.Now()
				if r := send(s, 2, 300*time.Millisecond); r.Verdict != Failed || r.Note == "" {
					t.Errorf("%d (%s)", r.Verdict, r.Note)
				}
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("the worker was held for %v", took)
				}
				sys.set(takes)
				eventually(t, s, 3, Delivered)
			})
			t.Run("login refused", func(t *testing.T) {
				t.Parallel()
				sys := make(t)
				sys.set(denies)
				s := running(t, sys.sender(t))
				eventually(t, s, 1, Failed)
				sys.set(takes)
				eventually(t, s, 1, Delivered)
			})
			t.Run("gone and back", func(t *testing.T) {
				t.Parallel()
				sys := make(t)
				s := running(t, sys.sender(t))
				eventually(t, s, 1, Delivered)
				sys.stop(t)
				eventually(t, s, 2, Failed)
				sys.start(t)
				eventually(t, s, 2, Delivered)
			})
			t.Run("thousands wait over a restart", func(t *testing.T) {
				t.Parallel()
				testBacklog(t, make(t))
			})
		})
	}
}

// stalled is how long nothing may happen.
const stalled = time.Minute

// backlog is how many events wait in the test of many.
const backlog = 10000

// store is a memory that has the events of parcel.
type store struct{ *memory }

func (s store) Job(_ string, event pool.ID) (*pool.Job, bool) {
	d := s.row(event)
	return &pool.Job{Delivery: d, What: pool.Event{ID: event, Type: pool.SMSReceived}}, true
}

// testBacklog lets many events wait while nobody listens, goes through a restart, and
// has all of them delivered once when the system is back.
func testBacklog(t *testing.T, sys system) {
	rows := store{&memory{rows: map[pool.ID]pool.Delivery{}}}
	for n := 1; n <= backlog; n++ {
		rows.rows[pool.ID(n)] = pool.Delivery{Event: pool.ID(n), Destination: "crm", State: pool.Pending, Since: time.Now()}
	}
	sys.stop(t)
	run := func(done func() int, enough int) {
		f, err := New(Options{
			Store: rows,
			Write: func(ev *pool.Event, _ *pool.Message) (pool.Written, error) {
				p := parcel(int(ev.ID))
				return pool.Written{ID: p.ID, Body: p.Body}, nil
			},
			Destinations: []Destination{{
				Name: "crm", Sender: sys.sender(t), Timeout: time.Minute, Workers: 8, GiveUpAfter: time.Hour, BacklogRate: 1e6,
				Retry: []time.Duration{100 * time.Millisecond},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { f.Run(ctx, time.Second) })
		// However slow the machine: something must go on.
		limit := time.NewTimer(stalled)
		defer limit.Stop()
		last := -1
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for n := 0; n < enough; n = done() {
			if n > last {
				last = n
				limit.Reset(stalled)
			}
			select {
			case <-limit.C:
				cancel()
				wg.Wait()
				t.Fatalf("%d of %d events came", len(sys.received()), backlog)
			case <-tick.C:
			}
		}
		cancel()
		wg.Wait()
	}
	run(func() (n int) {
		rows.mu.Lock()
		defer rows.mu.Unlock()
		for _, d := range rows.rows {
			if d.Attempts > 0 {
				n++
			}
		}
		return n
	}, 1)
	sys.start(t)
	done := func() (n int) {
		rows.mu.Lock()
		defer rows.mu.Unlock()
		for _, d := range rows.rows {
			if d.State == pool.Done {
				n++
			}
		}
		return n
	}
	run(done, backlog)
	seen := map[string]int{}
	for _, id := range sys.received() {
		seen[id]++
	}
	if len(seen) != backlog {
		t.Errorf("%d events came, not %d", len(seen), backlog)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
}
