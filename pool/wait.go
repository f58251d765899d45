package pool

import (
	"context"
	"regexp"
	"sort"
	"strings"
	"time"
)

const (
	maxWait    = 55 * time.Second // of one answer
	maxWaiting = 1000
	maxOfApp   = 200
	nearMisses = 10
	sickness   = 5 * time.Second // a receiver that was sick for longer proves no silence
)

// WaitRequest says what an application waits for. Exactly one of Reservation and Number is given.
type WaitRequest struct {
	Reservation ID
	Number      string
	Call        bool
	From        string // without case; empty: any
	Contains    string
	Regex       *regexp.Regexp
	Since       time.Time // zero: the reservation's start, for a number the call's
	After       ID        // 0: by Since; else only what came after it
	MinCount    int
	None        bool // that nothing comes
	Timeout     time.Duration
	Deadline    time.Time // zero: by Timeout
}

// Outcome is how a wait has ended.
type Outcome string

// Outcomes of waits.
const (
	Matched           Outcome = "matched"
	StillPending      Outcome = "pending"
	TimedOut          Outcome = "timed_out"
	UnexpectedMessage Outcome = "unexpected_message"
	Inconclusive      Outcome = "inconclusive"
)

// NearMiss is something that came and met not all criteria.
type NearMiss struct {
	ID     ID
	Failed []string
}

// Receiver is how the receiver of a number is.
type Receiver struct {
	State  string // of the modem; empty: the card is in none
	Reason Down   // empty: it can receive
}

// WaitResult is the answer to a wait.
type WaitResult struct {
	Outcome    Outcome
	Messages   []*Message
	Calls      []*Call
	NearMisses []NearMiss
	Deadline   time.Time
	After      ID
	Receiver   Receiver
}

// waiter is a call that waits for something to come.
type waiter struct {
	ch chan struct{}
}

func (w *waiter) notify() {
	select {
	case w.ch <- struct{}{}:
	default:
	}
}

// window is what a wait looks at.
type window struct {
	app     *App
	iccid   string
	booking *booking // of a wait for a reservation
	begun   time.Time
	until   time.Time // on this process's clock
	shown   time.Time
	after   ID
}

// Wait looks at what has come and waits for what is missing, for at most 55 s: then the
// outcome is pending, and the caller asks again with deadline and after.
func (p *Pool) Wait(ctx context.Context, app string, req WaitRequest) (*WaitResult, error) {
	begun := time.Now()
	win, err := p.openWindow(app, &req, begun)
	if err != nil {
		return nil, err
	}
	w := &waiter{ch: make(chan struct{}, 1)}
	if err := p.enlist(app, win.iccid, w); err != nil {
		return nil, err
	}
	defer p.dismiss(app, win.iccid, w)
	until := win.until
	if limit := begun.Add(maxWait); until.After(limit) {
		until = limit
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	pending := false
	for {
		res, wake := p.look(win, &req, pending)
		if res.Outcome != "" {
			return res, nil
		}
		if !wake.IsZero() && wake.Before(until) {
			timer.Reset(max(time.Until(wake), 5*time.Millisecond))
		}
		select {
		case <-w.ch:
		case <-timer.C:
			if now := time.Now(); !now.Before(until) && now.Before(win.until) {
				pending = true
			}
			timer.Reset(max(time.Until(until), time.Millisecond))
		case <-p.stopping:
			pending = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// openWindow finds out what a wait is about.
func (p *Pool) openWindow(name string, req *WaitRequest, now time.Time) (*window, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Stopping() {
		return nil, refuse(Stopping, "")
	}
	app := p.apps[name]
	if app == nil { // a reload has taken it out while the request was read
		return nil, refuse(Unauthorized, "")
	}
	win := &window{app: app, begun: now, until: now.Add(req.Timeout)}
	win.shown = win.until.UTC().Round(0)
	if !req.Deadline.IsZero() {
		win.until = now.Add(req.Deadline.Sub(now.Round(0)))
		win.shown = req.Deadline
		if win.until.After(now.Add(24 * time.Hour)) {
			return nil, refuse(InvalidRequest, "deadline: more than 86,400 s from now")
		}
	}
	since := req.Since
	if req.Reservation != 0 {
		b, ok := p.own(name, req.Reservation)
		if !ok {
			return nil, refuse(NotFound, "")
		}
		if b.created.IsZero() { // it ended long ago, or was made before the clock was right
			if t, ok := p.boot.local(b.CreatedAt, p.o.Synchronised(), now); ok {
				b.created = t
			}
			if !b.EndedAt.IsZero() && b.quietEnd.IsZero() {
				t, _ := p.boot.local(b.EndedAt, p.o.Synchronised(), now)
				b.quietEnd = t.Add(b.Quiet)
			}
		}
		win.booking, win.iccid, win.begun = b, b.ICCID, b.created
		win.after = b.ID
	} else {
		s := p.byNumber(app, req.Number)
		if s == nil {
			return nil, refuse(NoNumberMatches, "no number of the application's selection is like this")
		}
		win.iccid = s.ICCID
		win.after = p.nextID - 1
	}
	if s := p.sims[win.iccid]; s != nil && !since.IsZero() {
		// Behind the last message before the first that is not older: the same on each repeat.
		// Ids follow times only about: a message that lacked parts has its id late.
		about := since.Add(-time.Hour).UnixMilli()
		i := sort.Search(len(s.messages), func(i int) bool { return s.messages[i].CompletedAt >= about })
		for i < len(s.messages) && s.messages[i].CompletedAt < since.UnixMilli() {
			i++
		}
		win.after = 1
		if i > 0 {
			win.after = s.messages[i-1].ID
		}
		if req.Call {
			win.after = 1
		}
	}
	if req.After != 0 {
		win.after = req.After
	}
	return win, nil
}

// byNumber is the card of the application's selection that has a number.
func (p *Pool) byNumber(app *App, number string) *sim {
	var best *sim
	for _, s := range p.sims {
		if s.number == number && app.selected(s) && (best == nil || s.live && !best.live) {
			best = s
		}
	}
	return best
}

func (p *Pool) enlist(app, iccid string, w *waiter) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting >= maxWaiting || p.waitingOf[app] >= maxOfApp {
		return refuse(TooManyWaiting, "too many calls wait")
	}
	p.waiting++
	p.waitingOf[app]++
	if p.waiters[iccid] == nil {
		p.waiters[iccid] = map[*waiter]struct{}{}
	}
	p.waiters[iccid][w] = struct{}{}
	return nil
}

// Waiting is how many calls wait for something to come; tests wait for them by it.
func (p *Pool) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting
}

func (p *Pool) dismiss(app, iccid string, w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting--
	p.waitingOf[app]--
	delete(p.waiters[iccid], w)
	if len(p.waiters[iccid]) == 0 {
		delete(p.waiters, iccid)
	}
}

// look evaluates a wait now. Without an outcome the wait goes on; wake says when to
// look again at the latest, zero: when something comes.
func (p *Pool) look(win *window, req *WaitRequest, pending bool) (res *WaitResult, wake time.Time) {
	res = &WaitResult{Deadline: win.shown, After: win.after}
	if req.Call {
		p.lookAtCalls(win, req, res)
	} else {
		p.lookAtMessages(win, req, res)
	}
	count := len(res.Messages) + len(res.Calls)
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	var sick time.Duration
	if s := p.sims[win.iccid]; s != nil {
		if m := p.modems[s.slot]; m != nil {
			res.Receiver.State = m.State
		}
		res.Receiver.Reason = p.down(s)
		sick = s.sickFor(win.begun, now)
	} else {
		res.Receiver.Reason = NotLive
	}
	over := !now.Before(win.until)
	if b := win.booking; b != nil && b.over(now) {
		over = true // nothing can come any more
	}
	switch {
	case req.None && count > 0:
		res.Outcome = UnexpectedMessage
	case !req.None && count >= max(req.MinCount, 1):
		res.Outcome = Matched
	case over && req.None && sick > sickness:
		res.Outcome = Inconclusive
	case over && req.None:
		res.Outcome = Matched
	case over:
		res.Outcome = TimedOut
	case pending:
		res.Outcome = StillPending
	}
	if b := win.booking; b != nil {
		switch {
		case !b.EndedAt.IsZero():
			wake = b.quietEnd
		default:
			wake = b.expires.Add(b.Quiet)
		}
	}
	return res, wake
}

func (p *Pool) lookAtMessages(win *window, req *WaitRequest, res *WaitResult) {
	p.mu.Lock()
	var ids []ID
	if s := p.sims[win.iccid]; s != nil {
		i := sort.Search(len(s.messages), func(i int) bool { return s.messages[i].ID > win.after })
		for _, m := range s.messages[i:] {
			if win.booking == nil || m.Reservation == win.booking.ID {
				ids = append(ids, m.ID)
			}
		}
	}
	p.mu.Unlock()
	for _, id := range ids {
		m, ok := p.store.LiveMessage(id)
		if !ok || !p.Sees(win.app.Name, m) || m.Kind != Text || req.After == 0 && m.CompletedAt.Before(req.Since) {
			continue // not committed yet, or not for this application
		}
		text := ""
		if m.Text != nil {
			text = *m.Text
		}
		failed := req.failed(m.From, text)
		if !m.Complete {
			failed = append(failed, "complete")
		}
		if len(failed) == 0 {
			res.Messages = append(res.Messages, m)
		} else if len(res.NearMisses) < nearMisses {
			res.NearMisses = append(res.NearMisses, NearMiss{m.ID, failed})
		}
	}
}

func (p *Pool) lookAtCalls(win *window, req *WaitRequest, res *WaitResult) {
	p.store.Calls(win.after, true, func(c *Call) bool {
		if c.ICCID != win.iccid || win.booking != nil && c.Reservation != win.booking.ID || !p.SeesCall(win.app.Name, c) ||
			!req.Since.IsZero() && req.After == 0 && c.StartedAt.Before(req.Since) {
			return true
		}
		if failed := req.failed(c.From, ""); len(failed) == 0 {
			res.Calls = append(res.Calls, c)
		} else if len(res.NearMisses) < nearMisses {
			res.NearMisses = append(res.NearMisses, NearMiss{c.ID, failed})
		}
		return true
	})
}

// failed names the criteria that are not met.
func (r *WaitRequest) failed(from, text string) (failed []string) {
	if r.From != "" && !strings.EqualFold(r.From, from) {
		failed = append(failed, "from")
	}
	if r.Contains != "" && !strings.Contains(text, r.Contains) {
		failed = append(failed, "contains")
	}
	if r.Regex != nil && !r.Regex.MatchString(text) {
		failed = append(failed, "regex")
	}
	return failed
}

// span is a time in which a receiver was sick.
type span struct{ from, to time.Time }

const keepSpans = 64

// sickFor is how long the card's receiver was not live between two times.
func (s *sim) sickFor(from, to time.Time) (sum time.Duration) {
	add := func(a, b time.Time) {
		if a.Before(from) {
			a = from
		}
		if b.After(to) {
			b = to
		}
		if b.After(a) {
			sum += b.Sub(a)
		}
	}
	for _, h := range s.sick {
		add(h.from, h.to)
	}
	if !s.live {
		add(s.sickSince, to)
	}
	return sum
}

// setLive notes whether the card's receiver is live. Sickness is dated back to its
// last good answer.
func (s *sim) setLive(live bool, heard, now time.Time) {
	switch {
	case live && !s.live: // the first time it was sick since ever
		s.sick = append(s.sick, span{s.sickSince, now})
		s.sick = s.sick[max(0, len(s.sick)-keepSpans):]
	case !live && s.live:
		s.sickSince = heard
	}
	s.live = live
}
