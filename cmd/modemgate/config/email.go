package config

import (
	"net/mail"
	"strconv"

	"modemgate/protocol/forward"
)

// Email is what is said of a destination of kind email.
type Email struct {
	Server             string
	Port               int
	TLS, Plain         bool
	Username, Password string
	From               string
	To                 []string
	Subject            *forward.Subject
}

func (l *loader) email(s *section, d *Destination) {
	m := &Email{Username: s.text("username", "")}
	d.Email = m
	insecure := s.flag("insecure", false)
	if u := l.server(s, "smtp", insecure, "smtp", "smtps"); u != nil {
		m.Server, m.TLS = u.Hostname(), u.Scheme == "smtps"
		m.Plain = insecure || private(m.Server)
		m.Port = 587
		if m.TLS {
			m.Port = 465
		}
		if p := u.Port(); p != "" {
			n, err := strconv.Atoi(p)
			if err != nil || n < 1 || n > 65535 {
				s.fault("smtp", "the port must be from 1 to 65535")
			}
			m.Port = n
		}
	}
	m.Password, _ = l.secret(s, "password")
	if (m.Password == "") != (m.Username == "") {
		s.fault("username", "username and password_file belong together")
	}
	m.From = l.address(s, "from", s.text("from", ""))
	to, _ := s.texts("to")
	if len(to) == 0 {
		s.fault("to", "is missing: write who gets the mails, such as [\"duty@example.com\"]")
	}
	for _, text := range to {
		m.To = append(m.To, l.address(s, "to", text))
	}
	if text := s.text("subject", ""); text != "" {
		t, err := forward.ParseSubject(text)
		if err != nil {
			s.fault("subject", "%s", err)
		}
		m.Subject = t
	}
	d.CA = l.roots(s)
}

// address reads one address without a name.
func (l *loader) address(s *section, key, text string) string {
	a, err := mail.ParseAddress(text)
	if err != nil || a.Name != "" {
		s.fault(key, "%q is no address such as duty@example.com", bounded(text))
		return ""
	}
	return a.Address
}
