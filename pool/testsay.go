package pool

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	keepReports  = 10 * time.Minute // of ids that no item has yet
	maxReports   = 1000
	maxReportID  = 256              // bytes
	cancelledFor = 10 * time.Minute // a cancelled test listens on for at most so long
	maxAhead     = time.Minute      // of the caller's clock before ours
)

// Said is what the caller of a test says of its own sending. Nil fields say nothing.
type Said struct {
	SentAt      *time.Time
	ProviderID  *string
	Token, Text *string
}

// ItemSent takes what a caller says of an item that it has sent itself.
func (p *Pool) ItemSent(app string, id ID, n int, said Said) (*ItemView, error) {
	p.mu.Lock()
	i, err := p.sayable(app, id, n)
	for tries := 0; tries < 3 && err == nil && said.Token != nil && p.unread(i); tries++ { // what has come can be looked through once it is on disk
		p.mu.Unlock()
		if err := p.Barrier(); err != nil {
			return nil, err
		}
		p.mu.Lock()
		i, err = p.sayable(app, id, n)
	}
	if err == nil {
		err = p.maySay(i, &said)
	}
	if err != nil {
		p.mu.Unlock()
		return nil, err
	}
	now := time.Now()
	c := &Change{}
	var then func()
	if said.ProviderID != nil {
		i.ProviderID = *said.ProviderID
	}
	if said.SentAt != nil {
		p.saySent(i, *said.SentAt, now)
	}
	if said.Text != nil {
		i.Text = *said.Text
	}
	if said.Token != nil && *said.Token != i.Token {
		delete(p.tokens, i.Token)
		i.Token, i.OwnToken = *said.Token, true
		p.tokens[i.Token] = i
		then = p.lookBack(i, c, now)
	}
	c.Items = append(c.Items, i.Item)
	v := p.viewItem(&i.Item)
	t := p.submit(c, then)
	p.mu.Unlock()
	p.kick()
	return v, t.wait()
}

// sayable is an item of which its application may still say something.
func (p *Pool) sayable(app string, id ID, n int) (*testItem, error) {
	t := p.tests[id]
	if t == nil {
		if old, ok := p.store.Test(id); ok && old.App == app {
			return nil, refuse(TestIsClosed, "the late window of the test is over")
		}
		return nil, refuse(NotFound, "")
	}
	switch {
	case t.App != app:
		return nil, refuse(NotFound, "")
	case n < 0 || n >= len(t.items):
		return nil, refuse(NotFound, "the test has no such item")
	case t.State == TestCancelled:
		return nil, refuse(TestIsClosed, "the test was cancelled")
	}
	return t.items[n], nil
}

func (p *Pool) maySay(i *testItem, said *Said) error {
	if i.t.Provider != "" {
		return refuse(Conflict, "this test is sent by modemgate")
	}
	if i.Verdict == VerdictSkipped {
		return refuse(Conflict, "the item was skipped")
	}
	if said.SentAt != nil && said.SentAt.After(time.Now().Add(maxAhead)) {
		return refuse(InvalidRequest, "sent_at: lies in the future")
	}
	if said.Token == nil && said.Text == nil {
		return nil
	}
	switch {
	case i.settled:
		return refuse(Conflict, "the item is decided: its token and text stay")
	case i.t.Call:
		return refuse(InvalidRequest, "token: a call has none")
	case said.Token == nil:
		return nil
	}
	if other := p.tokens[*said.Token]; other != nil && other != i {
		return refuse(Conflict, "token: another open item has it")
	}
	return nil
}

// saySent notes when an item was sent, by its caller's clock.
func (p *Pool) saySent(i *testItem, at, now time.Time) {
	i.Sent = Moment{Wall: at.UTC()}
	if !i.settled {
		i.begin(p, now.Add(at.Sub(now.Round(0))))
		i.checking = false
	}
	if i.LastPart.IsZero() || i.Latency == nil && i.SMSCDelay == nil && i.CallID == 0 && i.gone {
		return // nothing has come, or what came has no time
	}
	i.Latency = i.latency()
	if i.t.State == TestOpen && i.Receipt == ReceiptReceived {
		i.Findings = slices.DeleteFunc(i.Findings, func(f Finding) bool { return f.Code == Slow })
		if i.Latency != nil && *i.Latency > i.t.Degraded.Seconds() {
			i.note(Slow, i.t.Degraded.Seconds(), *i.Latency, false)
		}
		i.conclude()
	}
}

// unread says whether a message has come since an item's test began that is not on disk.
func (p *Pool) unread(i *testItem) bool {
	s := p.sims[i.ICCID]
	if s == nil {
		return false
	}
	for n := len(s.messages) - 1; n >= 0 && s.messages[n].ID > i.t.ID; n-- {
		if _, ok := p.store.LiveMessage(s.messages[n].ID); !ok {
			return true
		}
	}
	return false
}

// lookBack finds the message that an item's new token is in, among what has come since
// its test began and is nobody else's.
func (p *Pool) lookBack(i *testItem, c *Change, now time.Time) (then func()) {
	s := p.sims[i.ICCID]
	if s == nil {
		return nil
	}
	since := i.t.CreatedAt.Wall.UnixMilli()
	for n := range s.messages {
		k := &s.messages[n]
		if k.CompletedAt < since || k.Test != 0 || k.App != "" && k.App != i.t.App {
			continue
		}
		m, ok := p.store.LiveMessage(k.ID)
		if !ok || m.Kind != Text || m.Text == nil {
			continue
		}
		there, split := holds(*m.Text, i.Token, i.Text)
		if !there {
			continue
		}
		done := p.give(i, &seenMessage{Message: m, text: *m.Text, last: Moment{Wall: m.CompletedAt}, split: split}, c, now)
		if done != nil {
			then = done
		}
		k.Test, k.App, k.Reservation = m.Test, m.App, 0
		c.Messages = append(c.Messages, *m)
	}
	return then
}

// ItemDLR takes what a caller says that its provider has claimed of an item. The zero at
// is: not said.
func (p *Pool) ItemDLR(app string, id ID, n int, status DLR, at time.Time) (*ItemView, error) {
	p.mu.Lock()
	i, err := p.sayable(app, id, n)
	if err == nil && i.Verdict == VerdictSkipped {
		err = refuse(Conflict, "the item was skipped")
	}
	if err != nil {
		p.mu.Unlock()
		return nil, err
	}
	c := &Change{}
	p.claim(i, status, at, time.Now(), c)
	v := p.viewItem(&i.Item)
	t := p.submit(c, nil)
	p.mu.Unlock()
	return v, t.wait()
}

// claim notes a delivery receipt.
func (p *Pool) claim(i *testItem, status DLR, at, now time.Time, c *Change) {
	i.DLR, i.DLRSeen = status, p.boot.moment(now)
	i.DLRAt = i.DLRSeen.Wall
	if !at.IsZero() {
		i.DLRAt = at.UTC()
	}
	came := (i.Receipt == ReceiptReceived || i.Receipt == ReceiptLate) && !i.Swept
	if status == DLRDelivered && came && !at.IsZero() && at.Before(i.LastPart.Wall.Add(-time.Second)) {
		late := i.t.State != TestOpen
		if i.note(DLRBeforeArrival, nil, nil, late) && !late {
			i.conclude()
		}
	}
	c.Items = append(c.Items, i.Item)
}

type providerID struct{ provider, id string }

// report is a delivery receipt of an id that no item has yet: it may overtake the answer.
type report struct {
	status DLR
	at     time.Time
	seen   time.Time
}

func (p *Pool) enlistProviderID(i *testItem) {
	if i.t.Provider != "" && i.ProviderID != "" {
		p.providerIDs[providerID{i.t.Provider, i.ProviderID}] = i
	}
}

// Reported takes a delivery receipt of a provider. One of an unknown id is kept for a
// while.
func (p *Pool) Reported(provider, id string, status DLR, at time.Time) error {
	p.mu.Lock()
	key := providerID{provider, id}
	now := time.Now()
	i := p.providerIDs[key]
	c := &Change{}
	if i == nil {
		p.keepReport(key, report{status, at, now})
	} else {
		p.claim(i, status, at, now, c)
	}
	t := p.submit(c, nil)
	p.mu.Unlock()
	return t.wait()
}

// keepReport keeps a receipt of an id that no item has yet; the oldest ones go.
func (p *Pool) keepReport(key providerID, r report) {
	if len(key.id) > maxReportID {
		return
	}
	if _, again := p.reports[key]; !again {
		p.reportOrder = append(p.reportOrder, key)
	}
	p.reports[key] = r
	for len(p.reportOrder) > 0 {
		oldest := p.reportOrder[0]
		if kept, ok := p.reports[oldest]; ok && len(p.reports) <= maxReports && r.seen.Sub(kept.seen) <= keepReports {
			return
		}
		delete(p.reports, oldest)
		p.reportOrder = p.reportOrder[1:]
	}
}

// Wrote notes that a provider's request was written at a time of this process's clock:
// the deadline counts from there.
func (p *Pool) Wrote(test ID, n int, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.asked(test, n)
	if i == nil || !i.Sent.IsZero() {
		return
	}
	i.Sent = p.boot.moment(at)
	if !i.settled {
		i.begin(p, at)
	}
	c := &Change{}
	var then func()
	if i.splitting { // it has come already
		i.splitting = false
		i.Latency = i.latency()
		i.conclude()
		then = p.itemSettled(i, c, time.Now())
	}
	c.Items = append(c.Items, i.Item)
	p.submit(c, then)
	p.kick()
}

func (p *Pool) asked(test ID, n int) *testItem {
	t := p.tests[test]
	if t == nil || n >= len(t.items) {
		return nil
	}
	return t.items[n]
}

// Wanted says whether a message that was handed to Send is still to be sent: its test may
// have been cancelled meanwhile.
func (p *Pool) Wanted(test ID, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.asked(test, n)
	return i != nil && i.asking && i.t.State == TestOpen
}

// Answer is how a provider has answered a request to send.
type Answer struct {
	Came     bool   // there was an answer
	Accepted bool   // it takes the message
	ID       string // that it gives the message; empty: none
	Status   string // for a finding: the status, or what went wrong; no text, no secret
	At       time.Time
}

// Answered takes a provider's answer to a request to send.
func (p *Pool) Answered(test ID, n int, a Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.asked(test, n)
	if i == nil || !i.asking {
		return
	}
	now := time.Now()
	i.asking, i.Answered = false, a.Came
	c := &Change{}
	var then func()
	if i.due.IsZero() && !i.settled { // it was never written
		i.begin(p, i.start)
	}
	switch {
	case a.Came && !a.Accepted:
		if i.splitting || !i.settled {
			i.splitting = false
			i.note(SendRefused, nil, a.Status, false)
			if i.Receipt != ReceiptReceived {
				i.Receipt = ReceiptNone
			}
			i.conclude()
			then = p.itemSettled(i, c, now)
		}
	case a.Accepted:
		i.AcceptedAt = wall(a.At, now)
		if a.ID != "" {
			i.ProviderID = a.ID
			p.enlistProviderID(i)
			key := providerID{i.t.Provider, a.ID}
			if r, ok := p.reports[key]; ok {
				delete(p.reports, key)
				p.claim(i, r.status, r.at, r.seen, c)
			}
		}
	}
	if i.splitting { // the request's end was never told
		i.splitting = false
		i.conclude()
		then = p.itemSettled(i, c, now)
	}
	c.Items = append(c.Items, i.Item)
	p.submit(c, then)
	p.kick()
}

// CancelTest ends an open test without a verdict.
func (p *Pool) CancelTest(app string, id ID) error {
	p.mu.Lock()
	t := p.tests[id]
	if t == nil || t.App != app {
		old, ok := p.store.Test(id)
		p.mu.Unlock()
		if ok && old.App == app && old.State == TestCancelled {
			return nil
		}
		if ok && old.App == app {
			return refuse(TestIsClosed, "the test has closed")
		}
		return refuse(NotFound, "")
	}
	c := &Change{}
	var then func()
	switch t.State {
	case TestClosed:
		p.mu.Unlock()
		return refuse(TestIsClosed, "the test has closed")
	case TestOpen:
		now := time.Now()
		p.testsOf[t.App] -= t.weight()
		t.State, t.ClosedAt = TestCancelled, p.boot.moment(now)
		t.Late = min(t.Late, cancelledFor)
		for _, i := range t.items {
			i.settled, i.Verdict = true, NoVerdict
			if s := p.sims[i.ICCID]; s != nil {
				p.attend(s)
			}
		}
		p.beginLate(t, now)
		p.putTest(c, t, true)
		p.monitorFreed(t, c, now)
		who := strings.TrimSpace("app " + app)
		if app == "" {
			who = "operator"
		}
		c.Audit = []Audit{{At: now.UTC().Round(0), Who: who, What: "test.cancelled", Subject: fmt.Sprintf("tst_%d", t.ID)}}
		then = func() { close(t.ended) }
	}
	done := p.submit(c, then)
	p.mu.Unlock()
	return done.wait()
}
