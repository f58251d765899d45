package forward

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"modemgate/pool"
)

// memory is a store in memory: what is submitted is kept at once.
type memory struct {
	mu     sync.Mutex
	rows   map[pool.ID]pool.Delivery
	states []pool.DestinationState
	broken error // what has become of the store
}

func (m *memory) Submit(c *pool.Change, done func(error)) {
	m.mu.Lock()
	if err := m.broken; err != nil {
		m.mu.Unlock()
		done(err)
		return
	}
	for _, d := range c.Deliveries {
		m.rows[d.Event] = d
	}
	m.mu.Unlock()
	done(nil)
}

func (m *memory) Pending(string) (out []pool.Delivery) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if d.State == pool.Pending {
			out = append(out, d)
		}
	}
	return out
}

func (m *memory) Job(_ string, event pool.ID) (*pool.Job, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.rows[event]
	return &pool.Job{Delivery: d, What: pool.Event{ID: event}}, ok
}

func (m *memory) OutboxNames() []string                 { return nil }
func (m *memory) Destinations() []pool.DestinationState { return m.states }

func (m *memory) row(event pool.ID) pool.Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[event]
}

// try is one attempt that a script saw.
type try struct {
	event   pool.ID
	attempt int
	at      time.Duration // since the start
	ended   time.Duration
}

// script is a destination that does as it is told.
type script struct {
	send func(ctx context.Context, p *Parcel) Result

	mu      sync.Mutex
	begun   time.Time
	tries   []try
	retries int // of these, retries
	most    int // most retries at a time
	clashes int // attempts of an event while another of it was under way
	running map[pool.ID]bool
}

func (s *script) Send(ctx context.Context, p *Parcel) Result {
	s.mu.Lock()
	at := time.Since(s.begun)
	if s.running[p.Event.ID] {
		s.clashes++
	}
	s.running[p.Event.ID] = true
	n := len(s.tries)
	s.tries = append(s.tries, try{event: p.Event.ID, attempt: p.Attempt, at: at})
	if p.Attempt > 1 {
		s.retries++
		s.most = max(s.most, s.retries)
	}
	s.mu.Unlock()
	r := s.send(ctx, p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[p.Event.ID] = false
	s.tries[n].ended = time.Since(s.begun)
	if p.Attempt > 1 {
		s.retries--
	}
	return r
}

func (s *script) Run(ctx context.Context) { <-ctx.Done() }

func (s *script) of(event pool.ID) (out []try) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tries {
		if t.event == event {
			out = append(out, t)
		}
	}
	return out
}

// post is a forwarder with one scripted destination, running until the test's end.
type post struct {
	*script
	store *memory
	f     *Forwarder
	stop  func()

	synchronised func() bool // nil: it is
}

func newPost(t *testing.T, workers int, send func(ctx context.Context, p *Parcel) Result) *post {
	t.Helper()
	p := &post{script: &script{send: send, begun: time.Now(), running: map[pool.ID]bool{}}, store: &memory{rows: map[pool.ID]pool.Delivery{}}}
	p.start(t, workers)
	return p
}

// start begins a forwarder on the store as it is, as after a restart.
func (p *post) start(t *testing.T, workers int) {
	t.Helper()
	var err error
	p.f, err = New(Options{
		Store: p.store, Synchronised: p.synchronised,
		Write: func(ev *pool.Event, _ *pool.Message) (pool.Written, error) {
			return pool.Written{ID: fmt.Sprint("evt_", ev.ID), Body: []byte("{}")}, nil
		},
		Destinations: []Destination{{
			Name: "crm", Kind: "webhook", Sender: p.script, Timeout: 15 * time.Second, Workers: workers, GiveUpAfter: 7 * 24 * time.Hour, BacklogRate: 10,
			Retry: []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.f.Run(ctx, time.Second)
	}()
	p.stop = func() { cancel(); <-done }
}

// deliver commits events and hands them over.
func (p *post) deliver(ids ...pool.ID) {
	var jobs []pool.Job
	for _, id := range ids {
		d := pool.Delivery{Event: id, Destination: "crm", State: pool.Pending, Since: time.Now()}
		p.store.mu.Lock()
		p.store.rows[id] = d
		p.store.mu.Unlock()
		jobs = append(jobs, pool.Job{Delivery: d, What: pool.Event{ID: id}})
	}
	p.f.Deliver(jobs)
}

func answering(r Result) func(context.Context, *Parcel) Result {
	return func(context.Context, *Parcel) Result { return r }
}

// TestSchedule fails one event for ever: its attempts keep to the schedule, and after
// seven days it is given up, with its last ten attempts.
func TestSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, 4, answering(Result{Verdict: Refused, Note: "400"}))
		p.deliver(1)
		time.Sleep(8 * 24 * time.Hour)
		tries := p.of(1)
		if len(tries) < 100 {
			t.Fatalf("%d attempts in seven days", len(tries))
		}
		want := []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour}
		for i := 1; i < len(tries); i++ {
			delay := want[min(i, len(want))-1]
			if got := tries[i].at - tries[i-1].at; got < delay*8/10 || got > delay*12/10+time.Millisecond {
				t.Errorf("attempt %d came %v after the one before, not about %v", i+1, got, delay)
			}
			if tries[i].attempt != i+1 {
				t.Errorf("attempt %d says %d", i+1, tries[i].attempt)
			}
		}
		last := tries[len(tries)-1]
		row := p.store.row(1)
		if row.State != pool.GivenUp || row.Attempts != len(tries) || len(row.Last) != 10 {
			t.Errorf("%s after %d attempts, %d kept", row.State, row.Attempts, len(row.Last))
		}
		if last.at < 7*24*time.Hour-2*time.Hour || last.at > 7*24*time.Hour+2*time.Hour {
			t.Errorf("the last attempt came after %v", last.at)
		}
		p.stop()
	})
}

// TestRetryAfter does as the answer says: never before, up to a fifth later.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ says, min, max time.Duration }{
		{90 * time.Second, 90 * time.Second, 108 * time.Second},
		{time.Hour, time.Hour, 72 * time.Minute},
		{2 * time.Hour, 4 * time.Second, 6 * time.Second}, // out of bounds: by the schedule
		{time.Millisecond, 4 * time.Second, 6 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPost(t, 4, answering(Result{Verdict: Refused, RetryAfter: c.says}))
			p.deliver(1)
			time.Sleep(3 * time.Hour)
			tries := p.of(1)
			if got := tries[1].at - tries[0].ended; got < c.min || got > c.max+time.Millisecond {
				t.Errorf("Retry-After %v: again after %v", c.says, got)
			}
			p.stop()
		})
	}
}

// TestSlowAttempt lets every attempt last longer than the time to the next one.
func TestSlowAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, 4, func(context.Context, *Parcel) Result {
			time.Sleep(14 * time.Second)
			return Result{Verdict: Refused}
		})
		p.deliver(1)
		time.Sleep(time.Hour)
		p.stop()
		if p.clashes > 0 || len(p.of(1)) < 5 {
			t.Errorf("%d clashes, %d attempts", p.clashes, len(p.of(1)))
		}
	})
}

// TestOutage takes 20 failures over 10 events for an outage: then one probe each 10 s,
// with the newest event; the first answer opens the gate, live events first, and what
// has waited goes out in order at its pace. Everything is delivered once.
func TestOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var up sync.Map
		p := newPost(t, 4, func(_ context.Context, p *Parcel) Result {
			if _, ok := up.Load("up"); ok {
				return Result{Verdict: Delivered, Note: "204"}
			}
			return Result{Verdict: Failed, Note: "connection refused"}
		})
		var ids []pool.ID
		for id := pool.ID(1); id <= 40; id++ {
			ids = append(ids, id)
		}
		p.deliver(ids...)
		time.Sleep(5 * time.Minute)
		if s := p.f.Status()[0]; s.State != "down" || s.Depth != 40 {
			t.Fatalf("after 5 min: %s with %d rows", s.State, s.Depth)
		}
		p.mu.Lock()
		before := slices.Clone(p.tries)
		p.mu.Unlock()
		if n := len(before); n > 24+31 {
			t.Errorf("%d attempts at a destination that is down", n)
		}
		for i := len(before) - 5; i < len(before); i++ {
			if gap := before[i].at - before[i-1].at; before[i].event != 40 || gap < 10*time.Second || gap > 11*time.Second {
				t.Errorf("probe with event %d, %v after the one before", before[i].event, gap)
			}
		}
		up.Store("up", true)
		for p.store.row(40).State != pool.Done {
			time.Sleep(100 * time.Millisecond)
		}
		p.deliver(41) // live: it overtakes the backlog
		time.Sleep(100 * time.Millisecond)
		if s := p.store.row(41).State; s != pool.Done {
			t.Errorf("a live event after the outage is %s", s)
		}
		time.Sleep(time.Minute)
		var order []pool.ID
		p.mu.Lock()
		for _, x := range p.tries[len(before):] {
			order = append(order, x.event)
		}
		span := p.tries[len(p.tries)-1].at - p.tries[len(before)].at
		p.mu.Unlock()
		if len(order) != 41 {
			t.Fatalf("%d deliveries after the outage: %v", len(order), order)
		}
		backlog := slices.DeleteFunc(slices.Clone(order), func(id pool.ID) bool { return id >= 40 })
		if !slices.IsSorted(backlog) || len(backlog) != 39 {
			t.Errorf("the backlog went out as %v", backlog)
		}
		if span < 3*time.Second || span > 6*time.Second {
			t.Errorf("39 events at 10 a second took %v", span)
		}
		for id := pool.ID(1); id <= 41; id++ {
			if s := p.store.row(id).State; s != pool.Done {
				t.Errorf("event %d is %s", id, s)
			}
		}
		p.stop()
	})
}

// TestStuckEvent holds retries to half of the workers: new events go out at once while
// others are stuck.
func TestStuckEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, 4, func(ctx context.Context, p *Parcel) Result {
			if p.Event.ID > 20 {
				return Result{Verdict: Delivered}
			}
			if p.Attempt > 1 {
				<-ctx.Done() // stuck to the time limit
			}
			return Result{Verdict: Refused, Note: "400"}
		})
		for id := pool.ID(1); id <= 20; id++ {
			p.deliver(id)
		}
		time.Sleep(20 * time.Second)
		for id := pool.ID(21); id <= 60; id++ {
			p.deliver(id)
			time.Sleep(500 * time.Millisecond)
			if s := p.store.row(id).State; s != pool.Done {
				t.Errorf("event %d is %s behind stuck ones", id, s)
			}
		}
		p.stop()
		if p.most != 2 {
			t.Errorf("%d retries at a time with 4 workers", p.most)
		}
	})
}

// TestOrder begins first attempts in the order of ids, however long each takes.
func TestOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, 1, func(context.Context, *Parcel) Result {
			time.Sleep(time.Second)
			return Result{Verdict: Delivered}
		})
		for id := pool.ID(1); id <= 30; id++ {
			p.deliver(id)
		}
		time.Sleep(time.Minute)
		p.stop()
		var order []pool.ID
		for _, x := range p.tries {
			order = append(order, x.event)
		}
		if len(order) != 30 || !slices.IsSorted(order) {
			t.Errorf("order %v", order)
		}
	})
}

// TestGone pauses a destination that answers 410; its rows wait, and go out when it is resumed.
func TestGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var back sync.Map
		p := newPost(t, 1, func(_ context.Context, p *Parcel) Result {
			if _, ok := back.Load("back"); ok {
				return Result{Verdict: Delivered}
			}
			return Result{Verdict: Gone, Note: "410"}
		})
		p.deliver(1, 2, 3)
		time.Sleep(24 * time.Hour)
		if s := p.f.Status()[0]; s.State != "paused" || s.Depth != 3 || len(p.of(1)) != 1 || len(p.of(2)) > 0 {
			t.Errorf("%s, %d rows, %d attempts", s.State, s.Depth, len(p.of(1)))
		}
		back.Store("back", true)
		if !p.f.Pause("crm", false, "") {
			t.Error("no such destination")
		}
		time.Sleep(time.Minute)
		for id := pool.ID(1); id <= 3; id++ {
			if s := p.store.row(id).State; s != pool.Done {
				t.Errorf("event %d is %s", id, s)
			}
		}
		p.stop()
	})
}

// TestAttemptsSurviveRestart goes on counting where the run before has ended.
func TestAttemptsSurviveRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, 2, func(context.Context, *Parcel) Result { return Result{Verdict: Refused, Note: "422", Answer: "no"} })
		p.deliver(1)
		time.Sleep(time.Minute) // attempts at 0 s, about 5 s and about 35 s
		p.stop()
		before := p.store.row(1)
		if before.Attempts != 3 || len(before.Last) != 3 || before.Last[2].Answer != "no" || before.State != pool.Pending {
			t.Fatalf("kept %d attempts, %d results, %s", before.Attempts, len(before.Last), before.State)
		}
		p.start(t, 2)
		time.Sleep(time.Second) // less than the schedule's least delay
		p.stop()
		if after := p.store.row(1); after.Attempts != 4 || len(after.Last) != 4 {
			t.Errorf("then %d attempts, %d results", after.Attempts, len(after.Last))
		}
		if tries := p.of(1); tries[3].attempt != 4 {
			t.Errorf("it was told to be attempt %d", tries[3].attempt)
		}
	})
}
