package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

// reader collects the faults of a file.
type reader struct {
	faults []Fault
}

func (r *reader) fault(line int, key, format string, args ...any) {
	r.faults = append(r.faults, Fault{line, key, fmt.Sprintf(format, args...)})
}

// section reads the keys of one table. A key that is asked for is known; done reports
// the rest.
type section struct {
	r    *reader
	t    *table
	name string
}

// line of a key; that of the table where it is absent.
func (s *section) line(key string) int {
	if v := s.t.keys[key]; v != nil {
		return v.line
	}
	return s.t.line
}

func (s *section) has(key string) bool { return s.t.keys[key] != nil }

func (s *section) fault(key, format string, args ...any) {
	s.r.fault(s.line(key), key, format, args...)
}

// get returns the value of a key of one of the kinds; nil when it is absent or of another kind.
func (s *section) get(key, what string, kinds ...unstable.Kind) *value {
	s.t.used[key] = true
	v := s.t.keys[key]
	if v == nil {
		return nil
	}
	if slices.Contains(kinds, v.kind) {
		return v
	}
	s.fault(key, "must be %s", what)
	return nil
}

func (s *section) text(key, def string) string {
	if v := s.get(key, `a string in quotes`, unstable.String); v != nil {
		return v.text
	}
	return def
}

func (s *section) flag(key string, def bool) bool {
	if v := s.get(key, "true or false", unstable.Bool); v != nil {
		return v.text == "true"
	}
	return def
}

// number reads a whole number from low to high.
func (s *section) number(key string, def, low, high int64) int64 {
	v := s.get(key, "a whole number", unstable.Integer)
	if v == nil {
		return def
	}
	n, err := v.number()
	if err != nil || n < low || n > high {
		s.fault(key, "must be a whole number from %d to %d", low, high)
		return def
	}
	return n
}

// rate reads a number above 0.
func (s *section) rate(key string, def float64) float64 {
	v := s.get(key, "a number", unstable.Integer, unstable.Float)
	if v == nil {
		return def
	}
	n, err := v.float()
	if err != nil || n <= 0 || n > 1e6 || math.IsNaN(n) {
		s.fault(key, "must be a number above 0, at most 1000000")
		return def
	}
	return n
}

// duration reads a time such as "90s" or "2h" from low to high.
func (s *section) duration(key string, def, low, high time.Duration) time.Duration {
	v := s.get(key, `a time such as "90s", "5m" or "2h"`, unstable.String)
	if v == nil {
		return def
	}
	return s.parseDuration(key, v.text, def, low, high)
}

func (s *section) parseDuration(key, text string, def, low, high time.Duration) time.Duration {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		s.fault(key, `%q is no time: write it as "90s", "5m" or "720h"`, bounded(text))
	case d < low || d > high:
		s.fault(key, "must be from %v to %v", low, high)
	default:
		return d
	}
	return def
}

func bounded(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

// texts reads a list of strings. given says whether the key is there.
func (s *section) texts(key string) (out []string, given bool) {
	v := s.get(key, "a list of strings", unstable.Array)
	if v == nil {
		return nil, false
	}
	for _, e := range v.list {
		if e.kind != unstable.String {
			s.fault(key, "must be a list of strings")
			return nil, true
		}
		out = append(out, e.text)
	}
	return out, true
}

// words reads a list of strings that must all be known.
func (s *section) words(key string, def []string, known ...string) []string {
	list, given := s.texts(key)
	if !given {
		return def
	}
	for _, w := range list {
		if !contains(known, w) {
			s.fault(key, "%q is not known%s", bounded(w), meant(w, known))
		}
	}
	return list
}

func meant(word string, known []string) string {
	if n := nearest(word, append([]string(nil), known...)); n != "" {
		return fmt.Sprintf(": do you mean %q?", n)
	}
	return ": known are " + strings.Join(known, ", ")
}

func contains(list []string, s string) bool {
	return slices.Contains(list, s)
}

// sub opens a table; an empty one when it is absent.
func (s *section) sub(key string) *section {
	v := s.get(key, "a table", unstable.Table, unstable.InlineTable)
	if v == nil || v.tab == nil {
		return &section{r: s.r, t: newTable(s.line(key)), name: key}
	}
	return &section{r: s.r, t: v.tab, name: key}
}

// tables opens each table of a list.
func (s *section) tables(key string) []*section {
	v := s.get(key, "a list of tables, written [["+key+"]]", unstable.ArrayTable)
	if v == nil {
		return nil
	}
	var out []*section
	for _, t := range v.tabs {
		out = append(out, &section{r: s.r, t: t, name: key})
	}
	return out
}

// later reports keys that belong to what this version does not have, where they are
// given: they are not ignored in silence.
func (s *section) later(keys ...string) {
	for _, key := range keys {
		s.t.used[key] = true
		if s.has(key) {
			s.fault(key, "not in this version: take it out")
		}
	}
}

// done reports keys that nobody has asked for.
func (s *section) done() {
	var known []string
	for k := range s.t.used {
		known = append(known, k)
	}
	for key, v := range s.t.keys {
		if s.t.used[key] {
			continue
		}
		why := "unknown key"
		if n := nearest(key, known); n != "" {
			why += ": do you mean " + n + "?"
		}
		s.r.fault(v.line, key, "%s", why)
	}
}
