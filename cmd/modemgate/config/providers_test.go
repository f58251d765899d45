package config

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modemgate/pool"
	"modemgate/protocol"
)

// withSecrets loads a file beside secrets that hold their own names.
func withSecrets(t *testing.T, text string, secrets ...string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range secrets {
		text := "secret-of-" + name
		if !strings.HasSuffix(name, ".dlr") { // those stand in a path
			text += "{{x}}"
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "modemgate.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

// TestProviderSamples renders each sample of the manual and reads a receipt as the
// provider writes it.
func TestProviderSamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		secrets []string
		url     string
		header  string // Authorization
		body    []string
		answer  string
		kind    string
		report  string
	}{
		{
			"twilio", []string{"twilio.auth", "twilio.dlr"}, "https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json",
			"secret-of-twilio.auth{{x}}", []string{"To=%2B4915112345678&", "Body=Code+123456+%26+%22more%22&"}, `{"sid":"ID1"}`,
			"application/x-www-form-urlencoded", "MessageSid=ID1&MessageStatus=delivered&AccountSid=AC1",
		},
		{
			"vonage", []string{"vonage.key", "vonage.secret", "vonage.dlr"}, "https://rest.nexmo.com/sms/json", "",
			[]string{`"to":"4915112345678"`, `"text":"Code 123456 & \"more\""`, `"api_secret":"secret-of-vonage.secret{{x}}"`, `"client-ref":"tst_7"`},
			`{"message-count":"1","messages":[{"to":"49","message-id":"ID1","status":"0"}]}`,
			"application/json", `{"messageId":"ID1","status":"delivered","msisdn":"49"}`,
		},
		{
			"infobip", []string{"infobip.auth", "infobip.dlr"}, "https://xxxxx.api.infobip.com/sms/2/text/advanced", "secret-of-infobip.auth{{x}}",
			[]string{`{"to":"4915112345678"}`, `"text":"Code 123456 & \"more\""`}, `{"messages":[{"messageId":"ID1"}]}`,
			"application/json", `{"results":[{"messageId":"ID1","status":{"groupName":"DELIVERED"}}]}`,
		},
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "providers", c.name+".toml"))
		if err != nil {
			t.Fatal(err)
		}
		conf, err := withSecrets(t, string(text), c.secrets...)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		p := conf.Providers[0]
		req, err := p.Request.Make(&pool.Send{Test: 7, Number: "+4915112345678", Text: `Code 123456 & "more"`, Token: "123456"})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		if req.Method != http.MethodPost || req.URL.String() != c.url || req.Header.Get("Authorization") != c.header {
			t.Errorf("%s: %s %s, Authorization %q", c.name, req.Method, req.URL, req.Header.Get("Authorization"))
		}
		for _, want := range c.body {
			if !strings.Contains(string(body), want) {
				t.Errorf("%s: %q is not in %s", c.name, want, body)
			}
		}
		if id := p.ID.FindText([]byte(c.answer)); id != "ID1" {
			t.Errorf("%s: id %q", c.name, id)
		}
		r, err := conf.Reporters[0].Reports.Read(c.kind, []byte(c.report), "")
		if err != nil || r.ID != "ID1" || r.Status != "delivered" {
			t.Errorf("%s: %+v, %v", c.name, r, err)
		}
	}
}

// TestHeaderSecretsAreNoTemplates sends a secret as it stands in its file.
func TestHeaderSecretsAreNoTemplates(t *testing.T) {
	t.Parallel()
	c, err := withSecrets(t, "[[provider]]\nname = \"p\"\nurl = \"https://x.example/{{.Number}}?t={{.Text}}\"\nmethod = \"GET\"\nheaders = { A = { file = \"a\" }, B = \"t {{.Token}}\" }\n", "a")
	if err != nil {
		t.Fatal(err)
	}
	req, err := c.Providers[0].Request.Make(&pool.Send{Number: "+49", Text: "a b&c", Token: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if req.Header.Get("A") != "secret-of-a{{x}}" || req.Header.Get("B") != "t 1" || req.URL.String() != "https://x.example/%2B49?t=a+b%26c" {
		t.Errorf("%v %s", req.Header, req.URL)
	}
}

// TestReports reads receipts in each form that providers use.
func TestReports(t *testing.T) {
	t.Parallel()
	r := protocol.Reports{ID: "/id", Status: "/status", At: "/at", Words: map[string]string{"D": "delivered", "3": "failed"}}
	for _, c := range []struct {
		name, kind, body, query string
		id, status              string
		at                      int64 // Unix s
		fails                   bool
	}{
		{"JSON", "application/json", `{"id":"a","status":"D","at":"2026-01-31T12:00:00Z","more":[1]}`, "", "a", "delivered", 1769860800, false},
		{"numbers", "application/json", `{"id":12345678901234567890,"status":3,"at":1769860800}`, "", "12345678901234567890", "failed", 1769860800, false},
		{"milliseconds", "application/json", `{"id":"a","status":"D","at":1769860800000}`, "", "a", "delivered", 1769860800, false},
		{"a form", "application/x-www-form-urlencoded", "id=a&status=D", "", "a", "delivered", 0, false},
		{"the query", "", "", "id=a&status=D&at=nonsense", "a", "delivered", 0, false},
		{"a word on the way", "application/json", `{"id":"a","status":"ENROUTE"}`, "", "a", "", 0, false},
		{"no id", "application/json", `{"status":"D"}`, "", "", "", 0, true},
		{"no status", "application/json", `{"id":"a"}`, "", "", "", 0, true},
		{"no JSON", "application/json", `<xml/>`, "", "", "", 0, true},
		{"an id that is an object", "application/json", `{"id":{},"status":"D"}`, "", "", "", 0, true},
	} {
		got, err := r.Read(c.kind, []byte(c.body), c.query)
		if (err != nil) != c.fails || !c.fails && (got.ID != c.id || got.Status != c.status || c.at != 0 && got.At.Unix() != c.at || c.at == 0 && !got.At.IsZero()) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}
