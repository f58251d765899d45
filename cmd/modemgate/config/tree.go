package config

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Fault is one thing that is wrong with a file.
type Fault struct {
	Line int
	Key  string
	Why  string
}

// String is the fault without the file's name.
func (f Fault) String() string {
	if f.Key == "" {
		return fmt.Sprintf("%d: %s", f.Line, f.Why)
	}
	return fmt.Sprintf("%d: %s: %s", f.Line, f.Key, f.Why)
}

// table is a TOML table with the line of every key.
type table struct {
	line int
	keys map[string]*value
	used map[string]bool
}

// value is a TOML value. Exactly one of its contents is meant by kind.
type value struct {
	line int
	kind unstable.Kind
	text string // of strings and numbers
	list []*value
	tab  *table   // of tables
	tabs []*table // of [[tables]]
}

func newTable(line int) *table {
	return &table{line: line, keys: map[string]*value{}, used: map[string]bool{}}
}

// builder makes a tree of a file's expressions.
type builder struct {
	p      unstable.Parser
	faults []Fault
}

func parseTree(data []byte) (*table, []Fault) {
	b := &builder{}
	b.p.Reset(data)
	root := newTable(1)
	at := root
	for b.p.NextExpression() {
		e := b.p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			at = b.header(root, e)
		case unstable.KeyValue:
			b.keyValue(at, e)
		}
	}
	if err := b.p.Error(); err != nil {
		line := strings.Count(string(data), "\n") + 1
		if pe, ok := errors.AsType[*unstable.ParserError](err); ok && len(pe.Highlight) > 0 {
			line = b.p.Shape(b.p.Range(pe.Highlight)).Start.Line
		}
		b.faults = append(b.faults, Fault{line, "", "not TOML: " + err.Error()})
	}
	return root, b.faults
}

func (b *builder) line(n *unstable.Node) int { return b.p.Shape(n.Raw).Start.Line }

func (b *builder) fault(line int, key, why string) {
	b.faults = append(b.faults, Fault{line, key, why})
}

// names are the parts of a dotted key, and the line that it stands on.
func (b *builder) names(n *unstable.Node) (names []string, line int) {
	for it := n.Key(); it.Next(); {
		k := it.Node()
		if line == 0 {
			line = b.line(k)
		}
		names = append(names, string(k.Data))
	}
	return names, line
}

// header opens a table or one more of an array of tables.
func (b *builder) header(root *table, e *unstable.Node) *table {
	names, line := b.names(e)
	at := b.descend(root, names[:len(names)-1], line)
	last := names[len(names)-1]
	v := at.keys[last]
	t := newTable(line)
	if e.Kind == unstable.ArrayTable {
		if v == nil {
			v = &value{line: line, kind: unstable.ArrayTable}
			at.keys[last] = v
		}
		if v.kind != unstable.ArrayTable {
			b.fault(line, strings.Join(names, "."), "is no list of tables above: write it once, as [["+last+"]]")
			return t
		}
		v.tabs = append(v.tabs, t)
		return t
	}
	if v != nil {
		b.fault(line, strings.Join(names, "."), fmt.Sprintf("this table stands twice, first on line %d", v.line))
		return t
	}
	at.keys[last] = &value{line: line, kind: unstable.Table, tab: t}
	return t
}

// descend walks to the table that a dotted key is in.
func (b *builder) descend(t *table, names []string, line int) *table {
	for _, name := range names {
		v := t.keys[name]
		switch {
		case v == nil:
			v = &value{line: line, kind: unstable.Table, tab: newTable(line)}
			t.keys[name] = v
			t = v.tab
		case v.tab != nil:
			t = v.tab
		case len(v.tabs) > 0:
			t = v.tabs[len(v.tabs)-1]
		default:
			b.fault(line, name, "is no table")
			return newTable(line)
		}
	}
	return t
}

func (b *builder) keyValue(t *table, e *unstable.Node) {
	names, line := b.names(e)
	t = b.descend(t, names[:len(names)-1], line)
	last := names[len(names)-1]
	if old := t.keys[last]; old != nil {
		b.fault(line, last, fmt.Sprintf("stands twice, first on line %d", old.line))
		return
	}
	t.keys[last] = b.value(e.Value(), line)
}

func (b *builder) value(n *unstable.Node, line int) *value {
	v := &value{line: line, kind: n.Kind, text: string(n.Data)}
	switch n.Kind {
	case unstable.Array:
		for it := n.Children(); it.Next(); {
			v.list = append(v.list, b.value(it.Node(), line))
		}
	case unstable.InlineTable:
		v.tab = newTable(line)
		for it := n.Children(); it.Next(); {
			b.keyValue(v.tab, it.Node())
		}
	}
	return v
}

// Nearest is the known word that is most like a wrong one; empty when none is.
func Nearest(word string, known []string) string { return nearest(word, known) }

// nearest is the known key that is most like a wrong one; empty when none is.
func nearest(key string, known []string) string {
	best, least := "", 3
	sort.Strings(known)
	for _, k := range known {
		if d := distance(key, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, replace or swap with a neighbour.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// float reads a TOML number.
func (v *value) float() (float64, error) {
	return strconv.ParseFloat(strings.ReplaceAll(v.text, "_", ""), 64)
}

// number reads a TOML integer.
func (v *value) number() (int64, error) {
	return strconv.ParseInt(strings.ReplaceAll(v.text, "_", ""), 0, 64)
}
