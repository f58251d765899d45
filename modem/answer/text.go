package answer

import (
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Encoding is how a text was written in an answer.
type Encoding string

// Encodings of texts.
const (
	PlainText Encoding = "text"
	UCS2Hex   Encoding = "ucs2-hex"
	Packed7   Encoding = "packed7"  // hex of packed septets (TS 23.038 6.1.2)
	Hex8      Encoding = "8bit-hex" // hex of ASCII
)

// name decodes a name or a number that a modem may give as hex of UCS2 (after
// AT+CSCS="UCS2") or of ASCII (after AT+CSCS="HEX"): by content, for the
// character set in force is not always the one that was set.
func name(s string) (text string, ucs2 bool) {
	raw, ok := unhex(s)
	if !ok || len(raw) < 4 {
		return s, false
	}
	if text, ok := fromUCS2(raw); ok && coherence(text) >= 0.9 {
		return text, true
	}
	if text, ok := fromASCII(raw); ok && !isDecimal(s) {
		return text, false
	}
	return s, false
}

// number decodes a phone number that may be hex of UCS2 or of ASCII. Digits
// that could be either are taken as they are: nothing that is short enough for
// a number (15 digits, E.164) and has no sign of the hex form is decoded.
func number(s string) string {
	raw, ok := unhex(s)
	if !ok {
		return s
	}
	if raw[0] == 0 && len(raw) >= 6 {
		if text, ok := fromUCS2(raw); ok && isNumber(text) {
			return text
		}
	}
	if raw[0] == '+' || len(s) > 15 {
		if text, ok := fromASCII(raw); ok && isNumber(text) {
			return text
		}
	}
	return s
}

// isNumber says whether s is made of what is dialled.
func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "+0123456789*#") == ""
}

func isDecimal(s string) bool { return strings.Trim(s, "0123456789") == "" }

// content decodes the body of a USSD answer: the data coding scheme says little
// of what modems do with it, so the content decides. dcs is a hint, -1 for none.
func content(body string, dcs int) (string, Encoding) {
	raw, ok := unhex(body)
	if !ok || len(raw) < 2 {
		return body, PlainText
	}
	if text, ok := ussdUCS2(raw, dcs); ok {
		return text, UCS2Hex
	}
	if isDecimal(body) {
		return body, PlainText
	}
	if text, ok := fromASCII(raw); ok && (len(raw) >= 6 || isData8(dcs)) {
		return text, Hex8
	}
	return fromPacked7(raw), Packed7
}

// ussdUCS2 decodes UCS2 if that is what raw is.
func ussdUCS2(raw []byte, dcs int) (string, bool) {
	const withLanguage = 0x11 // TS 23.038 5: two packed septets name a language before the text
	if dcs == withLanguage && len(raw) > 2 {
		if lang := fromPacked7(raw[:2]); len(lang) == 2 && strings.ToLower(lang) == lang {
			raw = raw[2:]
		}
	}
	text, ok := fromUCS2(raw)
	if !ok {
		return "", false
	}
	score := coherence(text)
	switch {
	case dcs == withLanguage || dcs&0xCC == 0x48 && dcs >= 0 || dcs == 8:
		return text, score >= 0.5
	case strings.ContainsFunc(text, isEastAsian):
		// Packed septets can pass for a few ideographs.
		return text, score >= 0.9 && len(raw) >= 8
	}
	return text, score >= 0.9
}

// isData8 says whether a data coding scheme of TS 23.038 5 means 8-bit data.
func isData8(dcs int) bool {
	return dcs >= 0 && (dcs&0xCC == 0x44 || dcs&0xF4 == 0xF4 || dcs == 4)
}

func unhex(s string) ([]byte, bool) {
	if len(s) < 2 || len(s)%2 != 0 {
		return nil, false
	}
	raw, err := hex.DecodeString(s)
	return raw, err == nil
}

// fromUCS2 decodes big-endian UTF-16 up to the first 0000 or FFFF: behind it is
// memory that was never written.
func fromUCS2(raw []byte) (string, bool) {
	if len(raw)%2 != 0 {
		return "", false
	}
	units := make([]uint16, 0, len(raw)/2)
	for i := 0; i < len(raw); i += 2 {
		u := uint16(raw[i])<<8 | uint16(raw[i+1])
		if u == 0 || u == 0xFFFF {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units)), len(units) > 0
}

// fromASCII decodes printable ASCII, trailing zero octets left out.
func fromASCII(raw []byte) (string, bool) {
	text := strings.TrimRight(string(raw), "\x00")
	for _, c := range []byte(text) {
		if (c < ' ' || c > '~') && c != '\r' && c != '\n' {
			return "", false
		}
	}
	return text, text != ""
}

// coherence rates from 0 to 1 how much text looks written by a person: the
// share of characters that are common or of the script that most are of.
func coherence(text string) float64 {
	scripts := map[rune]int{}
	total, common := 0, 0
	for _, r := range text {
		total++
		switch {
		case r == '\r' || r == '\n' || r < 0x250 && unicode.IsPrint(r),
			0x2000 <= r && r < 0x2150,                                // punctuation and currency signs
			0x3000 <= r && r < 0x3040 || 0xFF00 <= r && r < 0xFFF0,   // the same for East Asia
			0x1F000 <= r && r < 0x20000 || 0x2600 <= r && r < 0x27C0, // pictures
			r == 0xFE0F || r == 0x200D:
			common++
		case unicode.IsPrint(r) || unicode.IsMark(r):
			scripts[script(r)]++
		}
	}
	if total == 0 {
		return 0
	}
	most := 0
	for _, n := range scripts {
		most = max(most, n)
	}
	return float64(common+most) / float64(total)
}

// script names the alphabet of r by its first character: blocks that one
// language uses together count as one.
func script(r rune) rune {
	switch {
	case 0x4E00 <= r && r < 0xA000, 0x3040 <= r && r < 0x3100:
		return 0x4E00 // ideographs and kana
	case 0xAC00 <= r && r < 0xD7B0:
		return 0xAC00
	case 0xFB50 <= r && r < 0xFE00, 0xFE70 <= r && r < 0xFF00:
		return 0x600 // presentation forms of Arabic
	}
	return r &^ 0xFF
}

func isEastAsian(r rune) bool { return 0x3040 <= r && r < 0xD7B0 }
