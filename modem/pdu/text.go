package pdu

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// body is user data without its header: octets, or the septets of octets from
// start up to end.
type body struct {
	octets          []byte
	start, end      int
	locking, single language
}

// text sets Text and Data from the body.
func (m *Message) text() {
	if m.Compressed || m.Alphabet == Octets {
		m.Data = m.body.octets
	}
	if m.Compressed {
		return
	}
	if m.Alphabet == Octets {
		if m.Ports == (Ports{}) {
			m.Text = plain(m.Data)
		}
		return
	}
	var space [512]byte
	var d decoder
	text := d.message(space[:0], m)
	text = d.flush(text)
	m.Text = string(text)
	if d.broken && m.Concat.Total == 0 {
		m.Flaws |= BadText
	}
}

// decoder turns bodies into text one after another, with what the end of one leaves
// open for the next. Its methods append to a text and return it, which leaves the
// text on the caller's stack.
type decoder struct {
	escaped bool // the last septet was an escape
	high    rune // the last unit, if it was the first half of a surrogate pair
	broken  bool // there was half a character
}

// message decodes a body in GSM 7 bit or UCS2.
func (d *decoder) message(text []byte, m *Message) []byte {
	if m.Alphabet == UCS2 {
		return d.units(text, m.body.octets)
	}
	if d.high != 0 {
		text = d.flush(text)
	}
	return d.septets(text, m.body)
}

// septets decodes GSM 7 bit text (23.038 clause 6.2.1). A code without a character
// in the single shift table means that of the main table; an escape after an escape
// is reserved and shown as a space.
func (d *decoder) septets(text []byte, b body) []byte {
	table := b.locking.locking()
	for i := b.start; i < b.end; i++ {
		at, shift := i*7/8, uint(i*7%8)
		c := b.octets[at] >> shift
		if shift > 1 {
			c |= b.octets[at+1] << (8 - shift)
		}
		c &= 0x7F
		r := table[c]
		switch {
		case d.escaped && c == escape:
			r = ' '
		case d.escaped:
			if s := b.single.single(c); s != 0 {
				r = s
			}
		case c == escape:
			d.escaped = true
			continue
		}
		d.escaped = false
		text = utf8.AppendRune(text, rune(r))
	}
	return text
}

// units decodes UCS2. Surrogate pairs are read as UTF-16, for so phones write what
// UCS2 has no code for.
func (d *decoder) units(text, b []byte) []byte {
	for ; len(b) >= 2; b = b[2:] {
		r := rune(b[0])<<8 | rune(b[1])
		low := 0xDC00 <= r && r <= 0xDFFF
		if d.high != 0 && low {
			text = utf8.AppendRune(text, utf16.DecodeRune(d.high, r))
			d.high = 0
			continue
		}
		text = d.flush(text)
		switch {
		case 0xD800 <= r && r <= 0xDBFF:
			d.high = r
		case low:
			text = utf8.AppendRune(text, utf8.RuneError)
			d.broken = true
		default:
			text = utf8.AppendRune(text, r)
		}
	}
	if len(b) > 0 {
		d.broken = true
	}
	return text
}

// flush ends a text: half a surrogate pair becomes U+FFFD, an escape vanishes.
func (d *decoder) flush(text []byte) []byte {
	if d.high != 0 {
		text = utf8.AppendRune(text, utf8.RuneError)
	}
	d.broken = d.broken || d.escaped || d.high != 0
	d.escaped, d.high = false, 0
	return text
}

// plain returns 8-bit data as text where it evidently is one, in UTF-8 or else
// Latin-1; otherwise "". The standard leaves its meaning to the users (23.038
// clause 4), and some send text in it.
func plain(data []byte) string {
	if s := string(data); utf8.ValidString(s) && printable(s) {
		return s
	}
	runes := make([]rune, len(data))
	for i, b := range data {
		runes[i] = rune(b)
	}
	if s := string(runes); printable(s) {
		return s
	}
	return ""
}

func printable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
	}
	return true
}
