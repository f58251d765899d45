package modem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"modemgate/modem/line"
)

// Rack serves all modems that discovery finds. Its methods may be called from any
// goroutine.
type Rack struct {
	o       Options
	metrics *metrics
	kick    chan struct{}

	mu      sync.Mutex
	workers map[string]*worker  // by slot
	claims  map[string]*session // by IMEI and ICCID
	scanned chan struct{}       // closed after the first scan
	once    sync.Once
	looked  atomic.Int64 // when modems were last looked for, in ns since the rack was made; 0: not yet
}

// worker is one modem's goroutine.
type worker struct {
	name    string // of the slot, as the operator has it
	session *session
	port    Port
	stop    context.CancelFunc
}

// New makes a rack. Nothing is opened before Run.
func New(o Options) (*Rack, error) {
	if o.Sink == nil {
		return nil, errors.New("modem: no sink")
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Rack{
		o: o, kick: make(chan struct{}, 1), workers: make(map[string]*worker), claims: make(map[string]*session),
		scanned: make(chan struct{}),
	}
	if r.metrics, err = newMetrics(o.Registerer); err != nil {
		return nil, fmt.Errorf("modem: registering metrics: %w", err)
	}
	return r, nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Rescan < 0 || o.Baud < 0 || o.Sweep < 0 || o.Health < 0 {
		return o, errors.New("modem: negative baud rate or time")
	}
	o.Rescan = cmp.Or(o.Rescan, 2*time.Second)
	o.Baud = cmp.Or(o.Baud, 115200)
	o.Sysfs = cmp.Or(o.Sysfs, "/sys")
	o.Dev = cmp.Or(o.Dev, "/dev")
	o.Proc = cmp.Or(o.Proc, "/proc")
	o.Sweep = cmp.Or(o.Sweep, time.Minute)
	o.Health = cmp.Or(o.Health, 8*time.Second)
	o.begun = time.Now()
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Open == nil {
		o.Open = func(node string, baud int) (line.Port, error) { return openTTY(node, baud, o.Proc) }
	}
	return o, nil
}

// Run looks for modems and serves them until ctx ends; then it waits until every port
// is closed, and returns nil. It is called once.
func (r *Rack) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(r.o.Rescan)
	defer tick.Stop()
	told := make(map[Problem]bool)
	failed := ""
	look := scanner{seed: maphash.MakeSeed()}
	for {
		r.looked.Store(int64(time.Since(r.o.begun)) + 1)
		ports, problems, err := look.scan(&r.o)
		switch {
		case err == nil:
			failed = ""
			r.tell(problems, told)
			r.settle(ctx, &wg, ports)
			r.once.Do(func() { close(r.scanned) })
		case failed != err.Error(): // once, not at every tick
			failed = err.Error()
			r.o.Logger.Error("looking for modems failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-r.kick:
		}
	}
}

// Scanned is closed once modems have been looked for since Run began.
func (r *Rack) Scanned() <-chan struct{} { return r.scanned }

// LookedAt is when modems were last looked for; zero: not yet.
func (r *Rack) LookedAt() time.Time {
	if ns := r.looked.Load(); ns != 0 {
		return r.o.begun.Add(time.Duration(ns)) // by the monotonic clock
	}
	return time.Time{}
}

// errNoModem means that a slot has no modem.
var errNoModem = errors.New("no modem in this slot")

// Attend says whether a slot's modem is to be asked every second how it is.
func (r *Rack) Attend(slot string, on bool) {
	if b := r.inboxOf(slot); b != nil {
		b.change(func() {
			b.attended = on
			b.flags |= flagAttend
		})
	}
}

// Check lists every storage of a slot's modem anew and hands over what is found there.
// Then done is called, once, from another goroutine: with nil, or with why it could not
// be done.
func (r *Rack) Check(slot string, done func(error)) {
	b := r.inboxOf(slot)
	if b == nil {
		go done(errNoModem)
		return
	}
	b.change(func() { b.checks = append(b.checks, done) })
}

func (r *Rack) inboxOf(slot string) *inbox {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.workers {
		if w.name == slot {
			return w.session.inbox
		}
	}
	return nil
}

// tell logs each problem when it appears.
func (r *Rack) tell(problems []Problem, told map[Problem]bool) {
	for _, p := range problems {
		if !told[p] {
			r.o.Logger.Warn(p.What, "try", p.Try)
		}
	}
	clear(told)
	for _, p := range problems {
		told[p] = true
	}
}

// settle starts a worker for each new port and stops those whose port is gone. A slot
// whose node has changed ends first and is begun anew by a later scan.
func (r *Rack) settle(ctx context.Context, wg *sync.WaitGroup, ports []Port) {
	r.mu.Lock()
	defer r.mu.Unlock()
	here := make(map[string]bool, len(ports))
	for _, p := range ports {
		w := r.workers[p.Slot]
		switch {
		case w == nil:
			r.start(ctx, wg, p)
		case w.port.Node != p.Node || w.port.Real != p.Real || !slices.Equal(w.port.Others, p.Others):
			continue // and so it is stopped
		}
		here[p.Slot] = true
	}
	for slot, w := range r.workers {
		if !here[slot] {
			w.stop()
		}
	}
}

func (r *Rack) start(ctx context.Context, wg *sync.WaitGroup, p Port) {
	ctx, stop := context.WithCancel(ctx)
	changed := func(s Status, gone bool) {
		if r.o.Changed != nil {
			r.o.Changed(s, gone)
		}
	}
	w := &worker{port: p, stop: stop}
	w.session = newSession(&r.o, p, r.metrics, func(s Status) { changed(s, false) })
	w.name = w.session.status.Slot
	w.session.claim, w.session.release = r.claim, r.release
	r.metrics.begin(w.session.status.Slot)
	r.workers[p.Slot] = w
	wg.Go(func() {
		defer stop()
		w.session.run(ctx)
		w.session.endChecks(errNoModem)
		changed(w.session.status, true)
		// Only now may the slot be taken again, so that its changes stay in order.
		r.mu.Lock()
		delete(r.workers, p.Slot)
		r.mu.Unlock()
		select {
		case r.kick <- struct{}{}:
		default:
		}
	})
}

// claim says whether a session may serve its modem: two ports with one IMEI and one
// card lead to the same one. Equal IMEIs with different cards are two: cheap batches
// have them.
func (r *Rack) claim(s *session) bool {
	if s.status.IMEI == "" {
		return true
	}
	key := s.status.IMEI + " " + s.status.ICCID
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.claims[key]; other != nil && other != s {
		return false
	}
	for k, other := range r.claims { // of the card that was there before
		if other == s && k != key {
			delete(r.claims, k)
		}
	}
	r.claims[key] = s
	return true
}

// release gives up what a session has claimed.
func (r *Rack) release(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, other := range r.claims {
		if other == s {
			delete(r.claims, key)
		}
	}
}
