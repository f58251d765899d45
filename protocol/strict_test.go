package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// TestRead holds the reading of bodies to the table of what is refused, and by which name.
func TestRead(t *testing.T) {
	t.Parallel()
	deep := func(n int) string {
		return `{"match":` + strings.Repeat(`{"from":`, n) + `1` + strings.Repeat("}", n) + `}`
	}
	taken := []string{
		`{}`, ` {"reservation":"res_1","min_count":2,"timeout_s":1.5,"match":{"from":"A"},"since":null} `, "\xef\xbb\xbf{}", `{"kind":"\ud83d\ude00"}`,
		`{"min_count":-0}`,
	}
	for _, body := range taken {
		var into WaitRequest
		if err := Read([]byte(body), &into); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
	for _, c := range []struct {
		body, names string // names: what the error must name; empty: only that it is refused
	}{
		{`{"min_count":1,"min_count":2}`, "min_count"},
		{`{"match":{"from":"A","from":"B"}}`, "from"},
		{`{"MIN_COUNT":1}`, "MIN_COUNT"},
		{`{"match":{"From":"A"}}`, "From"},
		{`{"colour":"red"}`, "colour"},
		{``, ""}, {`null`, ""}, {`[]`, ""}, {`"x"`, ""}, {`{}x`, ""}, {`{}{}`, ""}, {`{"kind":"sms",}`, ""}, {`{'kind':'sms'}`, ""},
		{deep(10_000), ""}, {deep(1_000_000), ""},
		{"{\"kind\":\"s\xffs\"}", ""}, {`{"kind":"\ud800"}`, ""}, {`{"kind":"a\u0000b"}`, ""},
		{`{"min_count":12345678901234567890}`, "min_count"}, {`{"min_count":1e3}`, "min_count"}, {`{"min_count":1.0}`, "min_count"},
		{`{"min_count":"5"}`, "min_count"}, {`{"timeout_s":1e400}`, "timeout_s"}, {`{"timeout_s":NaN}`, ""},
		{`{"kind":5}`, "kind"}, {`{"match":[]}`, "match"}, {`{"since":"yesterday"}`, "since"}, {`{"since":"2026-11-26T10:00:00"}`, "since"},
	} {
		shown := c.body
		if len(shown) > 60 {
			shown = shown[:60]
		}
		var into WaitRequest
		err := Read([]byte(c.body), &into)
		invalid, ok := errors.AsType[*Invalid](err)
		switch {
		case err == nil:
			t.Errorf("%q was taken", shown)
		case !ok:
			t.Errorf("%q: %v is no Invalid", shown, err)
		case !strings.Contains(invalid.Name, c.names):
			t.Errorf("%q: %v does not name %s", shown, err, c.names)
		case len(err.Error()) > 300:
			t.Errorf("%q: an error of %d bytes", shown, len(err.Error()))
		}
	}
}

// FuzzRead reads whatever comes: it never panics, and what it takes, the standard reader
// takes too.
func FuzzRead(f *testing.F) {
	for _, body := range []string{`{}`, `{"kind":"sms","min_count":1}`, `{"match":{"from":"A"}}`, `{"kind":"\ud83d"}`, "\xef\xbb\xbf{}", `{"a":[[[[]]]]}`, `{"since":"2026-01-01T00:00:00Z"}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var into, again WaitRequest
		if err := Read(body, &into); err != nil {
			if _, ok := errors.AsType[*Invalid](err); !ok {
				t.Errorf("%v is no Invalid", err)
			}
			return
		}
		if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), &again); err != nil {
			t.Errorf("%q was taken: %v", body, err)
		}
	})
}
