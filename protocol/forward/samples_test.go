package forward

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSamples renders every template that the manual offers, for an SMS whose text and
// sender need escaping, and reads the result as its receiver would.
func TestSamples(t *testing.T) {
	t.Parallel()
	const form, object = "application/x-www-form-urlencoded", "application/json"
	text := "a \"quoted\" & 100% <b>line</b>\nand ünïcode 🚪"
	body, err := json.Marshal(map[string]any{
		"type": "sms.received", "id": "evt_7", "timestamp": "2026-01-02T03:04:05.678Z", "data": map[string]any{
			"id": "msg_6", "from": "+49301234567", "number": "+4915112345678", "text": text, "received_at": "2026-01-02T03:04:05.000Z",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &Parcel{ID: "evt_7", SIM: "front \"door\"", Body: body}
	fields := func(rendered []byte) map[string]string {
		out := map[string]string{}
		if values, err := url.ParseQuery(strings.TrimSpace(string(rendered))); err == nil && strings.Contains(string(rendered), "=") && rendered[0] != '{' {
			for name := range values {
				out[name] = values.Get(name)
			}
			return out
		}
		var v map[string]any
		if err := json.Unmarshal(rendered, &v); err != nil {
			t.Errorf("%v in %s", err, rendered)
		}
		for name, value := range v {
			out[name], _ = value.(string)
		}
		return out
	}
	for name, c := range map[string]struct {
		kind string
		want map[string]string
	}{
		"slack":      {object, map[string]string{"text": "*front \"door\"* from +49301234567: " + text}},
		"mattermost": {object, map[string]string{"username": "modemgate", "text": "**front \"door\"** from +49301234567\n" + text}},
		"ntfy":       {object, map[string]string{"topic": "rack", "title": "front \"door\": SMS from +49301234567", "message": text}},
		"twilio":     {form, map[string]string{"MessageSid": "msg_6", "From": "+49301234567", "To": "+4915112345678", "Body": text, "NumMedia": "0"}},
		"kannel":     {form, map[string]string{"id": "msg_6", "from": "+49301234567", "to": "+4915112345678", "text": text, "smsc": "front \"door\""}},
	} {
		source, err := os.ReadFile(filepath.Join("..", "..", "docs", "templates", name+".tmpl"))
		if err != nil {
			t.Error(err)
			continue
		}
		tmpl, err := ParseTemplate(strings.TrimSpace(string(source)), c.kind, "rack")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		rendered, kind, err := tmpl.render(p)
		if err != nil || kind != c.kind {
			t.Errorf("%s: %v, %s", name, err, kind)
			continue
		}
		got := fields(rendered)
		for field, want := range c.want {
			if got[field] != want {
				t.Errorf("%s: %s is %q", name, field, got[field])
			}
		}
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "docs", "templates", "*"))
	if err != nil || len(files) != 5 {
		t.Errorf("%d samples, %v: each needs its case here", len(files), err)
	}
}
