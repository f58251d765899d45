package pdu

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	raw := gsm7PDU(0x11, []byte{elementConcat8, 3, 9, 2, 1}, []byte("Code 1234"))
	raw[1] |= 0x80 // reply path, which says nothing to us
	got, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := Message{
		Type:    Deliver,
		Address: "+79001234567", AddressType: 0x91,
		SentAt:   time.Date(2024, 2, 29, 20, 59, 58, 0, time.UTC),
		DCS:      0x11,
		Alphabet: GSM7,
		Class:    1,
		Text:     "Code 1234",
		Concat:   Concat{Ref: 9, Total: 2, Seq: 1},
	}
	equal := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
	if diff := cmp.Diff(got, want, equal, cmpopts.IgnoreUnexported(Message{})); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
	if _, offset := got.SentAt.Zone(); offset != 3*60*60 {
		t.Errorf("zone %d s", offset)
	}
	tpdu, err := DecodeTPDU(raw[1:])
	if diff := cmp.Diff(tpdu, got, equal, cmpopts.IgnoreUnexported(Message{})); diff != "" || err != nil {
		t.Errorf("without service centre: %v (-got +want)\n%s", err, diff)
	}
}

func TestParseHex(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in, want string
		err      error
	}{
		{"", "", nil},
		{"0aFf", "0aff", nil},
		{" \t\"0AFF\"\r\r\n\x00", "0aff", nil},
		{"'0AFF'", "0aff", nil},
		{"0AFF1", "0aff", nil},
		{"0AFFG", "", ErrHex},
		{"0A FF", "", ErrHex},
		{"0AG0FF", "", ErrHex},
		{"ж", "", ErrHex},
	} {
		got, err := ParseHex(tt.in)
		if hex.EncodeToString(got) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%q: %x, %v, want %s, %v", tt.in, got, err, tt.want, tt.err)
		}
	}
}

func TestDecodeHex(t *testing.T) {
	t.Parallel()
	s := hex.EncodeToString(gsm7PDU(0, nil, []byte("abcdefghi")))
	for in, flaws := range map[string]Flaw{
		s:                           0,
		"\"" + s + "\"\r":           0,
		s + "F":                     HalfOctet,
		s[:len(s)-1]:                HalfOctet | Truncated,
		strings.ToUpper(s) + "FFFF": Trailing,
	} {
		m, err := DecodeHex(in)
		if err != nil || !strings.HasPrefix("abcdefghi", m.Text) || len(m.Text) < 8 || m.Flaws != flaws {
			t.Errorf("%q: %q, flaws %q, %v", in, m.Text, m.Flaws.Words(), err)
		}
	}
}

func TestHeaderErrors(t *testing.T) {
	t.Parallel()
	whole := gsm7PDU(0, nil, []byte("a"))
	edit := func(at int, b byte) []byte {
		raw := slices.Clone(whole)
		raw[at] = b
		return raw
	}
	for name, tt := range map[string]struct {
		raw  []byte
		want error
	}{
		"nothing":                    {nil, ErrShort},
		"no TPDU":                    {[]byte{0}, ErrShort},
		"half a service centre":      {[]byte{7, 0x91, 0x97}, ErrShort},
		"impossible service centre":  {edit(0, 12), ErrAddress},
		"impossible address":         {edit(2, 21), ErrAddress},
		"address longer than it all": {whole[:8], ErrShort},
		"half a time stamp":          {whole[:15], ErrShort},
		"no user data length":        {whole[:19], ErrShort},
		"submit without more":        {[]byte{0, 1}, ErrShort},
		"submit cut in its validity": {[]byte{0, 0x19, 0, 0, 0x81, 0, 0, 1, 2, 3}, ErrShort},
		"report without outcome":     {append([]byte{0, 2, 0, 0, 0x81}, make([]byte, 13)...), ErrShort},
		"reserved type, noise":       {bytes.Repeat([]byte{3}, 40), ErrType},
	} {
		if m, err := Decode(tt.raw); !errors.Is(err, tt.want) || m.Type != "" {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestReservedType(t *testing.T) {
	t.Parallel()
	raw := gsm7PDU(0, nil, []byte("1234"))
	raw[1] |= 3
	m, err := Decode(raw)
	if err != nil || m.Type != Deliver || m.Text != "1234" || m.Flaws != ReservedType {
		t.Errorf("%q %q, flaws %q, %v", m.Type, m.Text, m.Flaws.Words(), err)
	}
	if _, err := Decode(append(raw, 0)); !errors.Is(err, ErrType) {
		t.Errorf("with a flaw: %v, want %v", err, ErrType)
	}
}

func TestSubmitValidity(t *testing.T) {
	t.Parallel()
	for first, validity := range map[byte]int{0x01: 0, 0x09: 7, 0x11: 1, 0x19: 7} {
		raw := slices.Concat([]byte{0, first, 42, 3, 0x81, 0x21, 0xF3, 0, 4}, make([]byte, validity), []byte{2, 'o', 'k'})
		m, err := Decode(raw)
		if err != nil || m.Text != "ok" || m.Reference != 42 || m.Address != "123" || m.Flaws != 0 {
			t.Errorf("first octet %#x: %+v, %v", first, m, err)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ field, want string }{
		"none":                {"0091", ""},
		"none, alphanumeric":  {"00D0", ""},
		"international":       {"0B919700214365F7", "+79001234567"},
		"national":            {"04A12143", "1234"},
		"odd, without filler": {"0B91970021436587", "+79001234567"},
		"even, with filler":   {"0C919700214365F7", "+79001234567"},
		"only fillers":        {"0491FFFF", ""},
		"other digits":        {"0581BADCFE", "*#abc"},
		"longest":             {"149110325476981032547698", "+01234567890123456789"},
	} {
		field, err := hex.DecodeString(tt.field)
		if err != nil {
			t.Fatal(err)
		}
		in := octets(field)
		var m Message
		if err := m.address(&in); err != nil || m.Address != tt.want || len(in) != 0 {
			t.Errorf("%s: %q, %v, %d octets left, want %q", name, m.Address, err, len(in), tt.want)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		septets    string
		semiOctets byte
		want       string
	}{
		"seven letters":                {"sipgate", 13, "sipgate"},
		"seven letters, whole octets":  {"sipgate\x00", 14, "sipgate"},
		"eight letters":                {"Vodafone", 14, "Vodafone"},
		"eleven letters":               {"elevenchars", 20, "elevenchars"},
		"length rounded up":            {"VIVO", 8, "VIVO"},
		"length too short for the end": {"VIVO", 6, "VIV"},
		"extension":                    {"a\x1b\x65", 6, "a€"},
		"escape at the end":            {"a\x1b", 4, "a"},
		"at sign inside":               {"a\x00b", 6, "a@b"},
	} {
		field := append([]byte{tt.semiOctets, 0xD0}, packed([]byte(tt.septets))...)
		in := octets(field[:2+(tt.semiOctets+1)/2])
		var m Message
		if err := m.address(&in); err != nil || m.Address != tt.want {
			t.Errorf("%s: %q, %v, want %q", name, m.Address, err, tt.want)
		}
	}
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	for stamp, want := range map[string]string{
		"42209232958521": "2024-02-29T23:59:58+03:00",
		"4220923295852B": "2024-02-29T23:59:58-08:00",
		"42209232958512": "2024-02-29T23:59:58+05:15",
		"42209232958500": "2024-02-29T23:59:58Z",
		"422092329585C2": "2024-02-29T23:59:58+08:00", // twelve as a digit
		"42209232958597": "2024-02-29T23:59:58+19:45",
		"32209232958521": "", // no such day in 2023
		"42209242958521": "", // 24 o'clock
		"42209232068521": "", // minute 60
		"42209232950621": "", // second 60
		"42319232958521": "", // month 13
		"42200032958521": "", // day 0
		"42A09232958521": "",
		"422092329585FF": "",
		"00000000000000": "",
		"FFFFFFFFFFFFFF": "",
	} {
		b, err := hex.DecodeString(stamp)
		if err != nil {
			t.Fatal(err)
		}
		var m Message
		got := m.timestamp(b)
		if want == "" {
			if !got.IsZero() || m.Flaws != BadTime {
				t.Errorf("%s: %v, flaws %q", stamp, got, m.Flaws.Words())
			}
			continue
		}
		if s := got.Format(time.RFC3339); s != want || m.Flaws != 0 {
			t.Errorf("%s: %s, flaws %q, want %s", stamp, s, m.Flaws.Words(), want)
		}
	}
}

func TestCoding(t *testing.T) {
	t.Parallel()
	voice := Waiting{Clear: true, Mailbox: "voicemail"}
	for _, tt := range []struct {
		from, to   byte
		alphabet   Alphabet
		class      int
		compressed bool
		waiting    Waiting
		flaws      Flaw
	}{
		{0x00, 0x03, GSM7, NoClass, false, Waiting{}, 0},
		{0x04, 0x07, Octets, NoClass, false, Waiting{}, 0},
		{0x08, 0x0B, UCS2, NoClass, false, Waiting{}, 0},
		{0x0C, 0x0F, GSM7, NoClass, false, Waiting{}, ReservedCoding},
		{0x10, 0x10, GSM7, 0, false, Waiting{}, 0},
		{0x1A, 0x1A, UCS2, 2, false, Waiting{}, 0},
		{0x20, 0x23, GSM7, NoClass, true, Waiting{}, 0},
		{0x3B, 0x3B, UCS2, 3, true, Waiting{}, 0},
		{0x48, 0x48, UCS2, NoClass, false, Waiting{}, 0},
		{0x55, 0x55, Octets, 1, false, Waiting{}, 0},
		{0x80, 0xBF, GSM7, NoClass, false, Waiting{}, ReservedCoding},
		{0xC0, 0xC0, GSM7, NoClass, false, Waiting{Clear: true, Discard: true, Mailbox: "voicemail"}, 0},
		{0xC9, 0xC9, GSM7, NoClass, false, Waiting{Set: true, Discard: true, Mailbox: "fax"}, 0},
		{0xD0, 0xD0, GSM7, NoClass, false, voice, 0},
		{0xDA, 0xDA, GSM7, NoClass, false, Waiting{Set: true, Mailbox: "email"}, 0},
		{0xE0, 0xE0, UCS2, NoClass, false, voice, 0},
		{0xF0, 0xF0, GSM7, 0, false, Waiting{}, 0},
		{0xF7, 0xF7, Octets, 3, false, Waiting{}, 0},
	} {
		for dcs := int(tt.from); dcs <= int(tt.to); dcs++ {
			m := Message{DCS: byte(dcs), Class: NoClass}
			m.coding()
			want := Message{
				DCS: byte(dcs), Alphabet: tt.alphabet, Class: tt.class, Compressed: tt.compressed,
				Waiting: tt.waiting, Flaws: tt.flaws,
			}
			if diff := cmp.Diff(m, want, cmpopts.IgnoreUnexported(Message{})); diff != "" {
				t.Errorf("%#x (-got +want)\n%s", dcs, diff)
			}
		}
	}
}
