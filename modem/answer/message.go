package answer

import (
	"strconv"
	"strings"
)

// Unstated is a value of a message's header that the modem left out.
const Unstated = -1

// Message is a message as a modem holds or hands it over in PDU mode.
type Message struct {
	Index  int    // in its storage; Unstated in answers that do not repeat it
	Stat   int    // 0 unread, 1 read, 2 unsent, 3 sent (TS 27.005 3.1); or Unstated
	Length int    // octets of the TPDU as the modem counts them; or Unstated
	PDU    string // hex, service-centre part first; empty: its line was lost
}

// Whole says whether the PDU is as long as the header promises. One that is not
// may have been cut on the line, or the modem counts wrong: read it once more,
// and take what comes if it comes again.
func (m Message) Whole() bool {
	if m.Length == Unstated || len(m.PDU) < 2 {
		return false
	}
	smsc, err := strconv.ParseUint(m.PDU[:2], 16, 8)
	return err == nil && len(m.PDU) == 2*(1+int(smsc)+m.Length)
}

// CMGL reads the answer to AT+CMGL= in PDU mode (TS 27.005 4.1). A message whose
// PDU line is missing or no hex has an empty PDU; a header without an index is
// left out. No message is no error.
func CMGL(lines []string) []Message {
	var out []Message
	for i, line := range lines {
		list, ok := after(line, "+CMGL")
		if !ok {
			continue
		}
		var space [6]field
		values, pdu := header(list, space[:0])
		index, ok := values[0].number()
		if !ok {
			continue
		}
		m := message(values[1:], pdu)
		m.Index = index
		if m.PDU == "" {
			m.PDU = payload(lines[i+1:])
		}
		out = append(out, m)
	}
	return out
}

// CMGR reads the answer to AT+CMGR= in PDU mode (TS 27.005 4.2). ErrEmpty means
// that the slot holds nothing: modems say so by an error, a plain OK, or a
// header of zeros. ErrMalformed means that there is a message that could not be
// read. CMGR does not allocate.
func CMGR(lines []string) (Message, error) {
	list, at, err := find(lines, "+CMGR")
	if err != nil {
		return Message{}, ErrEmpty
	}
	var space [6]field
	m := message(header(list, space[:0]))
	m.Index = Unstated
	if m.PDU == "" {
		m.PDU = payload(lines[at+1:])
	}
	switch {
	case m.PDU != "":
		return m, nil
	case m.Length == 0:
		return Message{}, ErrEmpty
	}
	return Message{}, ErrMalformed
}

// Direct reads a message that came unasked with its PDU: the lines of +CMT, +CDS
// or +CBM (TS 27.005 3.4.1).
func Direct(lines []string) (Message, error) {
	for i, line := range lines {
		name, list, ok := strings.Cut(strings.TrimLeft(line, " "), ":")
		if !ok || name != "+CMT" && name != "+CDS" && name != "+CBM" {
			continue
		}
		var space [6]field
		m := message(header(list, space[:0]))
		m.Index, m.Stat = Unstated, Unstated
		if m.PDU == "" {
			m.PDU = payload(lines[i+1:])
		}
		if m.PDU == "" {
			return Message{}, ErrMalformed
		}
		return m, nil
	}
	return Message{}, ErrAbsent
}

// header reads the values of a header and the PDU that some modems put on the
// same line, behind a comma or a blank.
func header(list string, into []field) (values []field, pdu string) {
	if i := strings.LastIndexAny(list, ", "); i >= 0 {
		if tail := hexLine(list[i+1:]); len(tail) >= shortestPDU {
			list, pdu = strings.TrimRight(list[:i], ", "), tail
		}
	}
	return fields(list, into), pdu
}

// shortestPDU is fewer digits than any TPDU with its service-centre part has,
// and more than a length.
const shortestPDU = 12

// message reads [<stat>],[<alpha>],<length>; any but the last may be left out.
func message(values []field, pdu string) Message {
	m := Message{Stat: Unstated, PDU: pdu}
	m.Length = at(values, len(values)-1).numberOr(Unstated)
	if len(values) > 1 && !values[0].quoted {
		m.Stat = values[0].numberOr(Unstated)
	}
	return m
}

// payload returns the PDU among the lines after a header. Foreign lines before it
// are passed over, but not another header: the PDU may be that one's then, and a
// message taken for another would be deleted unread.
func payload(lines []string) string {
	for _, line := range lines {
		switch name, _ := nameOf(line); name {
		case "+CMGL", "+CMGR", "+CMT", "+CDS", "+CBM":
			return ""
		}
		if pdu := hexLine(line); pdu != "" {
			return pdu
		}
	}
	return ""
}

// hexLine returns a line of hex, quotes and blanks taken off; empty when it is
// anything else.
func hexLine(line string) string {
	line = strings.Trim(line, " \"\r\n\t")
	if !isHex(line) {
		return ""
	}
	return line
}

// Notice is an unsolicited line that says where a message was stored.
type Notice struct {
	Storage string // "SM", "ME", ...; empty: not said
	Index   int    // -1: the modem does not know, list the storage
}

// CMTI reads "+CMTI: <mem>,<index>": a message was stored. It does not allocate.
func CMTI(line string) (Notice, error) { return notice(line, "+CMTI") }

// CDSI reads "+CDSI: <mem>,<index>": a status report was stored.
func CDSI(line string) (Notice, error) { return notice(line, "+CDSI") }

// CBMI reads "+CBMI: <mem>,<index>": a cell broadcast was stored.
func CBMI(line string) (Notice, error) { return notice(line, "+CBMI") }

func notice(line, name string) (Notice, error) {
	list, ok := after(line, name)
	if !ok {
		return Notice{}, ErrAbsent
	}
	mem, list, ok := nextField(list)
	if !ok {
		return Notice{}, ErrMalformed
	}
	index, _, _ := nextField(list)
	n := Notice{Index: index.numberOr(-1)}
	if _, ok := mem.number(); !ok {
		n.Storage = mem.text
	}
	return n, nil
}
