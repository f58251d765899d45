package pool

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Bounds of tests.
const (
	MaxDeadline = 24 * time.Hour
	MaxLate     = 7 * 24 * time.Hour
	MaxCount    = 256
	maxPieces   = 20 // parts of one message that a test may send
)

// TestRequest says what a delivery test is to do.
type TestRequest struct {
	Numbers                []string // named ones; else by what follows
	Country, Operator, Tag string
	EachOperator           bool // Count numbers of each operator; else Count in all
	Count                  int

	Call     bool
	Token    Token
	Text     string // with {token}; empty: the caller's own
	Provider string // that sends it; empty: its caller does
	SentAt   time.Time
	Expect   Expect
	Deadline time.Duration
	Degraded time.Duration
	Late     time.Duration
	Labels   map[string]string

	Idempotency Idempotency

	monitor *monitor // whose run it is; nil: nobody's
	skip    string   // why none of it is sent
}

// trial is a test that is open or late, in memory.
type trial struct {
	Test
	items    []*testItem
	created  time.Time
	lateEnd  time.Time     // zero while it is open
	ended    chan struct{} // closed when its end is on disk
	restored bool          // it was open when the process began
	unplaced bool
}

// testItem is an item with its times on this process's clock. Guarded by Pool.mu.
type testItem struct {
	Item
	t         *trial
	start     time.Time // when it was sent, else when the test began
	due       time.Time // zero: it waits for its provider to be asked
	asking    bool      // its provider is being asked
	checking  bool      // its receiver is looked through before it fails
	giveUp    time.Time // when the answer to that is no longer awaited
	settled   bool      // nothing more is awaited for it
	gone      bool      // its first message was deleted from the modem
	splitting bool      // the message was whole before the provider's request was written
}

// Send is one message that a provider is to send.
type Send struct {
	Test     ID
	N        int
	Provider string
	Number   string
	Text     string
	Token    string
}

// StartTest opens a delivery test of an application; of the operator, app "".
func (p *Pool) StartTest(ctx context.Context, app string, req TestRequest) (v *TestView, replayed bool, err error) {
	return idempotent(ctx, p, app, req.Idempotency, func(ks *keyState) (*TestView, error) {
		p.mu.Lock()
		t, done, err := p.openTest(app, &req, ks)
		var v *TestView
		if err == nil {
			v = p.viewTest(t)
		}
		p.mu.Unlock()
		if err != nil {
			return nil, err
		}
		return v, done.wait()
	}, func(id ID) (*TestView, error) { return p.Test(app, id) })
}

// pick is a card that a test uses, or the reason why it can't.
type pick struct {
	s      *sim
	reason string
}

// openTest makes a test and hands its sending over once it is on disk.
func (p *Pool) openTest(name string, req *TestRequest, ks *keyState) (*trial, ticket, error) {
	app := p.apps[name]
	now := time.Now()
	switch {
	case name != "" && app == nil:
		return nil, nil, refuse(Unauthorized, "")
	case p.Stopping():
		return nil, nil, refuse(Stopping, "")
	case req.Provider != "" && p.config.provider(req.Provider) == nil:
		return nil, nil, refuse(InvalidRequest, "send.provider: no such provider")
	}
	picks, err := p.pickNumbers(app, req, now)
	if err != nil {
		return nil, nil, err
	}
	if parts, _ := p.o.Decoder.Segments(req.Text); parts > maxPieces {
		return nil, nil, refuse(InvalidRequest, "text: at most 20 parts")
	}
	if !req.Call && (len(p.tokens)+len(picks))*2 > req.Token.many() { // so that drawing one ends soon
		return nil, nil, refuse(TooManyItems, "too many tokens of this length are in use: ask for longer ones")
	}
	if app != nil && p.testsOf[name]+len(picks) > lateTestsAtOnce {
		return nil, nil, refuse(TooManyItems, "at most 1,000 items of an application may be open or late")
	}
	if err := p.store.Room(); err != nil {
		return nil, nil, refuse(NoRoom, "the disk is nearly full")
	}
	t := &trial{created: now, ended: make(chan struct{}), Test: Test{
		ID: p.draw(), App: name, State: TestOpen, CreatedAt: p.boot.moment(now), Labels: req.Labels, Call: req.Call, Provider: req.Provider,
		Expect: req.Expect, Deadline: req.Deadline, Degraded: req.Degraded, Late: req.Late, Items: len(picks),
	}}
	c := &Change{}
	if m := req.monitor; m != nil {
		t.Monitor = m.name()
		p.monitorBegan(m, t, c, now)
	}
	var sends []Send
	for n, k := range picks {
		i := p.newItem(t, n, k, req, now)
		t.items = append(t.items, i)
		if i.asking {
			sends = append(sends, Send{t.ID, n, req.Provider, i.Number, i.Text, i.Token})
		}
	}
	who := "app " + name
	if name == "" {
		who = "operator"
	}
	if req.monitor != nil {
		who = "monitor " + t.Monitor
	}
	c.Audit = []Audit{{At: now.UTC().Round(0), Who: who, What: "test.created", Subject: fmt.Sprintf("tst_%d", t.ID)}}
	p.enlistTest(t)
	p.keep(ks, t.ID, c, now)
	then := p.closeIfSettled(t, c, now)
	c.Tests = nil // it stands in what follows
	p.putTest(c, t, true)
	done := p.submit(c, func() {
		run(then)
		for _, s := range sends {
			p.o.Send(s)
		}
	})
	p.kick()
	return t, done, nil
}

func run(f func()) {
	if f != nil {
		f()
	}
}

// putTest puts a test into c, with all its items or without.
func (p *Pool) putTest(c *Change, t *trial, items bool) {
	c.Tests = append(c.Tests, t.Test)
	if items {
		for _, i := range t.items {
			c.Items = append(c.Items, i.Item)
		}
	}
}

// newItem makes one item of a test.
func (p *Pool) newItem(t *trial, n int, k pick, req *TestRequest, now time.Time) *testItem {
	s := k.s
	i := &testItem{t: t, start: now, Item: Item{
		Test: t.ID, N: n, ICCID: s.ICCID, Number: s.number, Country: s.country, Operator: s.operator,
		Receipt: ReceiptWaiting, DLR: DLRNotExpected, Verdict: VerdictOpen,
	}}
	if !t.Call {
		i.Token = req.Token.draw(func(token string) bool { return p.tokens[token] != nil })
		i.Text = strings.ReplaceAll(req.Text, placeholder, i.Token)
		p.tokens[i.Token] = i // also against the next item of this test
	}
	reason := cmp.Or(req.skip, k.reason)
	if req.Provider != "" && reason == "" {
		i.Segments, _ = p.o.Decoder.Segments(i.Text)
		if !p.spend(req, i.Segments, now) {
			reason = ReasonBudget
		}
	}
	if reason != "" {
		i.settled, i.Verdict, i.Reason, i.Segments = true, VerdictSkipped, reason, 0
		delete(p.tokens, i.Token)
		return i
	}
	s.lastTested = t.ID
	p.o.Count.TestBegun(t.Monitor, s.country, s.operator)
	if req.Provider != "" {
		i.asking, i.AskedAt = true, t.CreatedAt
		if p.config.provider(req.Provider).Reports {
			i.DLR = DLRWaiting
		}
		i.Due = deadline{p.boot.moment(now.Add(t.Deadline)), t.Deadline} // until its request is written
		return i
	}
	if !req.SentAt.IsZero() {
		i.Sent = Moment{Wall: req.SentAt.UTC()}
		i.start = now.Add(req.SentAt.Sub(now.Round(0)))
	}
	i.begin(p, i.start)
	return i
}

// begin sets the deadline, which counts from the sending.
func (i *testItem) begin(p *Pool, at time.Time) {
	i.start, i.due = at, at.Add(i.t.Deadline)
	i.Due = deadline{p.boot.moment(i.due), i.t.Deadline}
}

// enlistTest lets what comes be matched with a test's items.
func (p *Pool) enlistTest(t *trial) {
	p.tests[t.ID] = t
	if t.State != TestCancelled {
		p.testsOf[t.App] += t.weight()
	}
	if t.State == TestOpen {
		p.openTests[t.ID] = t
	}
	for _, i := range t.items {
		if i.Verdict == VerdictSkipped {
			continue
		}
		s := p.simOf(i.ICCID)
		s.items = append(s.items, i)
		if i.Token != "" {
			p.tokens[i.Token] = i
		}
		p.enlistProviderID(i)
		p.attend(s)
	}
}

// weight is how many of an application's items a test counts for.
func (t *trial) weight() (n int) {
	for _, i := range t.items {
		if i.Verdict != VerdictSkipped {
			n++
		}
	}
	return n
}

// forgetTest leaves a test to the store.
func (p *Pool) forgetTest(t *trial) {
	delete(p.tests, t.ID)
	if t.State != TestCancelled {
		p.testsOf[t.App] -= t.weight()
	}
	if p.testsOf[t.App] <= 0 {
		delete(p.testsOf, t.App)
	}
	for _, i := range t.items {
		if s := p.sims[i.ICCID]; s != nil {
			s.items = slices.DeleteFunc(s.items, func(o *testItem) bool { return o == i })
		}
		if p.tokens[i.Token] == i {
			delete(p.tokens, i.Token)
		}
		if key := (providerID{t.Provider, i.ProviderID}); p.providerIDs[key] == i {
			delete(p.providerIDs, key)
		}
	}
}

// pickNumbers chooses the numbers of a test. Those that can't be used stand in it as
// skipped, with the reason, unless none can.
func (p *Pool) pickNumbers(app *App, req *TestRequest, now time.Time) ([]pick, error) {
	all, err := p.candidates(app, req)
	if err != nil {
		return nil, err
	}
	usable, live := 0, false
	for n := range all {
		k := &all[n]
		if k.reason = p.unusable(app, k.s, now); k.reason == "" {
			usable++
		}
		live = live || k.s.live
	}
	if len(req.Numbers) == 0 {
		all = req.choose(all)
		usable = len(slices.DeleteFunc(slices.Clone(all), func(k pick) bool { return k.reason != "" }))
	}
	switch {
	case usable > 0, req.monitor != nil:
		return all, nil
	case !live:
		return nil, refuse(ReceiversDown, "none of the matching receivers is live")
	}
	return nil, refuse(NoNumberFree, "all matching numbers are busy or can't be used")
}

// candidates are the cards that a test means, of those an application is given.
func (p *Pool) candidates(app *App, req *TestRequest) (out []pick, err error) {
	given := func(s *sim) bool { return s.number != "" && (app == nil || app.selected(s)) }
	none := refuse(NoNumberMatches, "no number of the selection is like this")
	for _, number := range req.Numbers {
		var s *sim
		for _, iccid := range slices.Sorted(maps.Keys(p.sims)) {
			if c := p.sims[iccid]; c.number == number && given(c) && (s == nil || c.live && !s.live) {
				s = c
			}
		}
		switch {
		case s != nil:
			out = append(out, pick{s: s})
		case req.monitor == nil:
			return nil, none
		}
	}
	if len(req.Numbers) > 0 {
		return out, nil
	}
	for _, s := range p.sims {
		if given(s) && (req.Country == "" || s.in(req.Country)) && (req.Operator == "" || req.Operator == s.operator) &&
			(req.Tag == "" || slices.Contains(s.tags, req.Tag)) {
			out = append(out, pick{s: s})
		}
	}
	if len(out) == 0 && req.monitor == nil {
		return nil, none
	}
	return out, nil
}

// unusable says why a number can't be tested now; empty when it can. An application
// tests what is free or its own; the operator whatever is live.
func (p *Pool) unusable(app *App, s *sim, now time.Time) string {
	state, down := p.state(s, now)
	switch {
	case state == DownNow:
		return string(down)
	case app == nil, state == Free:
		return ""
	case state == Reserved && s.reservation.App == app.Name:
		return ""
	}
	return string(state)
}

// choose takes those that were tested longest ago, usable ones first.
func (req *TestRequest) choose(all []pick) []pick {
	slices.SortFunc(all, func(a, b pick) int {
		return cmp.Or(
			strings.Compare(map[bool]string{true: "", false: a.s.country + a.s.operator}[!req.EachOperator], map[bool]string{true: "", false: b.s.country + b.s.operator}[!req.EachOperator]),
			cmp.Compare(min(len(a.reason), 1), min(len(b.reason), 1)),
			cmp.Compare(a.s.lastTested, b.s.lastTested), cmp.Compare(a.s.ICCID, b.s.ICCID))
	})
	if !req.EachOperator {
		return all[:min(req.Count, len(all))]
	}
	var out []pick
	of := map[string]int{}
	for _, k := range all {
		// One that can't be used stands for its operator only where none can.
		n := of[k.s.operator]
		if n >= req.Count || n > 0 && k.reason != "" {
			continue
		}
		of[k.s.operator]++
		out = append(out, k)
	}
	return out
}

// attend asks a card's modem every second while one of its items is open.
func (p *Pool) attend(s *sim) {
	on := slices.ContainsFunc(s.items, func(i *testItem) bool { return !i.settled })
	if s.attended != "" && (!on || s.attended != s.slot) {
		p.o.Attend(s.attended, false)
		s.attended = ""
	}
	if on && s.slot != "" && s.attended == "" {
		p.o.Attend(s.slot, true)
		s.attended = s.slot
	}
}

// provider of a name; nil: there is none.
func (c *Config) provider(name string) *Provider {
	for i := range c.Providers {
		if c.Providers[i].Name == name {
			return &c.Providers[i]
		}
	}
	return nil
}
