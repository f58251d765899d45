package answer

import "strings"

// gsmBasic is the GSM 7-bit default alphabet (TS 23.038 6.2.1), gsmExtension
// what follows an escape (6.2.1.1).
const (
	gsmEscape = 0x1B
	gsmBasic  = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)

// gsmExtension decodes the septet behind an escape; 0 when it has no meaning there.
func gsmExtension(septet byte) rune {
	switch septet {
	case 0x0A:
		return '\f'
	case 0x14:
		return '^'
	case 0x28:
		return '{'
	case 0x29:
		return '}'
	case 0x2F:
		return '\\'
	case 0x3C:
		return '['
	case 0x3D:
		return '~'
	case 0x3E:
		return ']'
	case 0x40:
		return '|'
	case 0x65:
		return '€'
	}
	return 0
}

// fromPacked7 decodes packed septets as USSD has them (TS 23.038 6.1.2.3),
// without the padding at the end.
func fromPacked7(raw []byte) string {
	basic := []rune(gsmBasic)
	var b strings.Builder
	escaped := false
	for i := range len(raw) * 8 / 7 {
		bit := i * 7
		septet := raw[bit/8] >> (bit % 8)
		if bit%8 > 1 {
			septet |= raw[bit/8+1] << (8 - bit%8)
		}
		septet &= 0x7F
		switch r := gsmExtension(septet); {
		case septet == gsmEscape:
			escaped = true
			continue
		case escaped && r != 0:
			b.WriteRune(r)
		default:
			b.WriteRune(basic[septet])
		}
		escaped = false
	}
	text := b.String()
	if len(raw)%7 == 0 { // seven bits are left over: a carriage return, or zeros
		text = strings.TrimSuffix(text, "@")
	}
	return strings.TrimRight(text, "\r")
}
