package pdu

import (
	"slices"
	"unicode/utf16"
)

// What fits into one SMS, and into each part of a long one with an 8-bit reference
// (3GPP TS 23.040 clauses 9.2.3.16 and 9.2.3.24.1), in septets and UCS2 units.
const (
	septetsAlone, septetsPart = 160, 153
	unitsAlone, unitsPart     = 70, 67
)

// Segments says in how many parts a text is sent, and in which alphabet: GSM 7 bit where
// the default alphabet and its extension have every character, else UCS2. A character of
// two septets or units is not split.
func Segments(text string) (parts int, a Alphabet) {
	var sizes []int
	for _, r := range text {
		n := septetsOf(r)
		if n == 0 {
			return ucs2Segments(text), UCS2
		}
		sizes = append(sizes, n)
	}
	return pack(sizes, septetsAlone, septetsPart), GSM7
}

// septetsOf is how many septets a character takes; 0: the alphabet does not have it.
func septetsOf(r rune) int {
	if r <= 0 || r > 0xFFFF {
		return 0
	}
	if at := slices.Index(defaultAlphabet[:], uint16(r)); at >= 0 && at != escape {
		return 1
	}
	if slices.Contains(extension[:], uint16(r)) {
		return 2
	}
	return 0
}

func ucs2Segments(text string) int {
	var sizes []int
	for _, r := range text {
		sizes = append(sizes, max(utf16.RuneLen(r), 1))
	}
	return pack(sizes, unitsAlone, unitsPart)
}

// pack counts the parts that characters of these sizes fill.
func pack(sizes []int, alone, part int) int {
	sum := 0
	for _, n := range sizes {
		sum += n
	}
	if sum <= alone {
		return 1
	}
	parts, used := 1, 0
	for _, n := range sizes {
		if used+n > part {
			parts, used = parts+1, 0
		}
		used += n
	}
	return parts
}
