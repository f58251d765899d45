package pdu

import "testing"

func TestJoin(t *testing.T) {
	t.Parallel()
	part := func(raw []byte) Message {
		m, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	gsm7 := func(s string) Message { return part(gsm7PDU(0, []byte{}, []byte(s))) }
	ucs2 := func(b ...byte) Message { return part(octetPDU(8, []byte{}, b)) }
	octets := func(s string) Message { return part(octetPDU(4, []byte{}, []byte(s))) }
	missing := Message{}

	for name, tt := range map[string]struct {
		parts []Message
		want  string
	}{
		"nothing":                    {nil, ""},
		"all missing":                {[]Message{missing, missing}, ""},
		"one":                        {[]Message{gsm7("abc")}, "abc"},
		"empty part":                 {[]Message{gsm7("abc"), gsm7(""), gsm7("def")}, "abcdef"},
		"first missing":              {[]Message{missing, gsm7("def")}, Gap + "def"},
		"middle missing":             {[]Message{gsm7("abc"), missing, missing, gsm7("def")}, "abc" + Gap + "def"},
		"last missing":               {[]Message{gsm7("abc"), missing}, "abc" + Gap},
		"escape split":               {[]Message{gsm7("abc\x1b"), gsm7("edef")}, "abc€def"},
		"escape split over empty":    {[]Message{gsm7("abc\x1b"), gsm7(""), gsm7("edef")}, "abc€def"},
		"escape before a gap":        {[]Message{gsm7("abc\x1b"), missing, gsm7("edef")}, "abc" + Gap + "edef"},
		"escape before UCS2":         {[]Message{gsm7("abc\x1b"), ucs2(0, 'e'), gsm7("e")}, "abcee"},
		"surrogates split":           {[]Message{ucs2(0, 'a', 0xD8, 0x3D), ucs2(0xDE, 0x03, 0, 'b')}, "a😃b"},
		"surrogates around a gap":    {[]Message{ucs2(0xD8, 0x3D), missing, ucs2(0xDE, 0x03)}, "\uFFFD" + Gap + "\uFFFD"},
		"surrogate before GSM 7":     {[]Message{ucs2(0xD8, 0x3D), gsm7("a")}, "\uFFFDa"},
		"surrogate before 8-bit":     {[]Message{ucs2(0xD8, 0x3D), octets("a")}, "\uFFFDa"},
		"8-bit text":                 {[]Message{octets("a"), octets("b")}, "ab"},
		"binary among text":          {[]Message{gsm7("a"), octets("\x01"), gsm7("b")}, "a" + Gap + "b"},
		"binary alone":               {[]Message{octets("\x01"), octets("\x02")}, ""},
		"status report is no part":   {[]Message{{Type: StatusReport, Class: NoClass}}, ""},
		"cut to nothing":             {[]Message{gsm7("a"), part(deliverPDU(0, nil, 9, nil))}, "a" + Gap},
		"surrogate ends the message": {[]Message{ucs2(0, 'a'), ucs2(0xD8, 0x3D)}, "a\uFFFD"},
	} {
		if got := Join(tt.parts); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
