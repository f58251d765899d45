package app

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/api"
	"modemgate/protocol/forward"
	"modemgate/store"
)

// The long form: go test ./cmd/modemgate/app -run Outage -timeout 30m -outage-days 7 -outage-messages 100000.
var (
	outageDays     = flag.Int("outage-days", 1, "for how many days TestOutage's destination is down")
	outageMessages = flag.Int("outage-messages", 1500, "how many messages arrive meanwhile")
)

// system is one of the operator's systems: what it got, and when.
type system struct {
	mu     sync.Mutex
	down   bool
	got    map[pool.ID]time.Time // by event: the success
	newest pool.ID               // of got
	again  int                   // successes of what it had already
	tries  int
	peak   int // most attempts within one window of 10 s while it was known to be down
	since  time.Time
	count  int
	fresh  time.Time // start of the gateway: it has to learn anew that this is down
}

// learns is how long a gateway may take to know that a destination is down: twenty
// failures over ten events, which arrive when they do.
const learns = 2 * time.Hour

// Send implements forward.Sender.
func (y *system) Send(ctx context.Context, p *forward.Parcel) forward.Result {
	y.mu.Lock()
	y.tries++
	n, down, now := y.tries, y.down, time.Now()
	if down {
		if now.Sub(y.since) >= 10*time.Second {
			y.since, y.count = now, 0
		}
		if y.count++; now.Sub(y.fresh) > learns {
			y.peak = max(y.peak, y.count)
		}
	}
	y.mu.Unlock()
	switch {
	case !down:
	case n%4 == 0: // accepts, and says nothing
		<-ctx.Done()
		return forward.Result{Verdict: forward.Failed, Note: "timeout"}
	case n%4 == 1:
		return forward.Result{Verdict: forward.Failed, Note: "connection refused"}
	case n%4 == 2:
		return forward.Result{Verdict: forward.Failed, Note: "500", Answer: "oops"}
	default:
		return forward.Result{Verdict: forward.Failed, Note: "malformed HTTP response"}
	}
	time.Sleep(5 * time.Millisecond)
	y.mu.Lock()
	defer y.mu.Unlock()
	if !y.got[p.Event.ID].IsZero() {
		y.again++
	}
	y.got[p.Event.ID] = time.Now()
	y.newest = max(y.newest, p.Event.ID)
	return forward.Result{Verdict: forward.Delivered, Note: "200"}
}

// Run implements forward.Sender.
func (y *system) Run(ctx context.Context) { <-ctx.Done() }

// TestOutage lets a destination be dead for days, in every way in turn, while
// messages arrive and the gateway starts anew twice. Another destination notices nothing;
// then all of it goes out once, at the pace that is set, and new messages go first.
func TestOutage(t *testing.T) {
	t.Parallel()
	const rate = 100
	long := time.Duration(*outageDays) * 24 * time.Hour
	path := filepath.Join(t.TempDir(), "modemgate.db")
	synctest.Test(t, func(t *testing.T) {
		dead, well := &system{down: true, got: map[pool.ID]time.Time{}}, &system{got: map[pool.ID]time.Time{}}
		boot := time.Now().Add(-time.Hour)
		var p *pool.Pool
		var f *forward.Forwarder
		var s *store.Store
		var stop func()
		start := func() {
			dead.mu.Lock()
			dead.fresh = time.Now()
			dead.mu.Unlock()
			var err error
			if s, err = store.Open(path, store.Options{}); err != nil {
				t.Fatal(err)
			}
			w := &api.Writer{View: func(r *pool.Reservation) *pool.ReservationView { return p.View(r) }}
			destination := func(name string, y *system) forward.Destination {
				return forward.Destination{
					Name: name, Sender: y, Timeout: 15 * time.Second, Workers: 8, GiveUpAfter: 2 * long, BacklogRate: rate,
					Retry: []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour},
				}
			}
			if f, err = forward.New(forward.Options{
				Store: s, Destinations: []forward.Destination{destination("dead", dead), destination("well", well)},
				Write: func(ev *pool.Event, m *pool.Message) (pool.Written, error) {
					body, err := w.Bytes(ev, m)
					return pool.Written{ID: protocol.ID(protocol.EventID, uint64(ev.ID)), Body: body}, err
				},
			}); err != nil {
				t.Fatal(err)
			}
			conf := &pool.Config{PartialAfter: time.Minute}
			for _, name := range []string{"dead", "well"} {
				conf.Destinations = append(conf.Destinations, pool.Destination{Name: name, Events: []pool.EventType{pool.SMSReceived}})
			}
			if p, err = pool.New(pool.Options{
				Store: s, Decoder: decoder{}, Config: conf, Boot: pool.Boot{ID: "b", At: time.Now(), Clock: time.Since(boot)}, Deliver: f.Deliver,
			}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { _ = p.Run(ctx) })
			wg.Go(func() { f.Run(ctx, time.Second) })
			stop = func() {
				cancel()
				wg.Wait()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		}
		start()
		n, begun := *outageMessages, time.Now()
		arrive := func(i int) {
			for _, pdu := range (modems.SMS{From: "PANEL", Text: fmt.Sprintf("zone %d open", i), Ref: i}).PDUs() {
				done := make(chan error, 1)
				p.Receive(pool.Incoming{Slot: "slot1", ICCID: fmt.Sprint("894902000000000", i%64), PDU: pdu, Announced: true, At: time.Now()}, func(err error) { done <- err })
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
		}
		var restarts []time.Duration
		for i := range n {
			arrive(i)
			time.Sleep(long / time.Duration(n))
			if i == n/3 || i == 2*n/3 {
				stop()
				start()
				restarts = append(restarts, time.Since(begun).Truncate(time.Hour))
			}
		}
		if row := f.Status()[0]; len(f.Status()) != 2 || row.GaveUp > 0 {
			t.Errorf("%+v", f.Status())
		}
		dead.mu.Lock()
		tries, peak := dead.tries, dead.peak
		dead.mu.Unlock()
		if peak > 1 {
			t.Errorf("%d attempts within 10 s", peak)
		}
		if most := int(long/(10*time.Second)) + 300; tries > most {
			t.Errorf("%d attempts, not %d at most", tries, most)
		}
		var mem runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&mem)
		size := s.Bytes()
		t.Logf("%d messages waited over restarts at %v: %d attempts, %d MiB of memory in use, %d MiB on disk", n, restarts, tries, mem.HeapInuse>>20, size>>20)
		if mem.HeapInuse > 128<<20 || size > 200<<20 {
			t.Error("that is too much")
		}

		dead.mu.Lock()
		dead.down = false
		dead.mu.Unlock()
		up := time.Now()
		first := up.Add(time.Hour)
		for waits := n; waits == n && time.Since(up) < time.Minute; waits, _ = s.Outbox("dead") { // until a probe comes through
			time.Sleep(100 * time.Millisecond)
		}
		live := n
		var slowest time.Duration
		for waits := n; waits > 0; waits, _ = s.Outbox("dead") {
			if time.Since(up) > time.Hour {
				t.Errorf("%d still wait", waits)
				break
			}
			arrive(live)
			at := time.Now()
			time.Sleep(time.Second)
			well.mu.Lock()
			newest := well.newest
			well.mu.Unlock()
			dead.mu.Lock()
			when, there := dead.got[newest]
			dead.mu.Unlock()
			if !there {
				t.Errorf("event %d waits behind the backlog", newest)
				break
			}
			slowest = max(slowest, when.Sub(at))
			live++
		}
		dead.mu.Lock()
		for _, at := range dead.got {
			if at.Before(first) {
				first = at
			}
		}
		dead.mu.Unlock()
		took := time.Since(first)
		drained := float64(n) / took.Seconds()
		t.Logf("drained in %v, %.0f a second; a new message went out after %v at most", took.Round(time.Second), drained, slowest)
		if drained < 50 || drained > rate*1.05 {
			t.Errorf("drained at %.0f a second", drained)
		}
		time.Sleep(time.Minute)
		stop()
		for name, y := range map[string]*system{"dead": dead, "well": well} {
			if len(y.got) != live || y.again != 0 {
				t.Errorf("%s got %d of %d, %d of them again", name, len(y.got), live, y.again)
			}
		}
	})
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
