package config

import (
	"crypto/x509"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"

	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/forward"
)

// destinations reads the operator's systems.
func (l *loader) destinations(list []*section, c *Config) {
	names := map[string]bool{}
	for _, s := range list {
		d := Destination{Name: l.name(s, names), Kind: s.text("kind", "webhook")}
		if strings.ContainsRune(d.Name, 0) {
			continue
		}
		d.Events = eventTypes(s.words("events", []string{string(pool.SMSReceived), string(pool.CallReceived)}, knownEvents()...))
		d.Timeout = s.duration("timeout", 15*time.Second, 100*time.Millisecond, 5*time.Minute)
		d.Workers = int(s.number("workers", 8, 1, 256))
		d.Retry = l.schedule(s)
		d.GiveUpAfter = s.duration("give_up_after", 168*time.Hour, time.Minute, 10000*time.Hour)
		d.BacklogRate = s.rate("backlog_rate", 100)
		switch d.Kind {
		case "webhook":
			l.webhook(s, &d)
		case "mqtt":
			l.mqtt(s, &d)
		case "email":
			l.email(s, &d)
		default:
			s.fault("kind", `must be "webhook", "mqtt" or "email"`)
			continue // its other keys are those of its kind
		}
		s.done()
		c.Destinations = append(c.Destinations, d)
		c.Pool.Destinations = append(c.Pool.Destinations, pool.Destination{Name: d.Name, Events: d.Events})
	}
}

// schedule reads the delays between attempts.
func (l *loader) schedule(s *section) []time.Duration {
	def := []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour}
	list, given := s.texts("retry")
	if !given {
		return def
	}
	if len(list) == 0 {
		s.fault("retry", "must have at least one delay")
		return def
	}
	var out []time.Duration
	for _, text := range list {
		out = append(out, s.parseDuration("retry", text, time.Hour, 100*time.Millisecond, 24*time.Hour))
	}
	return out
}

func (l *loader) webhook(s *section, d *Destination) {
	d.URL = s.text("url", "")
	l.target(s, "url", d.URL, s.flag("insecure", false))
	for _, key := range []string{"secret", "old_secret"} {
		text, given := l.secret(s, key)
		if !given {
			if key == "secret" {
				s.fault("secret_file", "a webhook needs a secret: make one with modemgate token")
			}
			continue
		}
		if text == "" {
			continue
		}
		k, err := protocol.ParseSigningKey(text)
		if err != nil {
			s.fault(key+"_file", "%s: make one with modemgate token", err)
			continue
		}
		d.Keys = append(d.Keys, k)
	}
	body, kind := s.text("body", ""), s.text("content_type", "application/json")
	switch s.text("format", "event") {
	case "event":
		if body != "" {
			s.fault("body", `needs format = "template"`)
		}
	case "template":
		if body == "" {
			s.fault("body", `format = "template" needs a body`)
			break
		}
		t, err := forward.ParseTemplate(body, kind, l.host)
		if err != nil {
			s.fault("body", "%s", err)
		}
		d.Template = t
	default:
		s.fault("format", `must be "event" or "template"`)
	}
	d.Headers, _ = l.headerTexts(s)
	d.CA = l.roots(s)
}

// roots reads the operator's own root certificates; nil: the system's count.
func (l *loader) roots(s *section) *x509.CertPool {
	file := s.text("ca_file", "")
	if file == "" {
		return nil
	}
	pem, err := os.ReadFile(file)
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		s.fault("ca_file", "%s can't be read as certificates in PEM", file)
	}
	return roots
}

// target checks a URL: https, or http to loopback and private addresses.
func (l *loader) target(s *section, key, text string, insecure bool) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		s.fault(key, "is missing: write the URL that takes the events")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		s.fault(key, "must begin with https:// (or http:// to loopback and private addresses)")
	case u.User != nil:
		s.fault(key, "must hold no user or password: use headers with { file = \"...\" }")
	case u.Fragment != "":
		s.fault(key, "must have no # part")
	case u.Scheme == "http" && !insecure && !private(u.Hostname()):
		s.fault(key, "http:// beyond loopback and private addresses: use https://, or say insecure = true")
	case linkLocal(u.Hostname()):
		s.fault(key, "link-local addresses are never called")
	}
}

func private(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && (ip.IsLoopback() || ip.IsPrivate())
}

func linkLocal(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLinkLocalUnicast()
}

// headerTexts reads extra headers, whose values may lie in files; secret are those.
func (l *loader) headerTexts(s *section) (out map[string]string, secret map[string]bool) {
	v := s.get("headers", "a table", unstable.InlineTable, unstable.Table)
	if v == nil {
		return nil, nil
	}
	out, secret = map[string]string{}, map[string]bool{}
	for name, value := range v.tab.keys {
		text := value.text
		switch {
		case !headerName(name):
			s.fault("headers", "%q is no name of a header", bounded(name))
		case value.kind == unstable.InlineTable:
			t := &section{r: s.r, t: value.tab, name: "headers." + name}
			file := t.text("file", "")
			t.done()
			secret[name] = true
			var err error
			if text, err = l.readSecret(file); err != nil {
				s.fault("headers", "%s: %s", name, err)
			}
		case value.kind != unstable.String:
			s.fault("headers", "%s must be a string or { file = \"...\" }", name)
		}
		if strings.ContainsAny(text, "\r\n\x00") {
			s.fault("headers", "%s holds a line end", name)
		}
		out[name] = text
	}
	return out, secret
}

func headerName(name string) bool {
	if name == "" {
		return false
	}
	for _, own := range []string{"content-type", "content-length", "host", "webhook-id", "webhook-timestamp", "webhook-signature"} {
		if strings.EqualFold(name, own) {
			return false
		}
	}
	return strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
