package pool

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Config is what the operator's file says of the domain. A Pool takes it as a whole
// and never changes it.
type Config struct {
	Apps         []App
	Routes       []Route // none: every destination gets everything
	Destinations []Destination
	SIMs         []FileSIM
	HoldUnlisted bool // SIMs that nobody names are kept out of everything
	PartialAfter time.Duration
	Providers    []Provider
	Monitors     []Monitor
}

// Scope is something that an application may do.
type Scope string

// Scopes.
const (
	ScopeRead    Scope = "read"
	ScopeReserve Scope = "reserve"
	ScopeTest    Scope = "test"
)

// App is one application of the operator.
type App struct {
	Name            string
	Scopes          []Scope
	Senders         []string // whose messages it sees on what it reserves
	Select          Selection
	MaxReservations int
	MaxTTL          time.Duration
	Quiet           time.Duration
}

// Can says whether the application has the scope.
func (a *App) Can(s Scope) bool { return slices.Contains(a.Scopes, s) }

// Selection says which SIMs an application is given. All that is given must hold.
type Selection struct {
	All       bool
	Tags      []string // the SIM has one of these
	Countries []string
	Names     []string // names, ICCIDs or numbers
}

// Destination is one of the operator's systems, as far as routing goes.
type Destination struct {
	Name   string
	Events []EventType
}

// FileSIM is what the operator's file says of a card.
type FileSIM struct {
	ICCID string
	Line  int // in the file, to name it when a command contradicts
	Facts SIMFacts
}

// Route sends messages and calls to destinations. All conditions that are given must hold.
type Route struct {
	Name   string
	Tags   []string
	SIMs   []string
	From   []string
	Text   *regexp.Regexp
	Events []EventType
	Hours  *Hours
	To     []string
	Tests  bool
	Stop   bool
}

// subject is what a route judges.
type subject struct {
	sim  *sim // nil: not known whose it is
	from string
	text string
	kind EventType
	at   time.Time
	test bool // it belongs to a delivery test
}

func (r *Route) takes(s *subject) bool {
	switch {
	case s.test && !r.Tests,
		len(r.Events) > 0 && !slices.Contains(r.Events, s.kind),
		len(r.From) > 0 && !fromOneOf(r.From, s.from),
		len(r.Tags) > 0 && (s.sim == nil || !s.sim.hasTag(r.Tags)),
		len(r.SIMs) > 0 && (s.sim == nil || !slices.ContainsFunc(r.SIMs, s.sim.is)),
		r.Text != nil && !r.Text.MatchString(s.text),
		r.Hours != nil && !r.Hours.Contains(s.at):
		return false
	}
	return true
}

// hop is a destination by a route.
type hop struct {
	destination, route string
}

// route walks the routes top down. routed is false when no route took it.
func (c *Config) route(s *subject) (hops []hop, routed bool) {
	add := func(d *Destination, route string) {
		if !slices.Contains(d.Events, s.kind) || slices.ContainsFunc(hops, func(h hop) bool { return h.destination == d.Name }) {
			return
		}
		hops = append(hops, hop{d.Name, route})
	}
	if len(c.Routes) == 0 {
		if s.test { // probes flood nobody
			return nil, true
		}
		for i := range c.Destinations {
			add(&c.Destinations[i], "")
		}
		return hops, true
	}
	for i := range c.Routes {
		r := &c.Routes[i]
		if !r.takes(s) {
			continue
		}
		routed = true
		for _, name := range r.To {
			if i := slices.IndexFunc(c.Destinations, func(d Destination) bool { return d.Name == name }); i >= 0 {
				add(&c.Destinations[i], r.Name)
			}
		}
		if r.Stop {
			break
		}
	}
	return hops, routed
}

// fromOneOf says whether a sender is one of the patterns: exact, or any that begins so
// when the pattern ends in a star; without case.
func fromOneOf(patterns []string, from string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if head, star := strings.CutSuffix(p, "*"); star {
			return len(from) >= len(head) && strings.EqualFold(from[:len(head)], head)
		}
		return strings.EqualFold(p, from)
	})
}
