package pdu

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// vector is an entry of testdata/pdu.json: a PDU from the tests or issues of other
// projects, and what is right about it.
type vector struct {
	ID     string
	Input  string
	Group  string
	Expect map[string]any
}

func vectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/pdu.json")
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil {
		t.Fatal(err)
	}
	if len(vs) != 115 {
		t.Fatalf("%d vectors, want 115", len(vs))
	}
	return vs
}

// described is Describe as a script sees it.
func described(t testing.TB, input string) map[string]any {
	t.Helper()
	b, err := json.Marshal(Describe(input))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			got := described(t, v.Input)
			if got["parse"] != v.Expect["parse"] {
				t.Fatalf("parse %v, want %v: %v", got["parse"], v.Expect["parse"], got)
			}
			for field, want := range v.Expect {
				switch field {
				case "group_text": // TestVectorGroups
				case "text_prefix":
					if text, _ := got["text"].(string); text != want {
						t.Errorf("text\n got %q\nwant %q", text, want)
					}
				case "timestamp_utc":
					at, err := time.Parse(time.RFC3339, got["timestamp"].(string))
					if err != nil {
						t.Fatal(err)
					}
					if utc := at.UTC().Format(time.RFC3339); utc != want {
						t.Errorf("timestamp in UTC %s, want %s", utc, want)
					}
				default:
					if diff := cmp.Diff(got[field], want); diff != "" {
						t.Errorf("%s (-got +want)\n%s", field, diff)
					}
				}
			}
			// What is not expected must not be invented either.
			for _, field := range []string{"concat", "ports", "class"} {
				if _, ok := v.Expect[field]; !ok && got[field] != nil {
					t.Errorf("%s %v, want none", field, got[field])
				}
			}
		})
	}
}

// TestVectorGroups joins the vectors that are the parts of one message.
func TestVectorGroups(t *testing.T) {
	t.Parallel()
	type long struct {
		want  string
		parts []Message
	}
	groups := map[string]*long{}
	for _, v := range vectors(t) {
		want, ok := v.Expect["group_text"].(string)
		if !ok {
			continue
		}
		m, err := DecodeHex(v.Input)
		if err != nil {
			t.Fatal(err)
		}
		if groups[v.Group] == nil {
			groups[v.Group] = &long{want: want, parts: make([]Message, m.Concat.Total)}
		}
		groups[v.Group].parts[m.Concat.Seq-1] = m
	}
	if len(groups) != 3 {
		t.Fatalf("%d groups, want 3", len(groups))
	}
	for name, g := range groups {
		if diff := cmp.Diff(Join(g.parts), g.want); diff != "" {
			t.Errorf("%s (-got +want)\n%s", name, diff)
		}
	}
}

// TestRefused holds for each PDU that is an error whether that is for want of a
// header or because it contradicts itself, and what is read of the latter.
func TestRefused(t *testing.T) {
	t.Parallel()
	want := map[string]struct {
		err  error
		text string
	}{
		"pdu-python-gsmmodem-729cd8b1": {err: ErrHex},
		"pdu-python-gsmmodem-e2e165ef": {err: ErrHex},
		"pdu-gammu-cc3c4e0c":           {err: ErrHex},
		"pdu-python-gsmmodem-22dac890": {err: ErrType},
		"pdu-gammu-105ad020":           {err: ErrType},
		"pdu-gammu-d522b19b":           {err: ErrType},
		"pdu-gammu-534ce0d9":           {err: ErrAddress},
		"pdu-gammu-df59d7ae":           {err: ErrAddress},
		"pdu-gammu-a7a0057b":           {err: ErrAddress},
		"pdu-modemmanager-60c2af7a":    {err: ErrShort},
		"pdu-modemmanager-91e0483d":    {text: "hellohello"}, // of eleven
		"pdu-modemmanager-95cba9ef":    {text: ""},
	}
	for _, v := range vectors(t) {
		if v.Expect["parse"] != "error" {
			continue
		}
		w, ok := want[v.ID]
		if !ok {
			t.Errorf("%s: not decided", v.ID)
			continue
		}
		m, err := DecodeHex(v.Input)
		if !errors.Is(err, w.err) || m.Text != w.text {
			t.Errorf("%s: %q, %v, want %q, %v", v.ID, m.Text, err, w.text, w.err)
		}
		delete(want, v.ID)
	}
	if len(want) != 0 {
		t.Errorf("no such vectors: %v", want)
	}
}

// TestVectorTruncated decodes every vector cut at every octet: what is read must be
// a beginning of what the whole says.
func TestVectorTruncated(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		raw, err := ParseHex(v.Input)
		if err != nil {
			continue
		}
		whole, err := Decode(raw)
		if err != nil || whole.Flaws&BadHeader != 0 {
			continue
		}
		for n := range raw {
			m, err := Decode(slices.Clip(raw[:n:n]))
			if err != nil {
				continue
			}
			sound(t, m)
			text := strings.TrimRight(m.Text, "\uFFFD")
			if m.Alphabet != Octets && !strings.HasPrefix(whole.Text, text) {
				t.Errorf("%s cut to %d octets: %q is not how %q begins", v.ID, n, m.Text, whole.Text)
			}
			if m.Address != whole.Address || m.SMSC != whole.SMSC || !m.SentAt.Equal(whole.SentAt) {
				t.Errorf("%s cut to %d octets: another header", v.ID, n)
			}
			if len(m.Text) < len(whole.Text) && m.Flaws&Truncated == 0 {
				t.Errorf("%s cut to %d octets: text lost without a flaw", v.ID, n)
			}
		}
	}
}
