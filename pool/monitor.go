package pool

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Provider is an SMS provider of the operator's, as far as tests go.
type Provider struct {
	Name          string
	DailyMessages int  // segments of a UTC day
	Reports       bool // it sends delivery receipts
}

// Monitor is a delivery test on a schedule.
type Monitor struct {
	Name            string
	Interval        time.Duration
	IntervalFailing time.Duration
	Jitter          float64  // share of the interval
	Texts           []string // with {token}; they take turns
	DailyMessages   int      // segments of a UTC day
	Maintenance     []*Hours
	Request         TestRequest // without a text
}

// MonitorState is what is kept of a monitor besides its configuration.
type MonitorState struct {
	Name        string    `json:"name"`
	PausedUntil deadline  `json:"paused_until,omitzero"`
	Why         string    `json:"why,omitempty"`
	Text        int       `json:"text"` // whose turn is next
	LastRun     time.Time `json:"last_run,omitzero"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastVerdict Verdict   `json:"last_verdict,omitempty"`
	LastTest    ID        `json:"last_test,omitempty"`
	Failing     bool      `json:"failing,omitempty"`
}

// monitor is a monitor at work. Guarded by Pool.mu.
type monitor struct {
	Monitor
	MonitorState
	begun       time.Time // of the newest run; zero: none since the start
	next        time.Time
	pausedUntil time.Time // zero: it is not paused
	running     *trial
}

// monitorPatience is how long after the start a monitor waits for a number that it can use.
const monitorPatience = time.Minute

// name tells the two apart that it embeds.
func (m *monitor) name() string { return m.Monitor.Name }

// takeMonitors makes the monitors of a configuration; what is known of those that stay stays.
func (p *Pool) takeMonitors(c *Config, kept []MonitorState, now time.Time) {
	old := map[string]*monitor{}
	for _, m := range p.monitors {
		old[m.name()] = m
		p.monitorStates[m.name()] = m.MonitorState // it may be taken out now, and come back
	}
	for _, k := range kept {
		p.monitorStates[k.Name] = k
	}
	p.monitors = nil
	for _, conf := range c.Monitors {
		m := old[conf.Name]
		if m == nil {
			m = &monitor{MonitorState: MonitorState{Name: conf.Name}}
			if k, known := p.monitorStates[conf.Name]; known {
				m.MonitorState = k
			}
			for _, t := range p.openTests {
				if t.Monitor == conf.Name {
					m.running, m.begun = t, t.created
				}
			}
			m.next = m.after(conf.Interval, now)
			if until := m.PausedUntil; !until.IsZero() {
				var ok bool
				if m.pausedUntil, ok = p.boot.local(until.Moment, p.o.Synchronised(), now); !ok {
					m.pausedUntil = now.Add(until.Length)
				}
			}
		} else if conf.Interval != m.Interval {
			m.next = m.after(conf.Interval, now)
		}
		m.Monitor = conf
		p.monitors = append(p.monitors, m)
	}
}

// after is an interval after the last run; the zero time: none is known.
func (m *monitor) after(interval time.Duration, now time.Time) time.Time {
	if !m.begun.IsZero() {
		return m.begun.Add(interval)
	}
	if ago := now.Round(0).Sub(m.LastRun); !m.LastRun.IsZero() && ago >= 0 && ago < interval {
		return now.Add(interval - ago)
	}
	return time.Time{}
}

func (p *Pool) monitor(name string) *monitor {
	for _, m := range p.monitors {
		if m.name() == name {
			return m
		}
	}
	return nil
}

// runMonitors begins the runs that are due, and returns when the next is.
func (p *Pool) runMonitors(now time.Time) (next time.Time) {
	for _, m := range p.monitors {
		if !m.pausedUntil.IsZero() {
			if now.Before(m.pausedUntil) {
				next = soonestTime(next, m.pausedUntil)
				continue
			}
			p.resumeMonitor(m, "modemgate")
		}
		if m.running != nil || p.Stopping() {
			continue
		}
		if !now.Before(m.next) && p.mayStart(m, now) {
			// One that could not begin is tried again at its next time.
			m.next = now.Add(m.interval())
			if _, _, err := p.openTest("", m.request(now), nil); err != nil { // no room: no silence
				p.o.Count.TestItem(m.name(), "", "", VerdictSkipped)
			}
			continue
		}
		next = soonestTime(next, laterTime(m.next, now.Add(time.Second)))
	}
	return next
}

func laterTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// mayStart waits after the start for the first number that a monitor can use.
func (p *Pool) mayStart(m *monitor, now time.Time) bool {
	if !m.begun.IsZero() || now.Sub(p.began) > monitorPatience {
		return true
	}
	all, _ := p.candidates(nil, m.request(now)) // of a monitor there is no refusal
	for _, k := range all {
		if p.unusable(nil, k.s, now) == "" {
			return true
		}
	}
	return false
}

// interval is the time to the next run, jittered.
func (m *monitor) interval() time.Duration {
	d := m.Interval
	if m.Failing && m.IntervalFailing > 0 {
		d = m.IntervalFailing
	}
	return d + time.Duration((2*rand.Float64()-1)*m.Jitter*float64(d))
}

// request is the test of the run that begins now.
func (m *monitor) request(now time.Time) *TestRequest {
	req := m.Request
	req.monitor = m
	req.Text = m.Texts[m.Text%len(m.Texts)]
	if m.inMaintenance(now) {
		req.skip = ReasonMaintenance
	}
	return &req
}

func (m *monitor) inMaintenance(now time.Time) bool {
	for _, h := range m.Maintenance {
		if h.Contains(now) {
			return true
		}
	}
	return false
}

// monitorBegan notes a run, in the transaction of its test.
func (p *Pool) monitorBegan(m *monitor, t *trial, c *Change, now time.Time) {
	m.running, m.begun = t, now
	m.LastRun, m.LastTest = now.UTC().Round(0), t.ID
	m.Text = (m.Text + 1) % len(m.Texts)
	c.Monitors = append(c.Monitors, m.MonitorState)
}

// monitorClosed notes how a run has ended, and sets the time of the next.
func (p *Pool) monitorClosed(t *trial, c *Change, now time.Time) {
	m := p.monitor(t.Monitor)
	if m == nil || t.Monitor == "" {
		return
	}
	if m.running == t {
		m.running = nil
	}
	m.LastVerdict = t.Verdict
	switch t.Verdict {
	case VerdictPassed, VerdictDegraded:
		m.LastSuccess, m.Failing = now.UTC().Round(0), false
	case VerdictFailed:
		m.Failing = true
	}
	m.next = laterTime(m.begun.Add(m.interval()), now)
	c.Monitors = append(c.Monitors, m.MonitorState)
	p.kick()
}

// monitorFreed notes that a run was cancelled: the next comes at its time.
func (p *Pool) monitorFreed(t *trial, c *Change, now time.Time) {
	m := p.monitor(t.Monitor)
	if m == nil || m.running != t {
		return
	}
	m.running = nil
	m.next = laterTime(m.begun.Add(m.interval()), now)
	c.Monitors = append(c.Monitors, m.MonitorState)
	p.kick()
}

// spend takes a message's segments from the day's budgets of its provider and its
// monitor; false when one of them has too little left.
func (p *Pool) spend(req *TestRequest, segments int, now time.Time) bool {
	day := p.spentOn(dayOf(now))
	provider := p.config.provider(req.Provider)
	if day.by[req.Provider]+segments > provider.DailyMessages {
		return false
	}
	if m := req.monitor; m != nil {
		if day.forMonitor[m.name()]+segments > m.DailyMessages {
			return false
		}
		day.forMonitor[m.name()] += segments
	}
	day.by[req.Provider] += segments
	return true
}

// spending is what a day's tests have cost, in segments.
type spending struct {
	by         map[string]int // by provider
	forMonitor map[string]int
}

// keepDays is of how many days the spending is known: the clock may step over midnight
// and back.
const keepDays = 8

// spentOn is a UTC day's spending.
func (p *Pool) spentOn(day string) *spending {
	d := p.spent[day]
	if d == nil {
		d = &spending{map[string]int{}, map[string]int{}}
		p.spent[day] = d
		for len(p.spent) > keepDays {
			oldest := day
			for other := range p.spent {
				if other < oldest {
					oldest = other
				}
			}
			if oldest == day {
				break
			}
			delete(p.spent, oldest)
		}
	}
	return d
}

func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// restoreSpent takes a kept test's segments into the budgets of their days.
func (p *Pool) restoreSpent(f *FinishedTest) {
	for n := range f.Of {
		i := &f.Of[n]
		if i.AskedAt.IsZero() {
			continue
		}
		day := p.spentOn(dayOf(i.AskedAt.Wall))
		day.by[f.Provider] += i.Segments
		if f.Monitor != "" {
			day.forMonitor[f.Monitor] += i.Segments
		}
	}
}

// MonitorRow is a monitor as the operator sees it.
type MonitorRow struct {
	MonitorState
	Provider      string
	Interval      time.Duration
	State         string // waiting, running, paused, maintenance
	PausedUntil   time.Time
	NextAt        time.Time
	InMaintenance bool
	Remaining     int // segments of today's budget
	Needs         int // segments of a day, with the numbers that are selected now
	Daily         int
}

// Monitors lists the monitors, in the order of the file.
func (p *Pool) Monitors() []MonitorRow {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	today := p.spentOn(dayOf(now))
	var out []MonitorRow
	for _, m := range p.monitors {
		row := MonitorRow{
			MonitorState: m.MonitorState, Provider: m.Request.Provider, Interval: m.Interval, State: "waiting", InMaintenance: m.inMaintenance(now),
			Daily: m.DailyMessages, Needs: p.needs(m),
		}
		left := m.DailyMessages - today.forMonitor[m.name()]
		if provider := p.config.provider(m.Request.Provider); provider != nil {
			left = min(left, provider.DailyMessages-today.by[provider.Name])
		}
		row.Remaining = max(left, 0)
		if m.running == nil {
			row.NextAt = wall(laterTime(m.next, now), now)
		}
		switch {
		case !m.pausedUntil.IsZero() && now.Before(m.pausedUntil):
			row.State, row.PausedUntil = "paused", wall(m.pausedUntil, now)
			row.NextAt = wall(laterTime(m.next, m.pausedUntil), now)
		case m.running != nil:
			row.State = "running"
		case row.InMaintenance:
			row.State = "maintenance"
		}
		out = append(out, row)
	}
	return out
}

// needs is how many segments a day of a monitor's runs takes with the numbers that are
// selected now.
func (p *Pool) needs(m *monitor) int {
	all, _ := p.candidates(nil, m.request(time.Now()))
	numbers := len(m.Request.choose(all))
	segments := 0
	for _, text := range m.Texts {
		n, _ := p.o.Decoder.Segments(strings.ReplaceAll(text, placeholder, strings.Repeat("0", m.Request.Token.Length)))
		segments += n
	}
	runs := 24 * time.Hour / m.Interval
	return int(runs) * numbers * segments / len(m.Texts)
}

// RunMonitor begins a run of a monitor now.
func (p *Pool) RunMonitor(name string) (*TestView, error) {
	p.mu.Lock()
	m := p.monitor(name)
	switch {
	case m == nil:
		p.mu.Unlock()
		return nil, refuse(NotFound, "no such monitor")
	case m.running != nil:
		p.mu.Unlock()
		return nil, refuse(Conflict, "a run of the monitor is under way")
	}
	t, done, err := p.openTest("", m.request(time.Now()), nil)
	var v *TestView
	if err == nil {
		v = p.viewTest(t)
	}
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return v, done.wait()
}

// PauseMonitor lets a monitor rest for a time.
func (p *Pool) PauseMonitor(name, why string, d time.Duration) error {
	p.mu.Lock()
	m := p.monitor(name)
	if m == nil {
		p.mu.Unlock()
		return refuse(NotFound, "no such monitor")
	}
	now := time.Now()
	m.pausedUntil = now.Add(d)
	m.PausedUntil, m.Why = deadline{p.boot.moment(m.pausedUntil), d}, why
	t := p.submit(&Change{Monitors: []MonitorState{m.MonitorState},
		Audit: []Audit{{At: now.UTC().Round(0), Who: "operator", What: "monitor.paused", Subject: name, Why: fmt.Sprintf("%s, for %v", why, d)}}}, nil)
	p.mu.Unlock()
	p.kick()
	return t.wait()
}

// ResumeMonitor ends a monitor's rest.
func (p *Pool) ResumeMonitor(name string) error {
	p.mu.Lock()
	m := p.monitor(name)
	if m == nil {
		p.mu.Unlock()
		return refuse(NotFound, "no such monitor")
	}
	t := p.resumeMonitor(m, "operator")
	p.mu.Unlock()
	p.kick()
	return t.wait()
}

func (p *Pool) resumeMonitor(m *monitor, who string) ticket {
	m.pausedUntil, m.PausedUntil, m.Why = time.Time{}, deadline{}, ""
	return p.submit(&Change{Monitors: []MonitorState{m.MonitorState},
		Audit: []Audit{{At: now(), Who: who, What: "monitor.resumed", Subject: m.name()}}}, nil)
}
