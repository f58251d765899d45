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

// Options is what a Forwarder is made of. Store and Encode are required.
type Options struct {
	Store        Store
	Encode       func(ev *pool.Event, m *pool.Message) (id string, body []byte, err error) // an event as the wire has it
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
	wg       sync.WaitGroup // senders

	mu      sync.Mutex
	lines   map[string]*line
	open    bool // attempts may begin
	closing bool
}

// New makes a forwarder and loads what waits. Nothing is sent before Run.
func New(o Options) (*Forwarder, error) {
	if o.Store == nil || o.Encode == nil {
		return nil, errors.New("forward: store and encoder are required")
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
	f := &Forwarder{o: o, log: o.Logger, wake: make(chan struct{}, 1), lines: map[string]*line{}}
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
		if s, ok := paused[d.Name]; ok {
			l.paused, l.why = s.Paused, s.Why
		}
		f.load(l)
		f.lines[d.Name] = l
		f.keep(l)
	}
	for _, name := range f.o.Store.OutboxNames() {
		if !here[name] && f.lines[name] == nil {
			l := newLine(Destination{Name: name, GiveUpAfter: defaultGiveUp})
			l.gone = true
			f.load(l)
			f.lines[name] = l
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

// load takes what the store has for a line; all of it is due.
func (f *Forwarder) load(l *line) {
	for _, d := range f.o.Store.Pending(l.Name) {
		it := &item{Delivery: d, place: -1}
		if d.Since.Year() < clockWorks { // written before the clock was right
			it.born = time.Now()
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
func (f *Forwarder) age(it *item, now time.Time) time.Duration {
	switch {
	case !it.born.IsZero():
		return now.Sub(it.born)
	case f.o.Synchronised():
		return now.Sub(it.Since)
	}
	return 0
}

// Deliver takes deliveries over whose events are on disk. It does not block.
func (f *Forwarder) Deliver(jobs []pool.Job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range jobs {
		l := f.lines[j.Destination]
		if l == nil { // configured meanwhile, or gone: the store has the row
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
		retry := it.Attempts > 0
		if retry {
			l.retrying++
		}
		f.attempts.Go(func() { f.attempt(l, it, retry) })
	}
	return time.Time{}
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
			f.giveUpOld(now)
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

// requeue makes everything due that waits for a destination which is up.
func (f *Forwarder) requeue() {
	for _, l := range f.lines {
		if !l.down {
			l.requeue()
		}
	}
}

// attempt tries one delivery once and sees to what follows.
func (f *Forwarder) attempt(l *line, it *item, retry bool) {
	begun := time.Now()
	f.mu.Lock()
	job, sender, timeout := it.job, l.Sender, l.Timeout
	p := Parcel{Attempt: it.Attempts + 1, Replay: it.Replay}
	f.mu.Unlock()
	r, known := Result{}, true
	if job == nil {
		if job, known = f.o.Store.Job(it.Destination, it.Event); !known {
			r = Result{Verdict: Permanent, Local: true, Note: "the event is no longer kept"}
		}
	}
	if known {
		var err error
		p.Event = &job.What
		if job.Message != nil {
			p.SIM = job.Message.SIM
		} else if job.What.Call != nil {
			p.SIM = job.What.Call.SIM
		} else if job.What.Modem != nil {
			p.SIM = job.What.Modem.SIM
		}
		if p.ID, p.Body, err = f.o.Encode(&job.What, job.Message); err != nil {
			r = Result{Verdict: Permanent, Local: true, Note: "the event can't be written"}
		} else {
			ctx, cancel := context.WithTimeout(f.ctx, timeout)
			r = sender.Send(ctx, &p)
			cancel()
		}
	}
	f.settle(l, it, retry, &r, begun)
}

// settle takes an attempt's outcome. The worker keeps its place until a receipt is on disk.
func (f *Forwarder) settle(l *line, it *item, retry bool, r *Result, begun time.Time) {
	ended := time.Now()
	f.mu.Lock()
	aborted := f.ctx.Err() != nil && r.Verdict == Failed
	if aborted { // by our own stop: it says nothing of the destination
		f.free(l, it, retry)
		f.mu.Unlock()
		return
	}
	if it.done && r.Verdict != Delivered { // sent again by hand meanwhile: the new row stands for both
		f.free(l, it, retry)
		f.mu.Unlock()
		return
	}
	it.job = nil
	it.Attempts++
	it.Last = append(it.Last, pool.Attempt{At: begun.UTC().Round(0), Result: r.Note, Answer: r.Answer})
	it.Last = it.Last[max(0, len(it.Last)-keepAttempts):]
	wasDown := l.down
	l.answered(it, r, ended)
	if l.down != wasDown {
		f.log.Warn("destination", "destination", l.Name, "state", l.state(), "last_result", r.Note)
	}
	var row, tried *pool.Delivery // the end of it, or how far it is
	switch r.Verdict {
	case Delivered:
		row = it.closed(pool.Done, ended)
	case Permanent:
		row = it.closed(pool.GivenUp, ended)
	case Gone:
		l.paused, l.why = true, "the destination answered 410"
		tried = it.row()
	default:
		if f.age(it, ended) >= l.GiveUpAfter {
			row = it.closed(pool.GivenUp, ended)
			break
		}
		tried = it.row()
		if !l.down {
			l.later(it, r, begun, ended)
		}
	}
	if tried != nil && !it.done { // nothing waits for it: it is lost with the next attempt at most
		f.o.Store.Submit(&pool.Change{Deliveries: []pool.Delivery{*tried}}, func(error) {})
	}
	f.mu.Unlock()
	switch r.Verdict {
	case Delivered:
		f.metrics.result(it.Destination, "done")
		if !it.readAt.IsZero() {
			f.metrics.seconds.WithLabelValues(it.Destination).Observe(ended.Sub(it.readAt).Seconds())
		}
	default:
		f.metrics.result(it.Destination, "retry")
		f.log.Info("delivery failed", "destination", it.Destination, "event", it.Event, "attempt", it.Attempts, "result", r.Note)
	}
	if tried != nil {
		f.o.Settled(tried)
	}
	if r.Verdict == Gone && f.o.Paused != nil {
		f.o.Paused(it.Destination, "the destination answered 410")
	}
	if row != nil {
		f.receipt(row)
	}
	f.mu.Lock()
	if row != nil {
		l.ended(row)
		if !it.done {
			it.done = true
			l.drop(it)
		}
	}
	f.free(l, it, retry)
	f.forget(l)
	next := f.start(l, time.Now())
	f.mu.Unlock()
	if !next.IsZero() {
		f.kick()
	}
}

// free gives a worker's place back.
func (f *Forwarder) free(l *line, it *item, retry bool) {
	it.running = false
	l.running--
	if retry {
		l.retrying--
	}
	if it.probe {
		it.probe, l.probing = false, false
	}
}

// row is the delivery as it is kept.
func (it *item) row() *pool.Delivery {
	row := it.Delivery
	row.Last = append([]pool.Attempt(nil), it.Last...)
	return &row
}

// closed is the row of a delivery that is over.
func (it *item) closed(state pool.DeliveryState, at time.Time) *pool.Delivery {
	row := it.row()
	row.State, row.DoneAt = state, at.UTC().Round(0)
	return row
}

// receipt commits that a delivery is over, and waits until that is on disk.
func (f *Forwarder) receipt(row *pool.Delivery) {
	done := make(chan error, 1)
	f.o.Store.Submit(&pool.Change{Deliveries: []pool.Delivery{*row}}, func(err error) { done <- err })
	if err := <-done; err != nil {
		f.log.Error("a receipt was not kept", "destination", row.Destination, "error", err)
	}
	if row.State == pool.GivenUp {
		f.metrics.result(row.Destination, "given_up")
		f.log.Error("delivery given up", "destination", row.Destination, "event", row.Event, "attempts", row.Attempts)
	}
	f.o.Settled(row)
}

// giveUpOld gives up what has waited for too long, whatever its destination does.
func (f *Forwarder) giveUpOld(now time.Time) {
	for _, l := range f.lines {
		limit := l.GiveUpAfter
		for _, it := range l.rows {
			if it.running || f.age(it, now) < limit {
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
	if l.paused || l.gone {
		d.State = pool.Paused
	}
}
