package pdu

// Gap stands in a joined text for one or more parts that are missing or are no text.
const Gap = "[…]"

// Join returns the text of a long message from its parts, in the order of their
// Seq. A zero Message stands for a part that is missing. The parts are decoded
// together, so that a character split between two neighbours is whole; next to a
// gap its half is shown as U+FFFD. Parts without any text among them make "".
func Join(parts []Message) string {
	var space [1024]byte
	text := space[:0]
	var d decoder
	found, gap := false, false
	for i := range parts {
		m := &parts[i]
		readable := m.Alphabet != "" && m.Undecoded() == ""
		switch {
		case readable && m.Alphabet == Octets:
			text = append(d.flush(text), m.Text...)
		case readable:
			text = d.message(text, m)
		case !gap:
			text = append(d.flush(text), Gap...)
		}
		found, gap = found || readable, !readable
	}
	if !found {
		return ""
	}
	return string(d.flush(text))
}
