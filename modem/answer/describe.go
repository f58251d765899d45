package answer

import (
	"errors"
	"maps"
	"strings"
	"time"

	"modemgate/modem/pdu"
)

// Describe tells what is made of the raw answer to a command, for support and
// for new families: an object to be printed as JSON. command is written as it
// was sent ("AT+CREG?"), with anything behind it, or "urc" for unsolicited
// lines. A command with several in a chain, and the pseudo-commands
// "final-result", "echo-removal", "operator-string", "iccid-raw" and "bcd" for
// what is part of an answer, are known too.
//
// The object always has parse ("ok" or "error"), final and is_error. What no
// parser knows is given as lines. The error is that of the parser, with which
// the object has error true; an answer that the command failed is none.
func Describe(command, raw string) (map[string]any, error) {
	d := &description{command: command, out: map[string]any{}}
	d.lines, d.final = Split(command, raw)
	d.result()
	if !d.pseudo(raw) {
		for _, c := range chain(command) {
			d.id, d.form = ID(c)
			if !d.answer() {
				d.plain()
			}
		}
		d.aside()
	}
	d.out["parse"] = "ok"
	if d.err != nil {
		d.out["parse"], d.out["error"] = "error", true
	}
	return d.out, d.err
}

// description is a Describe under way.
type description struct {
	command string
	id      string // of the command of the chain that is looked at
	form    Form
	lines   []string
	final   string
	out     map[string]any
	err     error
}

// chain splits a line of several commands (V.250 5.2.1) outside quotes.
func chain(command string) []string {
	var out []string
	start, quoted := 0, false
	for i := range len(command) {
		switch c := command[i]; {
		case c == '"':
			quoted = !quoted
		case c == ';' && !quoted && i+1 < len(command) && (command[i+1] == '+' || isVendorMark(command[i+1])):
			out = append(out, command[start:i])
			start = i + 1
		}
	}
	return append(out, command[start:])
}

// result describes the final result.
func (d *description) result() {
	final, err := Final(d.final)
	d.out["final"], d.out["is_error"] = final, err != nil
	if !final && strings.HasPrefix(d.command, "AT") {
		d.out["final_missing"] = true
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return
	}
	d.out["text"] = e.Text
	if e.Class != Plain {
		d.out["class"] = e.Class
	}
	if e.Code != UnknownCode {
		d.out["code"] = e.Code
	}
}

// fail keeps what a parser said. That a complete answer has no line of the
// command is no error.
func (d *description) fail(err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, ErrAbsent) && (d.final != "" || len(d.lines) == 0):
		d.out["no_data"] = true
	case d.err == nil:
		d.err = err
	}
	return false
}

// pseudo describes what is part of an answer.
func (d *description) pseudo(raw string) bool {
	word, _, _ := strings.Cut(d.command, " ")
	text := strings.TrimSpace(raw)
	switch word {
	case "final-result":
	case "echo-removal":
		if i := strings.Index(raw, "\r\n"); i >= 0 {
			raw = raw[i:]
		}
		d.out["without_echo"] = raw
	case "iccid-raw":
		if iccid, ok := ICCID(text); ok {
			d.out["iccid"] = iccid
		} else {
			d.fail(ErrMalformed)
		}
	case "bcd":
		d.out["low_nibble_first"], d.out["high_nibble_first"] = bcd(text, true), bcd(text, false)
	case "operator-string":
		operator, ucs2 := name(text)
		d.out["operator"], d.out["modem_charset"] = operator, "UNKNOWN"
		if ucs2 {
			d.out["modem_charset"] = "UCS2"
		}
	default:
		return false
	}
	return true
}

// bcd reads digits of a SIM's file, up to the first nibble that is none.
func bcd(s string, lowFirst bool) string {
	digits := []byte(s)
	if lowFirst {
		for i := 0; i+1 < len(digits); i += 2 {
			digits[i], digits[i+1] = digits[i+1], digits[i]
		}
	}
	n := 0
	for n < len(digits) && isDigit(digits[n]) {
		n++
	}
	return string(digits[:n])
}

// plain gives the lines of an answer that no parser knows.
func (d *description) plain() {
	lines := make([]string, 0, len(d.lines))
	for _, line := range d.lines {
		lines = append(lines, strings.TrimSpace(line))
	}
	d.out["lines"] = lines
}

// aside describes what does not belong to the answer but came with it.
func (d *description) aside() {
	if d.command == "urc" {
		return
	}
	for _, line := range d.lines {
		n, err := CMTI(line)
		if err != nil {
			continue
		}
		d.out["urc_storage"], d.out["urc_index"] = n.Storage, n.Index
		if code, ok := d.out["code"]; ok {
			d.out["then_error"] = code
		}
		return
	}
}

// messages describes the answer to AT+CMGL or AT+CMGR.
func (d *description) messages() {
	if texts := textMessages(d.lines, d.id); len(texts) > 0 {
		d.textMessages(texts)
		return
	}
	var messages []Message
	if d.id == "+CMGL" {
		messages = CMGL(d.lines)
	} else if m, err := CMGR(d.lines); err == nil {
		messages = []Message{m}
	} else if !errors.Is(err, ErrEmpty) {
		d.fail(err)
	}
	out := make([]map[string]any, 0, len(messages))
	for _, m := range messages {
		out = append(out, describeMessage(m))
	}
	d.list("messages", out)
}

// list puts a list under name; the values of a single element also beside it.
func (d *description) list(name string, elements []map[string]any) {
	if len(elements) == 1 {
		maps.Copy(d.out, elements[0])
	}
	d.out[name] = elements
}

func describeMessage(m Message) map[string]any {
	out := map[string]any{"status": stated(m.Stat), "length": stated(m.Length)}
	if m.Index != Unstated {
		out["index"] = m.Index
	}
	if m.PDU != "" {
		out["pdu"] = m.PDU
		if p, err := pdu.DecodeHex(m.PDU); err == nil && p.Text != "" {
			out["text"] = p.Text
		}
	}
	return out
}

// stated gives a value of a header, null when it was left out.
func stated(n int) any {
	if n == Unstated {
		return nil
	}
	return n
}

func (d *description) textMessages(messages []textMessage) {
	out := make([]map[string]any, 0, len(messages))
	for _, m := range messages {
		element := map[string]any{
			"status":        m.status,
			"number":        m.number,
			"text":          strings.Join(m.text, "\n"),
			"lines_of_text": len(m.text),
		}
		if m.index != Unstated {
			element["index"] = m.index
		}
		if !m.at.IsZero() {
			element["timestamp"] = m.at.Format(time.RFC3339)
		}
		out = append(out, element)
	}
	d.list("messages", out)
}
