package answer

import (
	"time"
)

// textMessage is a message in text mode (AT+CMGF=1), which sessions never use:
// nothing there tells a line of the text from one of the answer. Recordings have it.
type textMessage struct {
	index  int // Unstated in an answer to AT+CMGR
	status string
	number string
	at     time.Time // zero: not said
	text   []string
}

// textMessages reads the answer to AT+CMGL or AT+CMGR, named by id, in text
// mode; nothing when it is in PDU mode.
func textMessages(lines []string, id string) []textMessage {
	var out []textMessage
	for _, line := range lines {
		list, ok := after(line, id)
		if !ok {
			if len(out) > 0 {
				last := &out[len(out)-1]
				text, _ := name(line)
				last.text = append(last.text, text)
			}
			continue
		}
		var space [8]field
		values := fields(list, space[:0])
		m := textMessage{index: Unstated}
		if id == "+CMGL" {
			m.index, values = values[0].numberOr(Unstated), values[1:]
		}
		if !at(values, 0).quoted || at(values, 0).text == "" {
			return nil // <stat> is a number in PDU mode
		}
		m.status, m.number = values[0].text, number(at(values, 1).text)
		for _, v := range values[min(2, len(values)):] {
			if t, ok := clock(v.text); ok {
				m.at = t
			}
		}
		out = append(out, m)
	}
	return out
}
