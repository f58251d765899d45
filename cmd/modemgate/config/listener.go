package config

import (
	"net"
	"net/netip"
	"strconv"
	"time"
)

// api reads where applications call.
func (l *loader) api(s *section, out *Listener) {
	l.listener(s, out, "127.0.0.1:8090")
	insecure := s.flag("insecure", false)
	out.Allow = l.prefixes(s, "allow")
	out.TrustedProxies = l.prefixes(s, "trusted_proxies")
	if !loopback(out.Listen) && out.CertFile == "" && !insecure {
		s.r.fault(s.line("listen"), "insecure", "the API would be open to others without TLS: set tls_cert_file and tls_key_file, "+
			"listen on 127.0.0.1 behind a proxy, or say insecure = true")
	}
	s.done()
}

// admin reads where the operator looks.
func (l *loader) admin(s *section, out *Listener) {
	l.listener(s, out, "127.0.0.1:9108")
	var given bool
	out.Token, given = l.secret(s, "token")
	if given && out.Token != "" && len(out.Token) < minToken {
		s.fault("token_file", "the token must have at least %d characters: make one with modemgate token", minToken)
	}
	if !given && !loopback(out.Listen) {
		s.r.fault(s.line("listen"), "token_file", "the admin endpoint would be open to others: set token_file, or listen on 127.0.0.1")
	}
	s.done()
}

func (l *loader) listener(s *section, out *Listener, def string) {
	out.Listen = s.text("listen", def)
	host, port, err := net.SplitHostPort(out.Listen)
	n, portErr := strconv.Atoi(port)
	if err != nil || portErr != nil || n < 0 || n > 65535 || host != "" && net.ParseIP(host) == nil && host != "localhost" {
		s.fault("listen", "must be an address and a port such as 127.0.0.1:8090")
		out.Listen = def
	}
	out.CertFile, out.KeyFile = s.text("tls_cert_file", ""), s.text("tls_key_file", "")
	if (out.CertFile == "") != (out.KeyFile == "") {
		s.fault("tls_cert_file", "tls_cert_file and tls_key_file belong together")
	}
}

func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (l *loader) prefixes(s *section, key string) []netip.Prefix {
	list, _ := s.texts(key)
	var out []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			if a, err := netip.ParseAddr(text); err == nil {
				p = netip.PrefixFrom(a, a.BitLen())
			} else {
				s.fault(key, "%q is no network such as 192.0.2.0/24", bounded(text))
				continue
			}
		}
		out = append(out, p.Masked())
	}
	return out
}

// modems reads the table [modems].
func (l *loader) modems(s *section, out *Modems) {
	var given bool
	if out.Ports, given = s.texts("ports"); !given {
		out.Ports = []string{"auto"}
	}
	out.Ignore, _ = s.texts("ignore")
	out.Rescan = s.duration("rescan", 2*time.Second, 100*time.Millisecond, time.Hour)
	out.Baud = int(s.number("baud", 115200, 1200, 4000000))
	out.Sysfs = s.text("sysfs", "/sys")
	out.Health = s.duration("health", 8*time.Second, time.Second, time.Hour)
	out.PartialAfter = s.duration("partial_after", 2*time.Minute, time.Second, 24*time.Hour)
	out.Sweep = s.duration("sweep", time.Minute, time.Second, 24*time.Hour)
	switch calls := s.text("calls", "reject"); calls {
	case "reject":
	case "ignore":
		out.LetRing = true
	default:
		s.fault("calls", `must be "reject" or "ignore"`)
	}
	for _, step := range s.words("recovery", nil, "resync", "reopen", "reset", "usb-reset", "port-power") {
		if step == "reset" || step == "usb-reset" || step == "port-power" {
			s.fault("recovery", "%q is not in this version: write [\"resync\", \"reopen\"]", step)
		}
	}
	switch s.text("receive", "auto") {
	case "auto", "stored":
	case "direct":
		s.fault("receive", `"direct" is not in this version: write "auto" or "stored"`)
	default:
		s.fault("receive", `must be "auto" or "stored"`)
	}
	if s.flag("learn_by_sms", false) {
		s.fault("learn_by_sms", "not in this version: take it out")
	}
	s.done()
}

// slots reads the operator's names for USB paths.
func (l *loader) slots(list []*section) map[string]string {
	out := map[string]string{}
	names := map[string]bool{}
	for _, s := range list {
		usb, name := s.text("usb", ""), s.text("name", "")
		switch {
		case usb == "" || name == "":
			s.fault("usb", "a slot needs usb and name")
		case out[usb] != "":
			s.fault("usb", "stands twice")
		case names[name]:
			s.fault("name", "%q stands twice", bounded(name))
		default:
			out[usb], names[name] = name, true
		}
		s.done()
	}
	return out
}
