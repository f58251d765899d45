package pdu

// language is a national language identifier of 3GPP TS 23.038 clause 6.2.1.2.4.
// Zero stands for the default alphabet.
type language uint8

const (
	turkish language = iota + 1
	spanish
	portuguese
	bengali
	gujarati
	hindi
	kannada
	malayalam
	oriya
	punjabi
	tamil
	telugu
	urdu
)

// escape announces that the next septet is of the single shift table.
const escape = 0x1B

// locking returns the table that a locking shift to l selects. Spanish has none
// (A.3.2), unknown languages get the default alphabet.
func (l language) locking() *[128]uint16 {
	switch l {
	case turkish:
		return &turkishLocking
	case portuguese:
		return &portugueseLocking
	case bengali, gujarati, hindi, kannada, malayalam, oriya, punjabi, tamil, telugu, urdu:
		return &indicLocking[l-bengali]
	}
	return &defaultAlphabet
}

// single returns what the septet c after an escape means in the single shift
// table of l, 0 if it has no character there.
func (l language) single(c byte) uint16 {
	switch {
	case l == turkish && turkishSingle[c] != 0:
		return turkishSingle[c]
	case l == spanish && spanishSingle[c] != 0:
		return spanishSingle[c]
	case l == portuguese && portugueseSingle[c] != 0:
		return portugueseSingle[c]
	case bengali <= l && l <= urdu:
		if i := int(c) - indicFirst; 0 <= i && i < len(indicOwn[0]) && indicOwn[l-bengali][i] != 0 {
			return indicOwn[l-bengali][i]
		}
		return indicSingle[c]
	}
	return extension[c]
}

// known says whether there are tables for l.
func (l language) known() bool { return l <= urdu }

// defaultAlphabet is the GSM 7 bit default alphabet (23.038 clause 6.2.1).
var defaultAlphabet = [128]uint16{
	'@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å',
	'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', escape, 'Æ', 'æ', 'ß', 'É',
	' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
	'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
	'¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
	'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§',
	'¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
	'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
}

// extension is its extension table (6.2.1.1). Code 0x0D is a control character
// without a meaning of its own.
var extension = [128]uint16{
	0x0A: '\f', 0x14: '^', 0x28: '{', 0x29: '}', 0x2F: '\\', 0x3C: '[', 0x3D: '~', 0x3E: ']',
	0x40: '|', 0x65: '€',
}

// turkishLocking is table A.3.1.
var turkishLocking = [128]uint16{
	'@', '£', '$', '¥', '€', 'é', 'ù', 'ı', 'ò', 'Ç', '\n', 'Ğ', 'ğ', '\r', 'Å', 'å',
	'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', escape, 'Ş', 'ş', 'ß', 'É',
	' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
	'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
	'İ', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
	'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§',
	'ç', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
	'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
}

// portugueseLocking is table A.3.3.
var portugueseLocking = [128]uint16{
	'@', '£', '$', '¥', 'ê', 'é', 'ú', 'í', 'ó', 'ç', '\n', 'Ô', 'ô', '\r', 'Á', 'á',
	'Δ', '_', 'ª', 'Ç', 'À', '∞', '^', '\\', '€', 'Ó', '|', escape, 'Â', 'â', 'Ê', 'É',
	' ', '!', '"', '#', 'º', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
	'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
	'Í', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
	'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ã', 'Õ', 'Ú', 'Ü', '§',
	'~', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
	'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ã', 'õ', '`', 'ü', 'à',
}

// turkishSingle is what table A.2.1 adds to the extension table.
var turkishSingle = [128]uint16{
	0x47: 'Ğ', 0x49: 'İ', 0x53: 'Ş', 0x63: 'ç', 0x67: 'ğ', 0x69: 'ı', 0x73: 'ş',
}

// spanishSingle is what table A.2.2 adds to the extension table.
var spanishSingle = [128]uint16{
	0x09: 'ç', 0x41: 'Á', 0x49: 'Í', 0x4F: 'Ó', 0x55: 'Ú', 0x61: 'á', 0x69: 'í', 0x6F: 'ó',
	0x75: 'ú',
}

// portugueseSingle is what table A.2.3 adds to the extension table.
var portugueseSingle = [128]uint16{
	0x05: 'ê', 0x09: 'ç', 0x0B: 'Ô', 0x0C: 'ô', 0x0E: 'Á', 0x0F: 'á', 0x12: 'Φ', 0x13: 'Γ',
	0x15: 'Ω', 0x16: 'Π', 0x17: 'Ψ', 0x18: 'Σ', 0x19: 'Θ', 0x1F: 'Ê', 0x41: 'À', 0x49: 'Í',
	0x4F: 'Ó', 0x55: 'Ú', 0x5B: 'Ã', 0x5C: 'Õ', 0x61: 'Â', 0x69: 'í', 0x6F: 'ó', 0x75: 'ú',
	0x7B: 'ã', 0x7C: 'õ', 0x7F: 'â',
}
