package line

import (
	"strings"
	"time"
)

// Count says how many information lines an answer has.
type Count int

// Counts of information lines.
const (
	None Count = iota // only the final result
	One               // exactly one: OK without it means that the answers are out of step
	Many              // none or more
)

// Spec is a command and what its answer looks like.
type Spec struct {
	Cmd    string // the whole line, "AT" included
	Prefix string // an information line begins with it and a colon: "+CSQ"; empty: none does

	// Shape says whether what follows the colon can be an answer, to tell it from
	// a URC of the same name; nil: anything can.
	Shape func(rest string) bool
	// Bare says whether a line without the prefix is an information line; nil: none is.
	Bare func(line string) bool

	Lines   Count
	PDU     bool          // each information line is followed by a line of hex digits
	NoFinal bool          // some modems leave the final result out: the line and a second of quiet end it
	Timeout time.Duration // from the write to the final result; required
}

// rest returns what follows the prefix's colon, blanks trimmed.
func (s *Spec) rest(line string) (rest string, ok bool) {
	if s.Prefix == "" || len(line) <= len(s.Prefix) || line[len(s.Prefix)] != ':' || !strings.HasPrefix(line, s.Prefix) {
		return "", false
	}
	return strings.TrimSpace(line[len(s.Prefix)+1:]), true
}

// answers says whether a line has the form of an information line of the command.
func (s *Spec) answers(line string) bool {
	if s.Lines == None {
		return false
	}
	if rest, ok := s.rest(line); ok {
		return s.Shape == nil || s.Shape(rest)
	}
	return s.Bare != nil && s.Bare(line)
}
