package forward

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"modemgate/pool"
)

// Store is what a forwarder needs to keep.
type Store interface {
	Submit(c *pool.Change, done func(error))
	Pending(destination string) []pool.Delivery
	Job(destination string, event pool.ID) (*pool.Job, bool)
	OutboxNames() []string
	Destinations() []pool.DestinationState
}

// Options is what a Forwarder is made of. Store and Write are required.
type Options struct {
	Store        Store
	Write        func(ev *pool.Event, m *pool.Message) (pool.Written, error) // an event as it goes out
	Destinations []Destination
	// Synchronised says whether the wall's clock is known to be right; nil: it is.
	Synchronised func() bool
	// Paused keeps that a destination wants no more. It must not block for long.
	Paused     func(name, why string)
	Settled    func(d *pool.Delivery) // a delivery that is done, given up, or was tried in vain; it must not block. nil: nobody asks
	Logger     *slog.Logger           // nil: discarded
	Registerer prometheus.Registerer  // nil: metrics are kept but not exported
}

// Forwarder delivers to all destinations. Its methods may be called from any goroutine.
type Forwarder struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	wake    chan struct{}
	ctx     context.Context // of attempts
	cancel  context.CancelFunc
	life    context.Context // of senders, which outlive the attempts
	endLife context.CancelFunc

	attempts sync.WaitGroup
	tasks    chan func()    // to a goroutine that has made an attempt and waits for the next
	wg       sync.WaitGroup // senders, and what waits for tasks

	mu      sync.Mutex
	lines   map[string]*line
	open    bool // attempts may begin
	closing bool
}

// New makes a forwarder and loads what waits. Nothing is sent before Run.
func New(o Options) (*Forwarder, error) {
	if o.Store == nil || o.Write == nil {
		return nil, errors.New("forward: store and writer are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Synchronised == nil {
		o.Synchronised = func() bool { return true }
	}
	if o.Settled == nil {
		o.Settled = func(*pool.Delivery) {}
	}
	f := &Forwarder{o: o, log: o.Logger, wake: make(chan struct{}, 1), tasks: make(chan func()), lines: map[string]*line{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.life, f.endLife = context.WithCancel(context.Background())
	var err error
	if f.metrics, err = newMetrics(o.Registerer, f); err != nil {
		return nil, err
	}
	f.SetDestinations(o.Destinations)
	return f, nil
}

// SetDestinations replaces the destinations. What waits for one that is gone is held.
func (f *Forwarder) SetDestinations(list []Destination) {
	paused := map[string]pool.DestinationState{}
	for _, d := range f.o.Store.Destinations() {
		paused[d.Name] = d
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	here := map[string]bool{}
	for _, d := range list {
		here[d.Name] = true
		f.metrics.begin(d.Name)
		if l := f.lines[d.Name]; l != nil {
			l.rest()
			l.Destination, l.gone = d, false
			f.keep(l)
			continue
		}
		l := newLine(d)
		s := paused[d.Name]
		l.paused, l.why = s.Paused, s.Why
		f.load(l, s)
		f.lines[d.Name] = l
		f.keep(l)
	}
	for _, name := range f.o.Store.OutboxNames() {
		if !here[name] && f.lines[name] == nil {
			f.hold(name)
		}
	}
	for name, l := range f.lines {
		if !here[name] {
			l.gone = true
			l.rest()
			f.forget(l)
		}
	}
	f.kick()
}

// defaultGiveUp is how long rows of a destination wait that is gone since before the start.
const defaultGiveUp = 7 * 24 * time.Hour

// hold keeps what waits for a destination that is gone. Called with the lock held.
func (f *Forwarder) hold(name string) {
	l := newLine(Destination{Name: name, GiveUpAfter: defaultGiveUp})
	l.gone = true
	for _, d := range f.o.Store.Destinations() {
		if d.Name == name {
			l.paused, l.why = d.Paused, d.Why
			f.load(l, d)
			f.lines[name] = l
			return
		}
	}
	f.load(l, pool.DestinationState{})
	f.lines[name] = l
}

// keep runs a line's sender while the forwarder runs. Called with the lock held.
func (f *Forwarder) keep(l *line) {
	if !f.open || f.closing || l.gone || l.Sender == nil || l.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(f.life)
	l.stop = stop
	sender := l.Sender
	f.wg.Go(func() { sender.Run(ctx) })
}

// load takes what the store has for a line; all of it is due but what is held.
func (f *Forwarder) load(l *line, was pool.DestinationState) {
	for _, d := range f.o.Store.Pending(l.Name) {
		it := &item{Delivery: d, place: -1, held: d.Event <= was.Held}
		now := time.Now()
		if d.Event <= was.Released {
			it.released = was.ReleasedAt
			if was.ReleasedAt.Year() < clockWorks || was.ReleasedAt.After(now) { // by a clock that was wrong
				it.born = now
			}
		}
		if d.Since.Year() < clockWorks || d.Since.After(now) { // written while the clock was wrong
			it.born = now
		}
		l.rows[d.Event] = it
	}
	l.requeue()
}

// forget drops the line of a destination that is gone when nothing waits for it any
// more. Called with the lock held.
func (f *Forwarder) forget(l *line) {
	if l.gone && len(l.rows) == 0 && l.running == 0 {
		delete(f.lines, l.Name)
	}
}

// clockWorks is a year that no clock which is right can be before.
const clockWorks = 2020

// age is how long a delivery has waited. By the wall's clock that is known only while
// the clock is right: until then nothing of an earlier run is old.
func (it *item) age(now time.Time, right bool) time.Duration {
	switch {
	case !it.born.IsZero():
		return now.Sub(it.born)
	case right:
		return min(now.Sub(it.Since), now.Sub(it.released))
	}
	return 0
}

// Deliver takes deliveries over whose events are on disk. It does not block.
func (f *Forwarder) Deliver(jobs []pool.Job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range jobs {
		l := f.lines[j.Destination]
		if l == nil { // taken out while the pool decided: held, as the rows of before
			f.hold(j.Destination)
			continue
		}
		l.add(j)
		if next := f.start(l, time.Now()); !next.IsZero() {
			f.kick()
		}
	}
}

// start begins what is due on a line, as far as its workers go, and returns when to
// look again; zero: when something changes.
func (f *Forwarder) start(l *line, now time.Time) time.Time {
	for f.open && !f.closing {
		it, next := l.pick(now)
		if it == nil {
			return next
		}
		it.running = true
		l.running++
		retry := it.Attempts > it.Before
		if retry {
			l.retrying++
		}
		f.employ(func() { f.attempt(l, it, retry) })
	}
	return time.Time{}
}

// idle is how long a goroutine waits for its next attempt.
const idle = time.Minute

// employ makes an attempt on a goroutine that waits for one, whose stack has grown to what
// attempts need, or on a new one.
func (f *Forwarder) employ(attempt func()) {
	f.attempts.Add(1)
	select {
	case f.tasks <- attempt:
	default:
		f.wg.Go(func() { f.work(attempt) })
	}
}

// work makes one attempt after the other.
func (f *Forwarder) work(attempt func()) {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		attempt()
		f.attempts.Done()
		timer.Reset(idle)
		select {
		case attempt = <-f.tasks:
		case <-timer.C:
			return
		case <-f.life.Done():
			return
		}
	}
}

func (f *Forwarder) kick() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends; attempts under way are then given grace.
func (f *Forwarder) Run(ctx context.Context, grace time.Duration) {
	f.mu.Lock()
	f.open = true
	for _, l := range f.lines {
		f.keep(l)
	}
	f.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	sweepAt, synced := time.Now(), f.o.Synchronised()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			continue
		case <-timer.C:
		case <-f.wake:
		}
		now := time.Now()
		next := now.Add(time.Minute)
		f.mu.Lock()
		if !now.Before(sweepAt) {
			if is := f.o.Synchronised(); is != synced { // all that waits is due: receivers refuse the times of before
				if synced = is; is {
					f.requeue()
				}
			}
			f.giveUpOld(now, synced)
			sweepAt = now.Add(10 * time.Second)
		}
		for _, l := range f.lines {
			if at := f.start(l, now); !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		f.mu.Unlock()
		if sweepAt.Before(next) {
			next = sweepAt
		}
		timer.Reset(max(time.Until(next), time.Millisecond))
	}
	f.mu.Lock()
	f.closing = true
	f.mu.Unlock()
	stop := time.AfterFunc(grace, f.cancel)
	f.attempts.Wait()
	stop.Stop()
	f.cancel()
	f.endLife()
	f.wg.Wait()
}

// Halt lets no further attempt begin. It is for a store that keeps no receipts any more.
func (f *Forwarder) Halt() {
	f.mu.Lock()
	f.closing = true
	f.mu.Unlock()
}

// requeue makes everything due that waits for a destination which is up.
func (f *Forwarder) requeue() {
	for _, l := range f.lines {
		if !l.down {
			l.requeue()
		}
	}
}

// giveUpOld gives up what has waited for too long, whatever its destination does. It
// looks at a destination's rows when the next one is due, and once a minute: by then the
// clock or the limit may be another.
func (f *Forwarder) giveUpOld(now time.Time, right bool) {
	for _, l := range f.lines {
		if now.Before(l.oldAt) {
			continue
		}
		limit := l.GiveUpAfter
		l.oldAt = now.Add(min(limit, time.Minute))
		for _, it := range l.rows {
			if it.held {
				continue
			}
			if left := limit - max(0, it.age(now, right)); it.running || left > 0 {
				if at := now.Add(left); at.Before(l.oldAt) {
					l.oldAt = at
				}
				continue
			}
			row := it.closed(pool.GivenUp, now)
			it.done = true
			l.drop(it)
			l.ended(row)
			f.attempts.Go(func() { f.receipt(row) })
		}
	}
}

// Pause stops or resumes a destination. Rows wait meanwhile. It is false when there is none.
func (f *Forwarder) Pause(name string, paused bool, why string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.lines[name]
	if l == nil {
		return false
	}
	l.paused, l.why = paused, why
	if !paused {
		for _, it := range l.rows {
			if it.held { // its time begins now
				it.held, it.born = false, time.Now()
			}
		}
		l.rise(time.Now())
		l.tokens = max(1, l.BacklogRate/10)
	}
	f.kick()
	return true
}

// Status is how a destination is.
type Status struct {
	Name, Kind, State, Why string
	Depth                  int
	Held                   int       // of them, those of a restored backup, which wait for a resume
	Oldest, Since          time.Time // of the oldest row; of an outage. Zero: none
	LastResult             string
	LastAt                 time.Time
	GaveUp                 int // deliveries given up since the last success
	GaveUpAt               time.Time
}

// Status lists every destination, those that are gone with rows among them.
func (f *Forwarder) Status() []Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Status, 0, len(f.lines))
	for _, l := range f.lines {
		s := Status{Name: l.Name, Kind: l.Kind, State: l.state(), Why: l.why, Depth: len(l.rows), LastResult: l.last, LastAt: l.lastAt, GaveUp: l.gaveUp, GaveUpAt: l.gaveUpAt}
		if l.down {
			s.Since = l.downSince
		}
		for _, it := range l.rows {
			if it.held {
				s.Held++
				continue
			}
			if s.Oldest.IsZero() || it.Since.Before(s.Oldest) {
				s.Oldest = it.Since
			}
		}
		out = append(out, s)
	}
	return out
}

// Progress adds to a pending delivery what only memory knows of it.
func (f *Forwarder) Progress(d *pool.Delivery) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.lines[d.Destination]
	if l == nil {
		return
	}
	if it := l.rows[d.Event]; it != nil {
		d.Attempts = it.Attempts
		d.Last = append([]pool.Attempt(nil), it.Last...)
	}
	if it := l.rows[d.Event]; l.paused || l.gone || it != nil && it.held {
		d.State = pool.Paused
	}
}
