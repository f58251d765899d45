package pdu

import (
	"strings"
	"testing"
)

func TestSegments(t *testing.T) {
	for _, c := range []struct {
		name, text string
		parts      int
		alphabet   Alphabet
	}{
		{"empty", "", 1, GSM7},
		{"all of one", strings.Repeat("a", 160), 1, GSM7},
		{"one more", strings.Repeat("a", 161), 2, GSM7},
		{"two whole parts", strings.Repeat("a", 306), 2, GSM7},
		{"one more than two", strings.Repeat("a", 307), 3, GSM7},
		{"the extension counts twice", strings.Repeat("€", 80), 1, GSM7},
		{"an escape is not split", strings.Repeat("€", 153), 3, GSM7},
		{"umlauts of the alphabet", "ÄÖÜäöüß@Δ", 1, GSM7},
		{"a letter that is not in it", "ç", 1, UCS2},
		{"UCS2", strings.Repeat("я", 70), 1, UCS2},
		{"UCS2 in parts", strings.Repeat("я", 134), 2, UCS2},
		{"pairs are not split", strings.Repeat("😀", 67), 3, UCS2},
	} {
		if parts, a := Segments(c.text); parts != c.parts || a != c.alphabet {
			t.Errorf("%s: %d parts of %s, want %d of %s", c.name, parts, a, c.parts, c.alphabet)
		}
	}
}
