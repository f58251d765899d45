package answer

import (
	"errors"
	"strconv"
	"strings"
)

// Errors of parsers.
var (
	// ErrAbsent means that no line of the answer is of the command: a plain OK, or only foreign lines.
	ErrAbsent = errors.New("answer has no line of the command")
	// ErrMalformed means that there is such a line but it does not say what was asked.
	ErrMalformed = errors.New("answer is malformed")
	// ErrEmpty means that the storage slot that was read holds no message.
	ErrEmpty = errors.New("storage slot is empty")
)

// Form tells the forms of a command apart (TS 27.007 4.1).
type Form int

// Forms of a command.
const (
	Exec Form = iota // AT+CSQ
	Read             // AT+CSQ?
	Test             // AT+CSQ=?
	Set              // AT+CSQ=1
)

// ID returns the name of a command as answers to it begin, and its form:
// "+CREG" and Read for "AT+CREG?", "D" and Exec for "ATD*99#". A bare AT has none.
func ID(command string) (id string, form Form) {
	s := strings.TrimSpace(command)
	if len(s) >= 2 && strings.EqualFold(s[:2], "AT") {
		s = s[2:]
	}
	if s == "" {
		return "", Exec
	}
	n := 1 // basic commands are one letter, or & and one (V.250 5.3)
	if c := s[0]; isVendorMark(c) || c == '+' {
		for n < len(s) && isNameByte(s[n]) {
			n++
		}
	} else if c == '&' && len(s) > 1 {
		n = 2
	}
	id, s = s[:n], strings.TrimLeft(s[n:], " ")
	switch {
	case strings.HasPrefix(s, "=?"):
		return id, Test
	case strings.HasPrefix(s, "="):
		return id, Set
	case strings.HasPrefix(s, "?"):
		return id, Read
	}
	return id, Exec
}

// isVendorMark says whether c begins the names of vendors' own commands, as "+"
// begins those of the standards.
func isVendorMark(c byte) bool {
	return c == '^' || c == '#' || c == '*' || c == '%' || c == '$'
}

func isNameByte(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || isDigit(c) || c == '_'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// Split cuts the raw text of an answer to command into lines and takes out its
// final result (empty when there is none). Lines end with LF, CRLF, CR CR LF or
// CR. Blank lines and the echo of the command are dropped. What follows the
// final result stays in lines: it is unsolicited.
func Split(command, raw string) (lines []string, final string) {
	command = strings.TrimSpace(command)
	id, _ := ID(command)
	for line := range strings.FieldsFuncSeq(raw, func(r rune) bool { return r == '\r' || r == '\n' }) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || isEcho(trimmed, command, id, len(lines) == 0):
		case final == "" && isFinal(trimmed):
			final = trimmed
		default:
			lines = append(lines, line)
		}
	}
	return lines, final
}

// isEcho says whether a line is the echo of a command. The first line is one
// too when only the command's argument differs or something is stuck to it.
func isEcho(line, command, id string, first bool) bool {
	if strings.EqualFold(line, "AT") || command != "" && line == command {
		return true
	}
	return first && id != "" && len(line) >= 2+len(id) &&
		strings.EqualFold(line[:2], "AT") && strings.EqualFold(line[2:2+len(id)], id)
}

// after returns what follows "name:" at the begin of line, blanks trimmed.
func after(line, name string) (rest string, ok bool) {
	line = strings.TrimLeft(line, " ")
	if len(line) <= len(name) || line[len(name)] != ':' || line[:len(name)] != name {
		return "", false
	}
	return strings.TrimSpace(line[len(name)+1:]), true
}

// find returns what follows "name:" in the first line that begins with it, and
// the number of that line; ErrAbsent when there is none.
func find(lines []string, name string) (rest string, at int, err error) {
	for i, line := range lines {
		if rest, ok := after(line, name); ok {
			return rest, i, nil
		}
	}
	return "", -1, ErrAbsent
}

// field is one value between commas, quotes and blanks taken off.
type field struct {
	text   string
	quoted bool
}

// number reads an unsigned decimal number; leading zeros are allowed.
func (f field) number() (n int, ok bool) {
	if f.text == "" || !isDigit(f.text[0]) { // Atoi takes signs
		return 0, false
	}
	n, err := strconv.Atoi(f.text)
	return n, err == nil
}

// numberOr is number with a value for what is no number.
func (f field) numberOr(other int) int {
	if n, ok := f.number(); ok {
		return n
	}
	return other
}

// hex reads a hexadecimal number of up to bits bits; 0 when it is none.
func (f field) hex(bits int) uint64 {
	n, err := strconv.ParseUint(f.text, 16, bits)
	if err != nil {
		return 0
	}
	return n
}

// fields appends the values of a comma-separated list to into. A quote closes
// only before a comma or the end; one that never closes, or has no partner, is
// taken off.
func fields(list string, into []field) []field {
	for rest, more := list, true; more; {
		var f field
		f, rest, more = nextField(rest)
		into = append(into, f)
	}
	return into
}

// maxValue bounds what quotes hold: names and numbers, never messages.
const maxValue = 1024

func nextField(s string) (f field, rest string, more bool) {
	s = strings.TrimLeft(s, " ")
	if s != "" && s[0] == '"' {
		for i := 1; i < min(len(s), maxValue); i++ {
			if s[i] != '"' {
				continue
			}
			tail := strings.TrimLeft(s[i+1:], " ")
			if tail == "" {
				return field{s[1:i], true}, "", false
			}
			if tail[0] == ',' {
				return field{s[1:i], true}, tail[1:], true
			}
			if s[i-1] == ',' {
				break // the opening quote of the next value: this one's closing quote is lost
			}
		}
	}
	text, rest, more := strings.Cut(s, ",")
	quoted := strings.IndexByte(text, '"') >= 0
	return field{strings.Trim(text, ` "`), quoted}, rest, more
}

// at returns the value number i of a list, an empty one behind its end.
func at(list []field, i int) field {
	if i < 0 || i >= len(list) {
		return field{}
	}
	return list[i]
}

// group is one element of a test answer: the values in a pair of brackets, or
// a value without.
type group []field

// groups reads the compound values of a test answer (V.250 5.7.3.1). Brackets
// around all of it are taken off; an element may be empty.
func groups(list string) []group {
	list = strings.TrimSpace(list)
	if list == "" {
		return nil
	}
	if inner, ok := strings.CutPrefix(list, "("); ok && strings.HasPrefix(strings.TrimLeft(inner, " "), "(") {
		list = strings.TrimSuffix(inner, ")")
	}
	var out []group
	for more := true; more; {
		var inner string
		list = strings.TrimLeft(list, " ")
		if bracket, ok := strings.CutPrefix(list, "("); ok {
			inner, list, _ = strings.Cut(bracket, ")")
			if more = strings.HasPrefix(list, "("); !more { // a comma between brackets may lack
				_, list, more = strings.Cut(list, ",")
			}
		} else {
			inner, list, more = strings.Cut(list, ",")
		}
		out = append(out, values(inner))
	}
	return out
}

// values reads a list of values, empty ones left out. Values in a test answer
// hold no commas, so that a missing quote spoils only its own value.
func values(list string) group {
	var g group
	for text := range strings.SplitSeq(list, ",") {
		if trimmed := strings.Trim(text, ` "()`); trimmed != "" {
			g = append(g, field{trimmed, strings.IndexByte(text, '"') >= 0})
		}
	}
	return g
}

// maxRange bounds what a range in a test answer spans.
const maxRange = 256

// numbers expands the values and ranges of a group: (0-2,4) is 0, 1, 2, 4.
func (g group) numbers() []int {
	var out []int
	for _, f := range g {
		low, high, isRange := strings.Cut(f.text, "-")
		from, ok := field{text: strings.TrimSpace(low)}.number()
		if !ok {
			continue
		}
		to := from
		if isRange {
			to = field{text: strings.TrimSpace(high)}.numberOr(from)
		}
		for n := from; n <= to && len(out) < maxRange; n++ {
			out = append(out, n)
		}
	}
	return out
}

// texts returns the values of a group.
func (g group) texts() []string {
	out := make([]string, len(g))
	for i, f := range g {
		out[i] = f.text
	}
	return out
}
