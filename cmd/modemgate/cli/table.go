package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"modemgate/protocol"
)

// jsonFlag adds -json.
func (e *env) jsonFlag() *bool {
	return e.flags.Bool("json", false, "print JSON, one object with items")
}

// show prints rows as a table, or as JSON.
func show[T any](e *env, asJSON bool, rows []T, head []string, cells func(*T) []string) error {
	if asJSON {
		if rows == nil {
			rows = []T{}
		}
		return printJSON(e.stdout, protocol.List[T]{Items: rows})
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(head, "\t"))
	for i := range rows {
		line := cells(&rows[i])
		for j := range line {
			line[j] = safe(line[j])
		}
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	return w.Flush()
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// safe makes a text fit for a terminal: what could steer it is shown as a code.
func safe(s string) string {
	if !strings.ContainsFunc(s, unsafeRune) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case unsafeRune(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unsafeRune(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// or is a text, a dash for none.
func or(s *string) string {
	if s == nil || *s == "" {
		return "-"
	}
	return *s
}

func at(t *protocol.Time) string {
	if t == nil {
		return "-"
	}
	return time.Time(*t).Local().Format("2006-01-02 15:04:05")
}
