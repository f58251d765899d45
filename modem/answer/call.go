package answer

import "strings"

// Caller is who calls: a +CLIP or +CCWA line (TS 27.007 7.6, 7.12).
type Caller struct {
	Number string // empty: withheld
	Type   int    // 145: international; 0: not said
	Class  int    // of +CCWA: 1 voice; 0: not said
}

// CLIP reads "+CLIP: <number>,<type>...", which follows each RING.
func CLIP(line string) (Caller, error) { return caller(line, "+CLIP") }

// CCWA reads "+CCWA: <number>,<type>,<class>...": a call waits during another.
func CCWA(line string) (Caller, error) {
	return caller(line, "+CCWA")
}

func caller(line, name string) (Caller, error) {
	list, ok := after(line, name)
	if !ok {
		return Caller{}, ErrAbsent
	}
	var space [9]field
	values := fields(list, space[:0])
	typ, ok := at(values, 1).number()
	if !ok {
		return Caller{}, ErrMalformed
	}
	c := Caller{Number: number(values[0].text), Type: typ}
	if name == "+CCWA" {
		c.Class = at(values, 2).numberOr(0)
	}
	return c, nil
}

// Ring says whether a line announces a call, RING or +CRING, and of what kind
// ("VOICE"; empty when it is not said).
func Ring(line string) (kind string, ok bool) {
	if kind, ok := after(line, "+CRING"); ok {
		return kind, true
	}
	return "", strings.TrimSpace(line) == "RING"
}

// Call is a line of the answer to AT+CLCC (TS 27.007 7.18).
type Call struct {
	Index      int
	Incoming   bool
	State      int // 0 active, 1 held, 2 dialing, 3 ringing out, 4 ringing in, 5 waiting; 6 is vendors' for ended
	Mode       int
	Multiparty bool
	Number     string // empty: withheld or not said
	Type       int    // 0: not said
}

// Voice says whether voice is on the line now: data and fax calls are listed too.
func (c Call) Voice() bool { return c.Mode == 0 || c.Mode >= 3 && c.Mode <= 5 }

// StateName returns the name of State, in lower case with underscores.
func (c Call) StateName() string {
	names := [...]string{"active", "held", "dialing", "ringing_out", "ringing_in", "waiting", "terminated"}
	if c.State >= len(names) {
		return "unknown"
	}
	return names[c.State]
}

// CLCC reads the lines of AT+CLCC, an answer or unsolicited. No call is no error.
func CLCC(lines []string) []Call {
	var out []Call
	for _, line := range lines {
		list, ok := after(line, "+CLCC")
		if !ok {
			continue
		}
		var space [12]field
		values := fields(list, space[:0])
		index, ok1 := values[0].number()
		dir, ok2 := at(values, 1).number()
		state, ok3 := at(values, 2).number()
		mode, ok4 := at(values, 3).number()
		if !ok1 || !ok2 || !ok3 || !ok4 {
			continue
		}
		out = append(out, Call{
			Index:      index,
			Incoming:   dir == 1,
			State:      state,
			Mode:       mode,
			Multiparty: at(values, 4).text == "1",
			Number:     number(at(values, 5).text),
			Type:       at(values, 6).numberOr(0),
		})
	}
	return out
}

// VoiceCall reads "VOICE CALL: BEGIN" and "VOICE CALL: END: <seconds>" of SIMCom.
func VoiceCall(line string) (begin bool, seconds int, ok bool) {
	text, ok := after(line, "VOICE CALL")
	if !ok {
		return false, 0, false
	}
	word, rest, _ := strings.Cut(text, ":")
	switch strings.TrimSpace(word) {
	case "BEGIN":
		return true, 0, true
	case "END":
		return false, field{text: strings.TrimSpace(rest)}.numberOr(0), true
	}
	return false, 0, false
}

// MissedCall reads "MISSED_CALL: <time> <number>" of SIMCom.
func MissedCall(line string) (number string, ok bool) {
	text, ok := after(line, "MISSED_CALL")
	if !ok {
		return "", false
	}
	return text[strings.LastIndexByte(text, ' ')+1:], true
}
