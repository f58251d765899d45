package pdu

import (
	"slices"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// indicBlocks are the Unicode blocks of the Indic scripts that share one order, that
// of ISCII: the same letter stands at the same place of each block.
func indicBlocks() map[language]uint16 {
	return map[language]uint16{
		hindi: 0x0900, bengali: 0x0980, punjabi: 0x0A00, gujarati: 0x0A80, oriya: 0x0B00,
		tamil: 0x0B80, telugu: 0x0C00, kannada: 0x0C80, malayalam: 0x0D00,
	}
}

// TestIndicLocking holds the tables against one another: a code stands for the same
// letter in every script that has the letter.
func TestIndicLocking(t *testing.T) {
	t.Parallel()
	devanagari := hindi.locking()
	for l, block := range indicBlocks() {
		letters := 0
		for c, r := range l.locking()[:0x60] {
			if r < 0x80 {
				continue
			}
			letters++
			if r-block != devanagari[c]-0x0900 {
				t.Errorf("language %d, code %#x: U+%04X, want U+%04X", l, c, r, devanagari[c]-0x0900+block)
			}
		}
		if letters < 40 {
			t.Errorf("language %d: %d letters", l, letters)
		}
	}
}

func TestIndicSingle(t *testing.T) {
	t.Parallel()
	for l, block := range indicBlocks() {
		digits := []byte{0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25}
		if l == bengali { // has no dandas before its digits
			digits = []byte{0x19, 0x1A, 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x21, 0x22, 0x23}
		}
		for d, c := range digits {
			if got, want := l.single(c), block+0x66+uint16(d); got != want {
				t.Errorf("language %d, code %#x: U+%04X, want U+%04X", l, c, got, want)
			}
		}
		for c := range byte(128) {
			r := l.single(c)
			danda := r == 0x0964 || r == 0x0965
			if r >= 0x0900 && r < 0x2000 && !danda && (r < block || r >= block+0x80) {
				t.Errorf("language %d, code %#x: U+%04X of another script", l, c, r)
			}
		}
	}
}

// TestTables holds for every table that codes and characters belong together one to
// one, apart from the repetitions that the standard has.
func TestTables(t *testing.T) {
	t.Parallel()
	for l := language(0); l.known(); l++ {
		main := l.locking()
		if main[escape] != escape || main['\n'] != '\n' || main['\r'] != '\r' || main[' '] != ' ' {
			t.Errorf("language %d: control characters moved", l)
		}
		if l.single('\n') != '\f' || l.single(0x65) != '€' || l.single(0x28) != '{' || l.single(0x3C) != '[' {
			t.Errorf("language %d: the extension table is not part of the single shift table", l)
		}
		if l.single(escape) != 0 || l.single('\r') != 0 {
			t.Errorf("language %d: a character at a control code", l)
		}
		seen, shifted := map[uint16]int{}, map[uint16]byte{}
		for c, r := range main {
			if other, ok := seen[r]; ok && r != ' ' {
				t.Errorf("language %d: U+%04X at %#x and %#x", l, r, other, c)
			}
			seen[r] = c
			if !unicode.IsGraphic(rune(r)) && !unicode.Is(unicode.Cf, rune(r)) && !unicode.IsControl(rune(r)) {
				t.Errorf("language %d, code %#x: U+%04X is no character", l, c, r)
			}
		}
		for c := range byte(128) {
			r := l.single(c)
			if other, ok := shifted[r]; ok && r != 0 && r != '¡' && r != '*' {
				t.Errorf("language %d: U+%04X at escaped %#x and %#x", l, r, other, c)
			}
			shifted[r] = c
		}
	}
}

func TestShiftTables(t *testing.T) {
	t.Parallel()
	const lock, shift = elementLocking, elementSingle
	for _, tt := range []struct {
		name     string
		elements []byte
		septets  []byte
		want     string
		flaws    Flaw
	}{
		{"no header", nil, []byte{0x1B, 0x67, 0x04}, "gè", 0},
		{"Turkish single", []byte{shift, 1, 1}, []byte{0x1B, 0x67, 0x04}, "ğè", 0},
		{"Turkish locking", []byte{lock, 1, 1}, []byte{0x0C, 0x1B, 0x67}, "ğg", 0},
		{"Spanish has no locking table", []byte{lock, 1, 2}, []byte{0x04}, "è", 0},
		{"Spanish single", []byte{shift, 1, 2}, []byte{0x1B, 0x49, 0x1B, 0x65}, "Í€", 0},
		{"Portuguese both", []byte{shift, 1, 3, lock, 1, 3}, []byte{0x04, 0x1B, 0x7B}, "êã", 0},
		{"two languages", []byte{shift, 1, 13, lock, 1, 6}, []byte{0x15, 0x1B, 0x1C}, "क۰", 0},
		{"Urdu", []byte{lock, 1, 13}, []byte{0x3D, 0x4D, 0x00, 0x4E}, "سلام", 0},
		{"the last counts", []byte{lock, 1, 1, lock, 1, 3}, []byte{0x04}, "ê", 0},
		{"unknown", []byte{lock, 1, 14, shift, 1, 200}, []byte{0x04, 0x1B, 0x65}, "è€", UnknownLanguage},
		{"wrong length", []byte{lock, 2, 1, 1}, []byte{0x04}, "è", 0},
		{"decimal 24 and 25 are no shift", []byte{24, 1, 1, 25, 1, 1}, []byte{0x04}, "è", 0},
		{"a code without character means the main table's", nil, []byte{0x1B, 'A'}, "A", 0},
		{"escape twice", nil, []byte{0x1B, 0x1B, 'A'}, " A", 0},
		{"escape at the end", nil, []byte{'A', 0x1B}, "A", BadText},
		{"carriage return escaped", nil, []byte{'A', 0x1B, '\r'}, "A\r", 0},
	} {
		m, err := Decode(gsm7PDU(0, tt.elements, tt.septets))
		if err != nil || m.Text != tt.want || m.Flaws != tt.flaws {
			t.Errorf("%s: %q, flaws %q, %v; want %q, %q", tt.name, m.Text, m.Flaws.Words(), err, tt.want, tt.flaws.Words())
		}
	}
}

// TestRoundTrip encodes texts in every pair of tables, cuts them into parts anywhere,
// and joins what is decoded of these.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		locking := language(rapid.IntRange(0, int(urdu)).Draw(t, "locking"))
		single := language(rapid.IntRange(0, int(urdu)).Draw(t, "single"))
		var runes []rune
		for c := range byte(128) {
			if c != escape {
				runes = append(runes, rune(locking.locking()[c]))
			}
			if r := single.single(c); r != 0 {
				runes = append(runes, rune(r))
			}
		}
		want := rapid.StringOfN(rapid.SampledFrom(runes), 0, 300, -1).Draw(t, "text")
		encoded, ok := septets(want, locking, single)
		if !ok {
			t.Fatal("not encoded")
		}
		parts := cut(t, encoded, 1)
		var got []Message
		for i, part := range parts {
			elements := []byte{elementLocking, 1, byte(locking), elementSingle, 1, byte(single)}
			elements = append(elements, elementConcat8, 3, 7, byte(len(parts)), byte(i+1))
			m, err := Decode(gsm7PDU(0, elements, part))
			if err != nil || m.Flaws&^BadConcat != 0 {
				t.Fatal(err, m.Flaws.Words())
			}
			if len(parts) > 1 && m.Concat != (Concat{Ref: 7, Total: len(parts), Seq: i + 1}) {
				t.Fatal(m.Concat)
			}
			got = append(got, m)
		}
		if text := Join(got); text != want {
			t.Fatalf("%q, want %q", text, want)
		}
	})
}

func TestRoundTripUCS2(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.StringN(0, 200, -1).Draw(t, "text")
		parts := cut(t, units(want), 2)
		var got []Message
		for i, part := range parts {
			elements := []byte{elementConcat16, 4, 0x12, 0x34, byte(len(parts)), byte(i + 1)}
			m, err := Decode(octetPDU(8, elements, part))
			if err != nil {
				t.Fatal(err)
			}
			if len(parts) > 1 && m.Concat != (Concat{Ref: 0x1234, Total: len(parts), Seq: i + 1, Wide: true}) {
				t.Fatal(m.Concat)
			}
			got = append(got, m)
		}
		if text := Join(got); text != want {
			t.Fatalf("%q, want %q", text, want)
		}
	})
}

// cut divides b at multiples of unit into parts of at most 120.
func cut(t *rapid.T, b []byte, unit int) [][]byte {
	var parts [][]byte
	for len(b) > 0 {
		n := unit * rapid.IntRange(1, min(len(b), 120)/unit).Draw(t, "part")
		if len(parts) >= 200 || n < 20 {
			n = min(len(b), 120)
		}
		parts = append(parts, slices.Clone(b[:n]))
		b = b[n:]
	}
	return parts
}
