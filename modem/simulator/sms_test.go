package simulator

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"modemgate/modem/pdu"
)

// TestEncodeRecorded compares with PDUs that real service centres sent.
func TestEncodeRecorded(t *testing.T) {
	t.Parallel()
	zone := func(hours int) *time.Location { return time.FixedZone("", hours*3600) }
	for _, c := range []struct {
		name string
		sms  SMS
		want string // TPDU
	}{
		{
			"ucs2", SMS{From: "+79642161111", Text: "Привет, мир!", SentAt: time.Date(2018, 11, 8, 20, 21, 22, 0, zone(8))},
			"040B919746121611F100088111800212222318041F04400438043204350442002C0020043C043804400021",
		},
		{
			"extension table", SMS{From: "+79642161111", Text: "{test}", SentAt: time.Date(2018, 11, 7, 20, 21, 22, 0, zone(8))},
			"040B919746121611F1000081117002122223081B14BD3CA76F52",
		},
		{
			"flash", SMS{From: "+79642161111", Text: "This is a flash!", Class: Class0, SentAt: time.Date(2018, 11, 7, 20, 21, 22, 0, zone(8))},
			"040B919746121611F10010811170021222231054747A0E4ACF416190991D9EA343",
		},
		{
			"name as sender", SMS{From: "Telfort", Text: "Welcome to Telfort", SentAt: time.Date(2011, 12, 13, 13, 12, 11, 0, zone(1))},
			"040DD0D432DBFC96D30100001121313121114012D7327BFC6E9741F437885A669BDF723A",
		},
		{
			"part of two", SMS{
				From: "+79642161111", Parts: []string{"Hakuna", " matata"}, Ref: 46, Order: []int{1},
				SentAt: time.Date(2001, 10, 16, 19, 26, 32, 0, zone(8)),
			},
			"440B919746121611F10000100161916223230D0500032E020190E175DD1D06",
		},
		{
			"part of three, wide", SMS{
				From: "+79642161111", Parts: []string{"What's", " up,", " man?"}, Ref: 0x1234, Wide: true, Order: []int{3},
				SentAt: time.Date(2018, 11, 7, 20, 21, 24, 0, zone(8)),
			},
			"440B919746121611F10000811170021242230D06080412340303A076D8FD03",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			raw := c.sms.PDUs()[0]
			got := strings.ToUpper(hex.EncodeToString(raw[1+raw[0]:]))
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestEncodeRoundTrip holds the encoder against the product's decoder.
func TestEncodeRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		alphabet := rapid.SampledFrom([]string{"abc {}[]€@ΔÑ1\n", "aбя😀 ."}).Draw(t, "alphabet")
		s := SMS{
			From:   rapid.SampledFrom([]string{"+79161234567", "900", "VK", "Тинькофф", "Some11chars"}).Draw(t, "from"),
			Text:   rapid.StringOfN(rapid.RuneFrom([]rune(alphabet)), 0, 600, -1).Draw(t, "text"),
			Ref:    rapid.IntRange(0, 1<<17).Draw(t, "ref"),
			Wide:   rapid.Bool().Draw(t, "wide"),
			Class:  Class(rapid.IntRange(0, 4).Draw(t, "class")),
			SentAt: time.Unix(rapid.Int64Range(1e9, 2e9).Draw(t, "at"), 0).In(time.FixedZone("", 900*rapid.IntRange(-48, 48).Draw(t, "zone"))),
		}
		var parts []pdu.Message
		for i, raw := range s.PDUs() {
			if r := routeOf(raw); r.class != s.Class || r.report || r.store || r.length != len(raw)-1-int(raw[0]) {
				t.Fatalf("read back as %+v", r)
			}
			m, err := pdu.Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			from := s.From
			if from == "Тинькофф" {
				from = "unknown"
			}
			if m.Type != pdu.Deliver || m.Address != from || !m.SentAt.Equal(s.SentAt) || m.Class != int(s.Class)-1 || m.SMSC != smsc {
				t.Fatalf("part %d: %+v", i+1, m)
			}
			parts = append(parts, m)
		}
		if got := pdu.Join(parts); got != s.Text {
			t.Fatalf("got %q, want %q", got, s.Text)
		}
		if len(parts) > 1 {
			mask := 0xff
			if s.Wide {
				mask = 0xffff
			}
			want := pdu.Concat{Ref: s.Ref & mask, Total: len(parts), Seq: 1, Wide: s.Wide}
			if diff := cmp.Diff(parts[0].Concat, want); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func TestPartsOutOfOrder(t *testing.T) {
	t.Parallel()
	s := SMS{From: "1", Text: strings.Repeat("0123456789", 40), Order: []int{3, 1, 1, 7}}
	var got []int
	for _, raw := range s.PDUs() {
		m, err := pdu.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Concat.Seq)
	}
	if diff := cmp.Diff(got, []int{3, 1, 1}); diff != "" {
		t.Error(diff)
	}
}

// TestSplitSurrogates shows that a long UCS2 message may be cut within a letter.
func TestSplitSurrogates(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("😀", 40)
	raws := SMS{From: "1", Text: text}.PDUs()
	first, err := pdu.Decode(raws[0])
	if err != nil {
		t.Fatal(err)
	}
	second, err := pdu.Decode(raws[1])
	if err != nil {
		t.Fatal(err)
	}
	if got := pdu.Join([]pdu.Message{first, second}); got != text {
		t.Errorf("joined: %q", got)
	}
	if n := utf8.RuneCountInString(text); n != 40 || len(raws) != 2 {
		t.Errorf("%d parts of %d letters", len(raws), n)
	}
}

func TestRouteOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pdu  string
		want route
	}{
		{"", route{length: 0}},
		{"07", route{length: 1}},
		{"0004", route{length: 1}},
		{"000003", route{length: 2}},
		{"00040B919746121611F100008111", route{length: 13}},
		{"00040B919746121611F100F1", route{length: 11, class: Class1}},
		{"00040B919746121611F10052", route{length: 11, class: Class2}}, // to be deleted automatically, class 2
		{"00040B919746121611F100D8", route{length: 11, store: true}},
		{"00040B919746121611F100C8", route{length: 11}}, // indication to be discarded
		{"0006", route{length: 1, report: true}},
	} {
		raw, err := hex.DecodeString(c.pdu)
		if err != nil {
			t.Fatal(err)
		}
		if got := routeOf(raw); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.pdu, got, c.want)
		}
	}
}

// TestPackedUSSD uses an answer that a Huawei stick gave.
func TestPackedUSSD(t *testing.T) {
	t.Parallel()
	const text, packed = "OCTATOK 0.51 p.", "CF2135487D2E4130572D0682BB1A"
	septets, isGSM := toGSM7(text)
	if got := strings.ToUpper(hex.EncodeToString(packUSSD(septets))); !isGSM || got != packed {
		t.Errorf("packed: got %s, want %s", got, packed)
	}
	raw, err := hex.DecodeString(packed)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimRight(fromGSM7(unpack7(raw)), "\r"); got != text {
		t.Errorf("unpacked: got %q, want %q", got, text)
	}
}
