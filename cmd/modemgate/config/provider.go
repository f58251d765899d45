package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"

	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/api"
	"modemgate/protocol/trigger"
)

const minReportSecret = 12 // characters of a secret in a path

// providers reads how the operator's SMS providers are asked to send.
func (l *loader) providers(list []*section, c *Config) {
	names := map[string]bool{}
	for _, s := range list {
		p := trigger.Provider{Name: l.name(s, names)}
		text := trigger.RequestText{
			URL: s.text("url", ""), Method: s.text("method", http.MethodPost), Body: s.text("body", ""),
			ContentType: s.text("content_type", "application/json"), Secrets: l.namedSecrets(s),
		}
		switch text.Method {
		case http.MethodGet, http.MethodPost, http.MethodPut:
		default:
			s.fault("method", `must be "GET", "POST" or "PUT"`)
		}
		// What a template puts in stands behind the host: the host itself is checked as written.
		l.target(s, "url", literalURL(text.URL), s.flag("insecure", false))
		headers, secret := l.headerTexts(s)
		text.Headers = map[string]string{}
		for name, value := range headers {
			if text.Headers[name] = value; secret[name] { // as it stands in its file, whatever it holds
				text.Secrets["header "+name] = value
				text.Headers[name] = fmt.Sprintf("{{index .Secret %q}}", "header "+name)
			}
		}
		if text.URL != "" {
			request, err := trigger.ParseRequest(text)
			if fault, ok := errors.AsType[*trigger.ParseError](err); ok {
				s.fault(fault.Key, "%s", fault.Why)
			}
			p.Request = request
		}
		p.Accepted = l.accepted(s)
		p.ID = s.pointer("id_pointer", "")
		p.Timeout = s.duration("timeout", 15*time.Second, 100*time.Millisecond, 5*time.Minute)
		daily := s.number("daily_messages", 500, 0, 1000000)
		reporter, reports := l.reports(s, p.Name)
		s.done()
		c.Providers = append(c.Providers, p)
		c.Pool.Providers = append(c.Pool.Providers, pool.Provider{Name: p.Name, DailyMessages: int(daily), Reports: reports})
		if reports {
			c.Reporters = append(c.Reporters, reporter)
		}
	}
}

// literalURL is a URL up to the first thing that a template puts in.
func literalURL(text string) string {
	literal, _, _ := strings.Cut(text, "{{")
	return literal
}

// namedSecrets reads secrets = { NAME = "file" }, for templates to use as .Secret.NAME.
func (l *loader) namedSecrets(s *section) map[string]string {
	out := map[string]string{}
	v := s.get("secrets", "a table of names and files", unstable.InlineTable, unstable.Table)
	if v == nil {
		return out
	}
	for name, value := range v.tab.keys {
		if value.kind != unstable.String {
			s.fault("secrets", "%s must name a file", bounded(name))
			continue
		}
		text, err := l.readSecret(value.text)
		if err != nil {
			s.fault("secrets", "%s: %s", bounded(name), err)
		}
		out[name] = text
	}
	return out
}

func (l *loader) accepted(s *section) []int {
	v := s.get("accepted", "a list of status codes", unstable.Array)
	if v == nil {
		return []int{200, 201, 202}
	}
	var out []int
	for _, e := range v.list {
		n, err := e.number()
		if e.kind != unstable.Integer || err != nil || n < 200 || n > 599 {
			s.fault("accepted", "must be a list of status codes from 200 to 599")
			break
		}
		out = append(out, int(n))
	}
	if len(v.list) == 0 {
		s.fault("accepted", "must have at least one status code")
	}
	return out
}

// pointer reads a JSON pointer.
func (s *section) pointer(key, def string) protocol.Pointer {
	p, err := protocol.ParsePointer(s.text(key, def))
	if err != nil {
		s.fault(key, "%s", err)
	}
	return p
}

// reports reads the table dlr; false: the provider sends no receipts.
func (l *loader) reports(s *section, provider string) (out api.Reporter, given bool) {
	if !s.has("dlr") {
		s.t.used["dlr"] = true
		return out, false
	}
	t := s.sub("dlr")
	secret, given := l.secret(t, "secret")
	out = api.Reporter{Provider: provider, Secret: sha256.Sum256([]byte(secret)), Reports: protocol.Reports{
		ID: t.pointer("id", "/id"), Status: t.pointer("status", "/status"), At: t.pointer("at", ""), Words: map[string]string{},
	}}
	words := t.get("words", "a table of the provider's words", unstable.InlineTable, unstable.Table)
	if words != nil {
		for word, value := range words.tab.keys {
			switch value.text {
			case "delivered", "failed", "expired", "rejected":
				out.Reports.Words[word] = value.text
			default:
				t.fault("words", "%s: must mean delivered, failed, expired or rejected", bounded(word))
			}
		}
	}
	t.done()
	switch {
	case !given || secret == "": // written out, and left empty: none are sent
		return out, false
	case len(secret) < minReportSecret || strings.ContainsAny(secret, "/?#% "):
		t.fault("secret_file", "the secret stands in a URL: at least %d letters and digits, made with modemgate token", minReportSecret)
	case len(out.Reports.Words) == 0:
		t.fault("words", `must say what the provider's words mean, such as { DELIVRD = "delivered" }`)
	}
	return out, true
}
