package pool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Options is what a pool is made of. Store, Decoder, Config and Boot are required.
type Options struct {
	Store   Store
	Decoder Decoder
	Config  *Config
	Boot    Boot
	// Synchronised says whether the wall's clock is known to be right; nil: it is.
	Synchronised func() bool
	// Deliver takes over deliveries whose events are on disk, in the order of ids. It is
	// called by the store's committing goroutine and must not block. nil: nobody delivers.
	Deliver func(jobs []Job)
	// Write writes a message's event as it goes out. It is called without a lock while the
	// message is on its way to the disk, so that a destination need not wait for it. nil: Deliver's jobs are not written.
	Write func(ev *Event, m *Message) (Written, error)
	// Send asks a provider to send a message; Wrote and Answered tell of it. nil: nobody is asked.
	Send func(Send)
	// Attend says whether a slot's modem is to be asked every second. nil: nobody listens.
	Attend func(slot string, on bool)
	// Check looks through a slot's modem for messages that nobody has read, and then calls
	// done, from another goroutine: with nil when all storages were listed. nil: there are no modems.
	// Send, Attend and Check are called with the pool locked and must not block.
	Check func(slot string, done func(error))
	// Count is told of what is counted; the zero Counters count nothing.
	Count Counters
}

// Counters are told of what happens, for metrics. They must not block.
type Counters struct {
	Received    func(slot string, at time.Time)
	Call        func(slot string)
	Undecodable func()
	Unrouted    func()
	Ended       func(app string, end End)
	TestBegun   func(monitor, country, operator string)
	TestItem    func(monitor, country, operator string, v Verdict)
	TestFinding func(monitor string, c FindingCode)
	TestLatency func(monitor, country, operator string, seconds float64)
	TestDLR     func(monitor string, r Receipt, d DLR)
	TestLate    func(monitor string)
}

// Pool is the domain's state. Its methods may be called from any goroutine.
type Pool struct {
	o        Options
	store    Store
	boot     Boot
	networks *Networks
	began    time.Time
	wake     chan struct{} // something that ends has changed

	mu            sync.Mutex
	config        *Config
	apps          map[string]*App
	nextID        ID
	modems        map[string]*modemState // by slot
	cards         map[string]string      // IMEI: the card that was in it last
	sims          map[string]*sim        // by ICCID
	numbers       map[string]int         // claims to a number
	open          map[ID]*booking
	openOf        map[string]int  // by application
	current       map[ID]*booking // open or quiet
	past          []*booking      // quiet no longer, about in the order in which they ended
	bookings      map[ID]*booking // current and past
	queue         []*queued       // calls that wait for a number, oldest first
	keys          map[keyID]*keyState
	keysOf        map[string]int
	recent        map[seenKey]*recentSeen // digests that the store may not have yet
	ahead         func() (Written, error) // writes the event of the message that this section has finished
	assemblies    map[assemblyKey][]*assembly
	partial       map[assemblyKey][]*partial
	calls         map[string]*Call // by slot
	waiters       map[string]map[*waiter]struct{}
	waiting       int
	waitingOf     map[string]int
	tests         map[ID]*trial // open or late
	openTests     map[ID]*trial
	testsOf       map[string]int // items of open and late tests, by application
	tokens        map[string]*testItem
	providerIDs   map[providerID]*testItem
	reportOrder   []providerID // of reports, oldest first
	reports       map[providerID]report
	lateNext      time.Time // when the next late window ends; zero: none is open
	noRoom        []span    // when intake stopped for want of room; the last may still go on
	monitors      []*monitor
	spent         map[string]*spending    // by UTC day
	monitorStates map[string]MonitorState // also of monitors that a reload has taken out
	alarms        map[alarmKey]*raised
	exhausted     map[string]*exhaustion // by destination
	subscribers   map[*Subscription]struct{}
	reads         map[readKey]time.Time // readings that were audited within the last minute
	stopping      chan struct{}         // closed by Stop
	forgetAt      time.Time             // when to drop what is kept for a time only
	unplaced      bool                  // deadlines of an earlier boot wait for the clock
}

// modemState is a modem and the card before this one.
type modemState struct {
	Modem
	before   string    // card whose messages lie in the modem's own memory; empty: not known
	downAt   time.Time // when to tell that it is down; zero: it is not, or that is told
	toldDown bool
}

// New loads a pool from its store.
func New(o Options) (*Pool, error) {
	if o.Store == nil || o.Decoder == nil || o.Config == nil {
		return nil, errors.New("pool: store, decoder and configuration are required")
	}
	if o.Synchronised == nil {
		o.Synchronised = func() bool { return true }
	}
	o.Count = o.Count.filled()
	o.fill()
	p := &Pool{
		o: o, store: o.Store, boot: Boot{o.Boot.ID, o.Boot.Clock, o.Boot.At, o.Synchronised}, networks: LoadNetworks(), began: time.Now(),
		wake:   make(chan struct{}, 1),
		modems: map[string]*modemState{}, sims: map[string]*sim{}, numbers: map[string]int{},
		open: map[ID]*booking{}, openOf: map[string]int{}, current: map[ID]*booking{}, bookings: map[ID]*booking{},
		keys: map[keyID]*keyState{}, keysOf: map[string]int{}, recent: map[seenKey]*recentSeen{},
		assemblies: map[assemblyKey][]*assembly{}, partial: map[assemblyKey][]*partial{}, calls: map[string]*Call{},
		waiters: map[string]map[*waiter]struct{}{}, waitingOf: map[string]int{}, subscribers: map[*Subscription]struct{}{},
		alarms: map[alarmKey]*raised{}, exhausted: map[string]*exhaustion{},
		tests: map[ID]*trial{}, openTests: map[ID]*trial{}, testsOf: map[string]int{}, tokens: map[string]*testItem{},
		spent: map[string]*spending{}, monitorStates: map[string]MonitorState{},
		providerIDs: map[providerID]*testItem{}, reports: map[providerID]report{},
		reads: map[readKey]time.Time{}, stopping: make(chan struct{}),
	}
	snap, err := o.Store.Load()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load(snap)
	return p, nil
}

// fill puts in what does nothing where nobody listens.
func (o *Options) fill() {
	if o.Send == nil {
		o.Send = func(Send) {}
	}
	if o.Attend == nil {
		o.Attend = func(string, bool) {}
	}
	if o.Check == nil {
		o.Check = func(_ string, done func(error)) { go done(nil) }
	}
}

func (c Counters) filled() Counters {
	if c.TestBegun == nil {
		c.TestBegun = func(string, string, string) {}
	}
	if c.TestItem == nil {
		c.TestItem = func(string, string, string, Verdict) {}
	}
	if c.TestFinding == nil {
		c.TestFinding = func(string, FindingCode) {}
	}
	if c.TestLatency == nil {
		c.TestLatency = func(string, string, string, float64) {}
	}
	if c.TestDLR == nil {
		c.TestDLR = func(string, Receipt, DLR) {}
	}
	if c.TestLate == nil {
		c.TestLate = func(string) {}
	}
	if c.Received == nil {
		c.Received = func(string, time.Time) {}
	}
	if c.Call == nil {
		c.Call = func(string) {}
	}
	if c.Undecodable == nil {
		c.Undecodable = func() {}
	}
	if c.Unrouted == nil {
		c.Unrouted = func() {}
	}
	if c.Ended == nil {
		c.Ended = func(string, End) {}
	}
	return c
}

// load builds the state from what the store has.
func (p *Pool) load(snap *Snapshot) {
	now := time.Now()
	p.nextID = snap.NextID
	p.cards = snap.Modems
	if p.cards == nil {
		p.cards = map[string]string{}
	}
	for _, s := range snap.SIMs {
		p.sims[s.ICCID] = &sim{SIM: s, stored: true}
	}
	p.takeConfig(p.o.Config)
	p.takeMonitors(p.o.Config, snap.Monitors, now)
	for i := range snap.Messages {
		m := &snap.Messages[i]
		if s := p.sims[m.ICCID]; s != nil {
			p.index(s, *m)
		}
	}
	for iccid, id := range snap.LastReserved {
		p.simOf(iccid).lastUsed = id
	}
	for i := range snap.Reservations {
		p.restore(snap.Reservations[i], now)
	}
	for _, k := range snap.Keys {
		p.keys[keyID{k.App, k.Path, k.Key}] = &keyState{Key: k}
		p.keysOf[k.App]++
	}
	for _, a := range snap.Alarms {
		p.alarms[alarmKey{a.Name, a.Subject}] = &raised{a, now}
	}
	for i := range snap.Tests {
		p.restoreSpent(&snap.Tests[i])
		if !snap.Tests[i].Done {
			p.restoreTest(&snap.Tests[i], now)
		}
	}
	for i := range snap.Parts {
		p.restorePart(snap.Parts[i], now)
	}
	for i := range snap.Incomplete {
		p.restorePartial(&snap.Incomplete[i])
	}
	for i := range snap.Calls {
		p.endCall(snap.Calls[i], now) // the call ended while nobody looked
	}
}

// draw draws the next id. It is called with the lock held by whoever submits next, so
// that ids are committed in their order.
func (p *Pool) draw() ID {
	id := p.nextID
	p.nextID++
	return id
}

// submit hands a change over in its turn; then runs after it is on disk, before the
// waiting caller goes on. Called with the lock held.
func (p *Pool) submit(c *Change, then func()) ticket {
	t := make(ticket, 1)
	p.store.Submit(c, func(err error) {
		if err == nil && then != nil {
			then()
		}
		t <- err
	})
	return t
}

// ticket is a change on its way to the disk. One goroutine may wait for it.
type ticket chan error

// wait waits until the change is on disk.
func (t ticket) wait() error {
	if err := <-t; err != nil {
		return refuse(StoreUnavailable, "the store has failed")
	}
	return nil
}

// Barrier waits until all that was decided before is on disk.
func (p *Pool) Barrier() error {
	p.mu.Lock()
	t := p.submit(&Change{}, nil)
	p.mu.Unlock()
	return t.wait()
}

// Run ends what time ends, until ctx does.
func (p *Pool) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-p.wake:
		}
		timer.Reset(time.Until(p.tick(time.Now())))
	}
}

// tick ends what is due and returns when to look next.
func (p *Pool) tick(now time.Time) time.Time {
	p.mu.Lock()
	defer p.unlock()
	next := now.Add(time.Minute)
	if p.unplaced {
		p.placeAll(now)
		if p.unplaced {
			next = now.Add(time.Second)
		}
	}
	next = earlier(next, p.endBookings(now))
	next = earlier(next, p.endAssemblies(now))
	next = earlier(next, p.endTests(now))
	next = earlier(next, p.runMonitors(now))
	next = earlier(next, p.tellModems(now))
	next = earlier(next, p.tellExhausted(now))
	if !now.Before(p.forgetAt) {
		p.forgetAt = now.Add(time.Minute)
		p.forgetOld(now)
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// kick makes Run look again. It never blocks.
func (p *Pool) kick() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Stop answers all that waits, and refuses what is new. What modems receive is still taken.
func (p *Pool) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.Stopping() {
		close(p.stopping)
	}
}

// Stopping says whether Stop was called.
func (p *Pool) Stopping() bool {
	select {
	case <-p.stopping:
		return true
	default:
		return false
	}
}

// SetConfig takes a new configuration, at once and whole.
func (p *Pool) SetConfig(c *Config, who string) error {
	p.mu.Lock()
	p.takeConfig(c)
	p.takeMonitors(c, nil, time.Now())
	p.queue = slices.DeleteFunc(p.queue, func(q *queued) bool {
		if q.app = p.apps[q.app.Name]; q.app == nil {
			q.ch <- answer{err: refuse(Unauthorized, "")}
		}
		return q.app == nil
	})
	p.serveQueue()
	t := p.submit(&Change{Audit: []Audit{{At: now(), Who: who, What: "config.reloaded"}}}, nil)
	p.mu.Unlock()
	p.kick()
	return t.wait()
}

func (p *Pool) takeConfig(c *Config) {
	p.config = c
	p.apps = make(map[string]*App, len(c.Apps))
	for i := range c.Apps {
		p.apps[c.Apps[i].Name] = &c.Apps[i]
	}
	for _, s := range p.sims {
		s.file = nil
	}
	for i := range c.SIMs {
		f := &c.SIMs[i]
		p.simOf(p.canonical(f.ICCID)).file = f
	}
	for _, s := range p.sims {
		s.derive(p.networks)
	}
	p.countNumbers()
}

// canonical is the ICCID under which a card is known that is named with or without its
// check digit.
func (p *Pool) canonical(iccid string) string {
	if p.sims[iccid] != nil {
		return iccid
	}
	for known := range p.sims {
		if SameICCID(known, iccid) {
			return known
		}
	}
	return iccid
}

// known is the ICCID under which the card that a modem has is known: cards are named
// with and without their check digit. One that was only named so far, and has done
// nothing yet, is known as the modem reads it from now on.
func (p *Pool) known(iccid string) string {
	name := p.canonical(iccid)
	if name == iccid {
		return iccid
	}
	s := p.sims[name]
	if s.slot != "" || s.IMSI != "" || len(s.messages)+len(s.recent) > 0 {
		return name
	}
	delete(p.sims, name)
	s.ICCID = iccid
	p.sims[iccid] = s
	s.derive(p.networks)
	if s.Set != (SIMFacts{}) {
		p.submit(&Change{ForgetSIMs: []string{name}, SIMs: []SIM{s.SIM}}, nil)
	}
	return iccid
}

// simOf returns the card of that ICCID, new if need be.
func (p *Pool) simOf(iccid string) *sim {
	s := p.sims[iccid]
	if s == nil {
		s = &sim{SIM: SIM{ICCID: iccid}}
		for i := range p.config.SIMs {
			if SameICCID(p.config.SIMs[i].ICCID, iccid) {
				s.file = &p.config.SIMs[i]
			}
		}
		s.derive(p.networks)
		p.sims[iccid] = s
	}
	return s
}

func (p *Pool) countNumbers() {
	clear(p.numbers)
	for _, s := range p.sims {
		if s.number != "" && p.claimsIt(s) {
			p.numbers[s.number]++
		}
	}
}

// now is the wall's time as it is kept and shown.
func now() time.Time { return time.Now().UTC().Round(0) }
