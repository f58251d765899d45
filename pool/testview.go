package pool

import (
	"context"
	"time"
)

// TestView is a test as it is shown.
type TestView struct {
	Test
	CreatedAt, ClosedAt time.Time // ClosedAt zero: open
	Items               []ItemView
}

// ItemView is an item as it is shown.
type ItemView struct {
	Item
	SentAt, Deadline, LastPartAt time.Time // zero: not known
}

// viewTest shows a test in memory. Called with the lock held.
func (p *Pool) viewTest(t *trial) *TestView { return p.ViewTest(t.finished()) }

// ViewTest shows a test as it was kept: the times are those of the wall's clock at the
// time, so that they are the same whenever they are shown.
func (p *Pool) ViewTest(f *FinishedTest) *TestView {
	v := &TestView{Test: f.Test, CreatedAt: f.CreatedAt.Wall, ClosedAt: f.ClosedAt.Wall, Items: []ItemView{}}
	if v.State == TestOpen {
		v.Verdict = VerdictOpen
	}
	for n := range f.Of {
		v.Items = append(v.Items, *p.viewItem(&f.Of[n]))
	}
	return v
}

func (p *Pool) viewItem(i *Item) *ItemView {
	return &ItemView{Item: *i, SentAt: i.Sent.Wall, Deadline: i.Due.Wall, LastPartAt: i.LastPart.Wall}
}

// Test shows one of an application's tests; of the operator, app "", any.
func (p *Pool) Test(app string, id ID) (*TestView, error) {
	f := p.liveTest(id)
	if err := p.Barrier(); err != nil { // it may have changed just now
		return nil, err
	}
	if f == nil { // what has left memory is on disk by now
		f = p.closedTest(id)
	}
	if f == nil || app != "" && f.App != app {
		return nil, refuse(NotFound, "")
	}
	return p.ViewTest(f), nil
}

// liveTest is a test that is open or late; nil: it is not.
func (p *Pool) liveTest(id ID) *FinishedTest {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.tests[id]; t != nil {
		return t.finished()
	}
	return nil
}

// closedTest is a test as the store has it; nil: it has none.
func (p *Pool) closedTest(id ID) *FinishedTest {
	t, ok := p.store.Test(id)
	if !ok {
		return nil
	}
	return &FinishedTest{*t, p.store.Items(id)}
}

// AwaitTest waits until a test is closed or cancelled, for at most d, and shows it.
func (p *Pool) AwaitTest(ctx context.Context, app string, id ID, d time.Duration) (*TestView, error) {
	p.mu.Lock()
	t := p.tests[id]
	if p.waiting >= maxWaiting || p.waitingOf[app] >= maxOfApp {
		p.mu.Unlock()
		return nil, refuse(TooManyWaiting, "too many calls wait")
	}
	if t == nil || app != "" && t.App != app {
		p.mu.Unlock()
		return p.Test(app, id)
	}
	p.waiting++
	p.waitingOf[app]++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.waiting--
		p.waitingOf[app]--
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.ended:
	case <-timer.C:
	case <-p.stopping:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return p.Test(app, id)
}

// maxPage is how many items of tests a page has, but for the first test's.
const maxPage = 1000

// TestQuery chooses tests. Empty fields choose all.
type TestQuery struct {
	Labels  map[string]string
	State   TestState
	Verdict Verdict
	Monitor string
	Query
}

func (q *TestQuery) takes(t *Test) bool {
	for name, value := range q.Labels {
		if got, ok := t.Labels[name]; !ok || got != value {
			return false
		}
	}
	return (q.State == "" || q.State == t.State) && (q.Verdict == "" || q.Verdict == t.Verdict) && (q.Monitor == "" || q.Monitor == t.Monitor)
}

// Tests lists an application's tests, newest first; of the operator, app "", all. next
// is what to pass as After for more, 0 at the end. What is shown is on disk.
func (p *Pool) Tests(app string, q TestQuery) (items []*TestView, next ID, err error) {
	if err := p.Barrier(); err != nil { // so that what has left memory is on disk
		return nil, 0, err
	}
	rows := 0
	p.store.Tests(q.After, q.Ascending, func(kept *Test) bool {
		if app != "" && kept.App != app || !q.takes(kept) {
			return true
		}
		if len(items) == q.Limit || rows+kept.Items > maxPage && rows > 0 {
			next = items[len(items)-1].ID
			return false
		}
		f := p.liveTest(kept.ID)
		if f == nil {
			f = p.closedTest(kept.ID)
		}
		if f != nil {
			items = append(items, p.ViewTest(f))
			rows += kept.Items
		}
		return true
	})
	return items, next, p.Barrier()
}
