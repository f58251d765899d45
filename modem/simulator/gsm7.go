package simulator

import (
	"strings"
	"sync"
)

// The default alphabet of 3GPP TS 23.038 clause 6.2.1, by code; 0x1b is escape.
const gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

// The extension table of clause 6.2.1.1: letter, code.
const gsmExtension = "\f\x0a^\x14{\x28}\x29\\\x2f[\x3c~\x3d]\x3e|\x40€\x65"

// gsm7 is the alphabet by letter: septets in sending order.
type gsm7 map[rune][]uint16

var gsmTable = sync.OnceValue(newGSM7)

func newGSM7() gsm7 {
	table := gsm7{}
	code := uint16(0)
	for _, r := range gsmBasic {
		if r != gsmEscape {
			table[r] = []uint16{code}
		}
		code++
	}
	pairs := []rune(gsmExtension)
	for i := 0; i < len(pairs); i += 2 {
		table[pairs[i]] = []uint16{gsmEscape, uint16(pairs[i+1])}
	}
	return table
}

// toGSM7 is text in septets; false when a letter is not in the alphabet.
func toGSM7(text string) ([]uint16, bool) {
	table := gsmTable()
	var septets []uint16
	for _, r := range text {
		s, ok := table[r]
		if !ok {
			return nil, false
		}
		septets = append(septets, s...)
	}
	return septets, true
}

// fromGSM7 is the reverse, for USSD requests; an unknown septet is "?".
func fromGSM7(septets []uint16) string {
	basic := []rune(gsmBasic)
	var b strings.Builder
	for _, s := range septets {
		if s == gsmEscape || int(s) >= len(basic) {
			b.WriteByte('?')
			continue
		}
		b.WriteRune(basic[s])
	}
	return b.String()
}

// pack7 packs septets behind a header, from the next septet boundary on
// (3GPP TS 23.040 clause 9.2.3.24).
func pack7(septets []uint16, header []byte) []byte {
	start := (len(header)*8 + 6) / 7 * 7
	out := make([]byte, (start+7*len(septets)+7)/8)
	copy(out, header)
	for i, s := range septets {
		bit := start + 7*i
		out[bit/8] |= byte(s << (bit % 8))
		if bit%8 > 1 {
			out[bit/8+1] |= byte(s >> (8 - bit%8))
		}
	}
	return out
}

// packUSSD packs septets for USSD: seven bits that are left over hold a CR, since
// zeros would be an @ (3GPP TS 23.038 clause 6.1.2.3.1).
func packUSSD(septets []uint16) []byte {
	if len(septets)%8 == 7 {
		septets = append(septets, '\r')
	}
	return pack7(septets, nil)
}

// unpack7 is the reverse without a header.
func unpack7(b []byte) []uint16 {
	septets := make([]uint16, len(b)*8/7)
	for i := range septets {
		bit := 7 * i
		v := uint16(b[bit/8]) >> (bit % 8)
		if bit%8 > 1 {
			v |= uint16(b[bit/8+1]) << (8 - bit%8)
		}
		septets[i] = v & 0x7f
	}
	return septets
}
