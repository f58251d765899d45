package config

import (
	"net/url"
	"strings"

	"modemgate/protocol/forward"
)

// MQTT is what is said of a destination of kind mqtt.
type MQTT struct {
	Broker             *url.URL
	Username, Password string
	Topic              *forward.Topic
	Discovery          bool
}

func (l *loader) mqtt(s *section, d *Destination) {
	m := &MQTT{Username: s.text("username", ""), Discovery: s.flag("discovery", false)}
	d.MQTT = m
	m.Broker = l.server(s, "broker", s.flag("insecure", false), "mqtt", "mqtts")
	m.Password, _ = l.secret(s, "password")
	if m.Password != "" && m.Username == "" {
		s.fault("password_file", "needs a username")
	}
	text := s.text("topic", "")
	if text == "" {
		text = forward.DefaultTopic
	}
	t, err := forward.ParseTopic(text)
	if err != nil {
		s.fault("topic", "%s", err)
	}
	if m.Discovery && strings.Contains(text, ".Data") {
		s.fault("topic", "discovery = true needs a topic of .Host, .Sim and .Type alone: Home Assistant must know it before an event comes")
	}
	m.Topic = t
	d.CA = l.roots(s)
}

// server checks the URL of a server: the scheme with TLS, or the one without to loopback
// and private addresses.
func (l *loader) server(s *section, key string, insecure bool, plain, secure string) *url.URL {
	text := s.text(key, "")
	u, err := url.Parse(text)
	switch {
	case text == "":
		s.fault(key, "is missing: write it as %s://HOST:PORT", secure)
	case err != nil || u.Scheme != plain && u.Scheme != secure || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		s.fault(key, "must be %s://HOST:PORT or %s://HOST:PORT", secure, plain)
	case u.User != nil:
		s.fault(key, "must hold no user or password: use username and password_file")
	case plain == "mqtt" && u.Scheme == plain && !insecure && !private(u.Hostname()):
		s.fault(key, "%s:// beyond loopback and private addresses: use %s://, or say insecure = true", plain, secure)
	case linkLocal(u.Hostname()):
		s.fault(key, "link-local addresses are never called")
	default:
		return u
	}
	return nil
}
