package config

import (
	"regexp"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"

	"modemgate/pool"
)

const minToken = 20

var iccidForm = regexp.MustCompile(`^89[0-9A-Fa-f]{16,19}[Ff]?$`)

// sims reads what the operator knows of cards.
func (l *loader) sims(s *section, list []*section, out *pool.Config) {
	switch s.text("unlisted", "use") {
	case "use":
	case "hold":
		out.HoldUnlisted = true
	default:
		s.fault("unlisted", `must be "use" or "hold"`)
	}
	s.later("pin_file", "pin")
	s.done()
	seen := map[string]int{}
	for _, t := range list {
		f := pool.FileSIM{ICCID: strings.ToUpper(t.text("iccid", "")), Line: t.t.line}
		switch {
		case !iccidForm.MatchString(f.ICCID):
			t.fault("iccid", "must be the card's 18 to 20 digits, beginning with 89")
		case seen[f.ICCID] != 0:
			t.fault("iccid", "stands twice, first on line %d", seen[f.ICCID])
		}
		seen[f.ICCID] = t.line("iccid")
		if t.has("name") {
			name := t.text("name", "")
			f.Facts.Name, f.Line = &name, t.line("name")
		}
		if t.has("number") {
			number := t.text("number", "")
			if number != "" && !pool.IsNumber(number) {
				t.fault("number", "must be in international form such as +4915112345678")
			}
			f.Facts.Number = &number
		}
		if tags, given := t.texts("tags"); given {
			f.Facts.Tags = &tags
		}
		if t.has("enabled") {
			enabled := t.flag("enabled", true)
			f.Facts.Enabled = &enabled
		}
		if t.text("pin", "") != "" || t.has("pin_file") {
			t.fault("pin", "not in this version: take it out")
		}
		t.t.used["pin_file"] = true
		t.done()
		out.SIMs = append(out.SIMs, f)
	}
}

// knownEvents are the types that this version makes.
func knownEvents() (out []string) {
	for _, t := range pool.EventTypes() {
		out = append(out, string(t))
	}
	return out
}

func eventTypes(list []string) []pool.EventType {
	var out []pool.EventType
	for _, e := range list {
		out = append(out, pool.EventType(e))
	}
	return out
}

// routes reads where messages and calls go.
func (l *loader) routes(list []*section, c *Config) {
	var known []string
	for _, d := range c.Destinations {
		known = append(known, d.Name)
	}
	names := map[string]bool{}
	for _, s := range list {
		r := pool.Route{Name: l.name(s, names)}
		r.Tags, _ = s.texts("tags")
		r.SIMs, _ = s.texts("sims")
		r.From, _ = s.texts("from")
		r.Events = eventTypes(s.words("events", nil, knownEvents()...))
		if text := s.text("text", ""); text != "" {
			re, err := regexp.Compile(text)
			if err != nil {
				s.fault("text", "not a regular expression (RE2): %s", err)
			}
			r.Text = re
		}
		if text := s.text("hours", ""); text != "" {
			h, err := pool.ParseHours(text)
			if err != nil {
				s.fault("hours", "%s", err)
			}
			r.Hours = h
		}
		to, given := s.texts("to")
		if !given {
			s.fault("to", "must name destinations; [] keeps messages in the inbox only")
		}
		for _, name := range to {
			if !contains(known, name) {
				s.fault("to", "there is no destination %q%s", bounded(name), meantName(name, known))
			}
		}
		r.To = to
		r.Tests, r.Stop = s.flag("tests", false), s.flag("stop", false)
		s.done()
		c.Pool.Routes = append(c.Pool.Routes, r)
	}
}

func meantName(name string, known []string) string {
	if n := nearest(name, append([]string(nil), known...)); n != "" {
		return ": do you mean " + n + "?"
	}
	return ""
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// name reads a name that stands once in its list.
func (l *loader) name(s *section, names map[string]bool) string {
	name := s.text("name", "")
	switch {
	case !nameForm.MatchString(name):
		s.fault("name", "must have 1 to 63 letters, digits, dots, dashes or underscores")
	case names[name]:
		s.fault("name", "%q stands twice: each %s needs a name of its own", name, s.name)
	}
	names[name] = true
	return name
}

// apps reads the operator's applications.
func (l *loader) apps(list []*section, c *Config) {
	names := map[string]bool{}
	tokens := map[string]string{}
	for _, s := range list {
		a := App{App: pool.App{Name: l.name(s, names)}}
		for _, key := range []string{"token", "old_token"} {
			text, given := l.secret(s, key)
			switch {
			case !given:
				if key == "token" {
					s.fault("token_file", "an application needs a token: make one with modemgate token")
				}
				continue
			case text == "":
				continue
			case len(text) < minToken:
				s.fault(key+"_file", "the token must have at least %d characters: make one with modemgate token", minToken)
			case tokens[text] != "":
				s.fault(key+"_file", "the token is that of application %q too: each needs its own", tokens[text])
			}
			tokens[text] = a.Name
			a.Tokens = append(a.Tokens, text)
		}
		for _, w := range s.words("scopes", []string{"read", "reserve", "test"}, "read", "reserve", "test") {
			a.Scopes = append(a.Scopes, pool.Scope(w))
		}
		if s.has("scopes") && len(a.Scopes) == 0 {
			s.fault("scopes", "must name at least one of read, reserve, test")
		}
		l.senders(s, &a)
		l.selection(s, &a.Select)
		a.Rate = s.rate("rate", 20)
		a.MaxReservations = int(s.number("max_reservations", 10, 1, 100000))
		a.MaxTTL = s.duration("max_ttl", time.Hour, time.Second, 30*24*time.Hour)
		a.Quiet = s.duration("quiet", time.Minute, 0, 24*time.Hour)
		s.done()
		c.Apps = append(c.Apps, a)
		c.Pool.Apps = append(c.Pool.Apps, a.App)
	}
}

// senders reads whose messages an application sees on what it reserves: its own.
func (l *loader) senders(s *section, a *App) {
	list, given := s.texts("senders")
	a.Senders = list
	switch {
	case a.Can(pool.ScopeReserve) && !given:
		s.r.fault(s.t.line, "senders", "an application that reserves must name the senders of its own messages, such as [\"ACME\", \"+49301234*\"]")
	case a.Can(pool.ScopeReserve) && len(list) == 0:
		s.fault("senders", "must name at least one sender of the application's own messages")
	}
	for _, sender := range list {
		if strings.Trim(sender, "*+ ") == "" {
			s.fault("senders", "%q would be everybody: name the senders of the application's own messages", bounded(sender))
		}
	}
}

// selection reads which SIMs an application is given.
func (l *loader) selection(s *section, out *pool.Selection) {
	if !s.has("sims") {
		s.t.used["sims"] = true
		s.r.fault(s.t.line, "sims", "an application needs SIMs: give tags, countries or names, or say all = true")
		return
	}
	if v := s.get("sims", "a table such as { tags = [\"qa\"] }", unstable.InlineTable, unstable.Table); v == nil {
		return
	}
	t := s.sub("sims")
	out.All = t.flag("all", false)
	out.Tags, _ = t.texts("tags")
	out.Countries, _ = t.texts("countries")
	out.Names, _ = t.texts("names")
	some := len(out.Tags)+len(out.Countries)+len(out.Names) > 0
	switch {
	case !out.All && !some:
		s.fault("sims", "selects nothing: give tags, countries or names, or say all = true")
	case out.All && some:
		s.fault("sims", "all = true and a choice contradict each other")
	}
	t.done()
}
