package pdu

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestElements(t *testing.T) {
	t.Parallel()
	type result struct {
		Concat  Concat
		Ports   Ports
		Waiting Waiting
		Flaws   Flaw
	}
	for name, tt := range map[string]struct {
		elements []byte
		want     result
	}{
		"empty header":              {[]byte{}, result{}},
		"8-bit reference":           {[]byte{0, 3, 200, 3, 2}, result{Concat: Concat{Ref: 200, Total: 3, Seq: 2}}},
		"16-bit reference":          {[]byte{8, 4, 1, 2, 255, 255}, result{Concat: Concat{Ref: 258, Total: 255, Seq: 255, Wide: true}}},
		"total 0":                   {[]byte{0, 3, 1, 0, 0}, result{Flaws: BadConcat}},
		"one of one":                {[]byte{0, 3, 1, 1, 1}, result{Flaws: BadConcat}},
		"seq 0":                     {[]byte{0, 3, 1, 2, 0}, result{Flaws: BadConcat}},
		"seq above total":           {[]byte{0, 3, 1, 2, 3}, result{Flaws: BadConcat}},
		"wrong length":              {[]byte{0, 2, 1, 2}, result{}},
		"last one counts":           {[]byte{0, 3, 1, 2, 1, 8, 4, 0, 2, 3, 3}, result{Concat: Concat{Ref: 2, Total: 3, Seq: 3, Wide: true}}},
		"ports":                     {[]byte{5, 4, 0x0B, 0x84, 0x23, 0xF0}, result{Ports: Ports{Destination: 2948, Source: 9200}}},
		"8-bit ports":               {[]byte{4, 2, 240, 241}, result{Ports: Ports{Destination: 240, Source: 241}}},
		"waiting":                   {[]byte{1, 2, 0x81, 3}, result{Waiting: Waiting{Set: true, Mailbox: "fax", Count: 3}}},
		"none waiting":              {[]byte{1, 2, 0x00, 0}, result{Waiting: Waiting{Clear: true, Discard: true, Mailbox: "voicemail"}}},
		"unknown before known":      {[]byte{0x70, 2, 1, 1, 0, 3, 1, 2, 1}, result{Concat: Concat{Ref: 1, Total: 2, Seq: 1}}},
		"one octet left over":       {[]byte{0, 3, 1, 2, 1, 9}, result{Concat: Concat{Ref: 1, Total: 2, Seq: 1}}},
		"element beyond its header": {[]byte{0, 3, 1, 2, 1, 5, 4, 1}, result{Concat: Concat{Ref: 1, Total: 2, Seq: 1}, Flaws: BadElement}},
	} {
		m, err := Decode(gsm7PDU(0, tt.elements, []byte("text")))
		if err != nil || m.Text != "text" {
			t.Errorf("%s: %q, %v", name, m.Text, err)
		}
		if diff := cmp.Diff(result{m.Concat, m.Ports, m.Waiting, m.Flaws}, tt.want); diff != "" {
			t.Errorf("%s (-got +want)\n%s", name, diff)
		}
	}
}

// TestHeaderDoesNotFit has the header flag set on what has no header.
func TestHeaderDoesNotFit(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"text":          []byte("Hello"),
		"octet missing": {5, 0, 3, 1, 2},
	} {
		raw := deliverPDU(4, []byte{}, len(data), data)
		m, err := Decode(raw)
		if err != nil || m.Flaws != BadHeader || !bytes.Equal(m.Data, data) {
			t.Errorf("%s: %x, flaws %q, %v", name, m.Data, m.Flaws.Words(), err)
		}
	}
}

// TestTruncatedHeader cuts a part within its header: whose part it is stays known.
func TestTruncatedHeader(t *testing.T) {
	t.Parallel()
	raw := gsm7PDU(0, []byte{elementConcat8, 3, 9, 2, 1, 0x0A, 1, 1}, []byte("text"))
	m, err := Decode(raw[:20+7])
	if err != nil || m.Text != "" || m.Concat.Ref != 9 || m.Flaws&Truncated == 0 || m.Undecoded() == "" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestLengths(t *testing.T) {
	t.Parallel()
	longest := bytes.Repeat([]byte("x"), 255)
	for name, tt := range map[string]struct {
		raw   []byte
		want  string
		flaws Flaw
	}{
		"empty":              {gsm7PDU(0, nil, nil), "", 0},
		"longest":            {gsm7PDU(0, nil, longest), string(longest), 0},
		"longest in UCS2":    {octetPDU(8, nil, units(string(longest[:127]))), string(longest[:127]), 0},
		"padded":             {append(gsm7PDU(0, nil, []byte("text")), 0xFF, 0xFF), "text", Trailing},
		"length of nothing":  {deliverPDU(0, nil, 160, nil), "", Truncated},
		"too long by one":    {deliverPDU(8, nil, 6, units("аб")), "аб", Truncated},
		"UCS2 of odd length": {octetPDU(8, nil, append(units("аб"), 4)), "аб", BadText},
		"UCS2 of one octet":  {octetPDU(8, nil, []byte{4}), "", BadText},
	} {
		m, err := Decode(tt.raw)
		if err != nil || m.Text != tt.want || m.Flaws != tt.flaws {
			t.Errorf("%s: %q, flaws %q, %v", name, m.Text, m.Flaws.Words(), err)
		}
	}
}

func TestSurrogates(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		data  []byte
		want  string
		flaws Flaw
	}{
		"pair":       {units("a😃b"), "a😃b", 0},
		"two highs":  {[]byte{0xD8, 0x3D, 0xD8, 0x3D, 0xDE, 0x03}, "\uFFFD😃", BadText},
		"high, text": {[]byte{0xD8, 0x3D, 0, 'a'}, "\uFFFDa", BadText},
		"high, end":  {[]byte{0, 'a', 0xD8, 0x3D}, "a\uFFFD", BadText},
		"low first":  {[]byte{0xDE, 0x03, 0, 'a'}, "\uFFFDa", BadText},
		"low, high":  {[]byte{0xDE, 0x03, 0xD8, 0x3D}, "\uFFFD\uFFFD", BadText},
	} {
		m, err := Decode(octetPDU(8, nil, tt.data))
		if err != nil || m.Text != tt.want || m.Flaws != tt.flaws {
			t.Errorf("%s: %q, flaws %q, %v, want %q", name, m.Text, m.Flaws.Words(), err, tt.want)
		}
	}
}

// TestPartEndsInHalf: half a character is no flaw of a part, its other half may be
// in the next one.
func TestPartEndsInHalf(t *testing.T) {
	t.Parallel()
	part := []byte{elementConcat8, 3, 1, 2, 1}
	for _, raw := range [][]byte{
		octetPDU(8, part, []byte{0, 'a', 0xD8, 0x3D}),
		gsm7PDU(0, part, []byte{'a', escape}),
	} {
		if m, err := Decode(raw); err != nil || m.Flaws != 0 {
			t.Errorf("%q, flaws %q, %v", m.Text, m.Flaws.Words(), err)
		}
	}
}

func TestOctets(t *testing.T) {
	t.Parallel()
	ports := []byte{elementPorts16, 4, 0x0B, 0x84, 0x23, 0xF0}
	for name, tt := range map[string]struct {
		dcs             byte
		elements        []byte
		data            string
		text, undecoded string
	}{
		"ASCII":           {4, nil, "Code: 1234\r\n", "Code: 1234\r\n", ""},
		"UTF-8":           {4, nil, "код", "код", ""},
		"Latin-1":         {4, nil, "c\xF3digo", "código", ""},
		"binary":          {4, nil, "\x01\x06a", "", "binary user data"},
		"C1 controls":     {4, nil, "a\x9Bb", "", "binary user data"},
		"nothing":         {4, nil, "", "", ""},
		"for application": {4, ports, "text", "", "binary user data"},
		"compressed":      {0x20, nil, "text", "", "compressed user data"},
	} {
		m, err := Decode(octetPDU(tt.dcs, tt.elements, []byte(tt.data)))
		if err != nil || m.Text != tt.text || string(m.Data) != tt.data || m.Undecoded() != tt.undecoded {
			t.Errorf("%s: %q, data %x, undecoded %q, %v", name, m.Text, m.Data, m.Undecoded(), err)
		}
	}
}

// TestWords has a word for every flaw.
func TestWords(t *testing.T) {
	t.Parallel()
	all := ReservedType<<1 - 1
	words := all.Words()
	if len(slices.Compact(slices.Sorted(slices.Values(words)))) != 11 || slices.Contains(words, "") {
		t.Errorf("%q", words)
	}
	if words := Flaw(0).Words(); words != nil {
		t.Errorf("%q", words)
	}
}

// TestAllocations keeps the decoder to the strings that it returns.
func TestAllocations(t *testing.T) {
	raw, err := ParseHex("07919730071111F1000B919746121611F10010811170021222231054747A0E4ACF416190991D9EA343")
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = Decode(raw) }); n > 3 {
		t.Errorf("%v allocations, want 3: service centre, sender, text", n)
	}
}
