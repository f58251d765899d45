package pool

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// SIMRow is a card as the operator sees it.
type SIMRow struct {
	NumberRow
	IMSI       string
	Slot       string // of the modem that it is in; empty: none
	NumberFrom string
	Enabled    bool
	Note       string
	App        string // that holds it or held it last within the quiet time
}

// SIMs lists every card, ordered by ICCID.
func (p *Pool) SIMs() []SIMRow {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	var out []SIMRow
	for _, iccid := range slices.Sorted(maps.Keys(p.sims)) {
		out = append(out, p.simRow(p.sims[iccid], now))
	}
	return out
}

func (p *Pool) simRow(s *sim, now time.Time) SIMRow {
	row := SIMRow{NumberRow: p.numberRow(s, now), IMSI: s.IMSI, Slot: s.slot, NumberFrom: s.numberFrom(), Enabled: s.enabled}
	row.LastMessageAt = s.lastAt
	facts := s.Set
	if s.file != nil {
		facts = s.file.Facts.over(facts)
	}
	if facts.Note != nil {
		row.Note = *facts.Note
	}
	if b := s.reservation; b != nil && !b.over(now) {
		row.App = b.App
	}
	return row
}

// Why says for each application whether it could have a card's number now.
type Why struct {
	App    string
	Free   bool
	Reason string // a code; empty when it is free
}

// SIM finds one card by ICCID, number or name, and says why it is free or not.
func (p *Pool) SIM(name string) (*SIMRow, []Why, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.find(name)
	if s == nil {
		return nil, nil, refuse(NotFound, "no card is known by this ICCID, number or name")
	}
	now := time.Now()
	row := p.simRow(s, now)
	var whys []Why
	for i := range p.config.Apps {
		app := &p.config.Apps[i]
		w := Why{App: app.Name, Reason: p.whyNot(app, s, now)}
		w.Free = w.Reason == ""
		whys = append(whys, w)
	}
	return &row, whys, nil
}

// whyNot says why an application could not reserve a card now; empty when it could.
func (p *Pool) whyNot(app *App, s *sim, now time.Time) string {
	switch {
	case !app.Can(ScopeReserve):
		return "no_scope"
	case !app.selected(s):
		return "not_selected"
	}
	switch state, down := p.state(s, now); state {
	case DownNow:
		return string(down)
	case Free:
		if p.openOf[app.Name] >= app.MaxReservations {
			return string(TooManyReservations)
		}
		return ""
	default:
		return string(state)
	}
}

func (p *Pool) find(name string) *sim {
	if s := p.sims[name]; s != nil {
		return s
	}
	for _, iccid := range slices.Sorted(maps.Keys(p.sims)) {
		if s := p.sims[iccid]; s.is(name) {
			return s
		}
	}
	return nil
}

// iccidForm is an ICCID as ITU-T E.118 has it, with or without its check digit.
var iccidForm = regexp.MustCompile(`^89[0-9]{16,18}$`)

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{4,14}$`)

// IsNumber says whether a text is a phone number as the wire has it.
func IsNumber(text string) bool { return e164.MatchString(text) }

// SetSIM changes what the operator says of a card. A nil field stays as it is; an empty
// name or number takes what was set back.
func (p *Pool) SetSIM(iccid string, f SIMFacts) (*SIMRow, error) {
	p.mu.Lock()
	s := p.find(iccid)
	if s == nil && iccidForm.MatchString(iccid) {
		s = p.simOf(iccid) // one that has not come yet
	}
	if s == nil {
		p.mu.Unlock()
		return nil, refuse(NotFound, "no card is known by this ICCID")
	}
	now := time.Now()
	if err := p.maySet(s, &f, now); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	var what []string
	note := func(name string, given bool) {
		if given {
			what = append(what, name)
		}
	}
	note("name", f.Name != nil)
	note("number", f.Number != nil)
	note("tags", f.Tags != nil)
	note("enabled", f.Enabled != nil)
	note("note", f.Note != nil)
	s.Set = f.over(s.Set)
	if s.Set.Name != nil && *s.Set.Name == "" {
		s.Set.Name = nil
	}
	if s.Set.Number != nil && *s.Set.Number == "" {
		s.Set.Number = nil
	}
	s.derive(p.networks)
	p.countNumbers()
	p.serveQueue()
	row := p.simRow(s, now)
	t := p.submit(&Change{SIMs: []SIM{s.SIM}, Audit: []Audit{{At: now.UTC().Round(0), Who: "operator", What: "sim.set", Subject: s.ICCID,
		Why: strings.Join(what, ",")}}}, nil)
	p.mu.Unlock()
	if err := t.wait(); err != nil {
		return nil, err
	}
	return &row, nil
}

// Bounds of what an operator says of a card.
const (
	maxName = 64 // characters, also of a tag
	maxNote = 1000
	maxTags = 100
)

// plain refuses what could not be shown, or not be told from something else.
func (f *SIMFacts) plain() error {
	odd := func(s string, most int) bool {
		return !utf8.ValidString(s) || utf8.RuneCountInString(s) > most || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError })
	}
	switch {
	case f.Name != nil && odd(*f.Name, maxName):
		return refuse(InvalidRequest, "name: at most 64 characters, none of them a control character")
	case f.Note != nil && odd(*f.Note, maxNote):
		return refuse(InvalidRequest, "note: at most 1,000 characters, none of them a control character")
	case f.Tags != nil && (len(*f.Tags) > maxTags || slices.ContainsFunc(*f.Tags, func(t string) bool { return t == "" || odd(t, maxName) || strings.Contains(t, ",") })):
		return refuse(InvalidRequest, "tags: at most 100, each of 1 to 64 characters without commas and control characters")
	}
	return nil
}

// maySet refuses what the file says otherwise, a number that is none, and the number of
// a card that is reserved.
func (p *Pool) maySet(s *sim, f *SIMFacts, now time.Time) error {
	if f.Number != nil && *f.Number != "" && !IsNumber(*f.Number) {
		return refuse(InvalidRequest, "number: not a number in international form such as +4915112345678")
	}
	if err := f.plain(); err != nil {
		return err
	}
	if f.Name != nil && *f.Name != "" {
		for _, other := range p.sims {
			if other != s && other.is(*f.Name) {
				return refuse(Conflict, "name: another card has this name, number or ICCID")
			}
		}
	}
	if b := s.reservation; f.Number != nil && *f.Number != s.number && b != nil && b.EndedAt.IsZero() {
		return refuse(Conflict, "the number of a reserved card can't be set")
	}
	if s.file == nil {
		return nil
	}
	g := s.file.Facts
	clash := func(key string) error {
		return refuse(Conflict, fmt.Sprintf("%s is set by the configuration file, line %d: change it there", key, s.file.Line))
	}
	switch {
	case f.Name != nil && g.Name != nil && *f.Name != *g.Name:
		return clash("name")
	case f.Number != nil && g.Number != nil && *f.Number != *g.Number:
		return clash("number")
	case f.Tags != nil && g.Tags != nil && !slices.Equal(*f.Tags, *g.Tags):
		return clash("tags")
	case f.Enabled != nil && g.Enabled != nil && *f.Enabled != *g.Enabled:
		return clash("enabled")
	}
	return nil
}

// Audited puts an entry of the operator's doing into the audit log and waits for it.
func (p *Pool) Audited(a Audit) error {
	a.At = now()
	p.mu.Lock()
	t := p.submit(&Change{Audit: []Audit{a}}, nil)
	p.mu.Unlock()
	return t.wait()
}

// SetDestination keeps whether a destination is paused. A resume releases what is held.
func (p *Pool) SetDestination(d DestinationState, who string) error {
	what := "destination.resumed"
	if d.Paused {
		what = "destination.paused"
	}
	for _, was := range p.store.Destinations() {
		if was.Name != d.Name {
			continue
		}
		d.Held, d.Released, d.ReleasedAt = was.Held, was.Released, was.ReleasedAt
		if d.Held > 0 && !d.Paused {
			d.Held, d.Released, d.ReleasedAt = 0, d.Held, d.Since
		}
	}
	p.mu.Lock()
	t := p.submit(&Change{Destinations: []DestinationState{d}, Audit: []Audit{{At: now(), Who: who, What: what, Subject: d.Name, Why: d.Why}}}, nil)
	p.mu.Unlock()
	return t.wait()
}

// Resend puts a message's event into the outbox again: to the destination that is
// named, else to each that it went to, else to those that the routes name now.
func (p *Pool) Resend(id ID, to string, rows []Delivery) (int, error) {
	m, ok := p.store.Message(id)
	if !ok {
		return 0, refuse(NotFound, "no such message")
	}
	if m.Text == nil && m.Kind == Text && len(m.PDUs) == 0 {
		return 0, refuse(TextErased, "the text was erased after its time")
	}
	p.mu.Lock()
	ev, names := p.resendTo(m, to, rows)
	if len(names) == 0 || ev.ID == 0 {
		p.mu.Unlock()
		return 0, refuse(NotFound, "no such destination, or the event is no longer kept")
	}
	at := now()
	c := &Change{Audit: []Audit{{At: at, Who: "operator", What: "message.resent", Subject: fmt.Sprintf("msg_%d", id), Why: strings.Join(names, ",")}}}
	if _, live := p.store.LiveMessage(id); !live { // it comes back from the archive until it has gone out
		c.Messages = []Message{*m}
	}
	var jobs []Job
	for _, name := range names {
		d := Delivery{Event: ev.ID, Destination: name, State: Pending, Replay: true, Since: at, Message: m.ID, ICCID: m.ICCID}
		for _, row := range rows {
			if row.Destination == name {
				d.Route, d.Attempts, d.Before, d.Last = row.Route, row.Attempts, row.Attempts, row.Last
			}
		}
		c.Deliveries = append(c.Deliveries, d)
		jobs = append(jobs, Job{Delivery: d, What: ev, Message: m})
	}
	t := p.submit(c, func() { p.deliver(jobs) })
	p.mu.Unlock()
	return len(jobs), t.wait()
}

// HasDestination says whether one of that name is configured.
func (p *Pool) HasDestination(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.config.Destinations, func(d Destination) bool { return d.Name == name })
}

// resendTo finds the event of a message and where it is to go. The event of a message
// has the id behind it.
func (p *Pool) resendTo(m *Message, to string, rows []Delivery) (Event, []string) {
	ev, ok := p.store.Event(m.ID + 1)
	if !ok || ev.Message != m.ID {
		derived := EventOf(m)
		ev = &derived
	}
	var names []string
	known := func(name string) bool {
		return slices.ContainsFunc(p.config.Destinations, func(d Destination) bool { return d.Name == name })
	}
	switch {
	case to != "":
		if known(to) {
			names = []string{to}
		}
	case len(rows) > 0:
		for _, row := range rows {
			if known(row.Destination) && !slices.Contains(names, row.Destination) {
				names = append(names, row.Destination)
			}
		}
	default:
		text := ""
		if m.Text != nil {
			text = *m.Text
		}
		hops, _ := p.config.route(&subject{sim: p.sims[m.ICCID], from: m.From, text: text, kind: ev.Type, at: time.Now(), test: m.Test != 0})
		for _, h := range hops {
			names = append(names, h.destination)
		}
	}
	return *ev, names
}

// Ping sends a test event to one destination.
func (p *Pool) Ping(destination string) (ID, error) {
	p.mu.Lock()
	if !slices.ContainsFunc(p.config.Destinations, func(d Destination) bool { return d.Name == destination }) {
		p.mu.Unlock()
		return 0, refuse(NotFound, "no such destination")
	}
	at := now()
	ev := Event{ID: p.draw(), Type: TestPing, At: at, Ping: destination}
	d := Delivery{Event: ev.ID, Destination: destination, State: Pending, Since: at}
	jobs := []Job{{Delivery: d, What: ev}}
	t := p.submit(&Change{Events: []Event{ev}, Deliveries: []Delivery{d},
		Audit: []Audit{{At: at, Who: "operator", What: "destination.tested", Subject: destination}}}, func() { p.deliver(jobs) })
	p.mu.Unlock()
	return ev.ID, t.wait()
}
