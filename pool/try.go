package pool

import "time"

// Hop is a destination that a message goes to, and by which route.
type Hop struct {
	Destination string
	Route       string // empty: there are no routes
}

// TryRoutes says where a message of the past would go by a configuration's routes, with
// its card as it is known now and the clock as it was at its arrival; conf nil: the
// configuration that is in force. routed is false when no route takes it.
func (p *Pool) TryRoutes(conf *Config, m *Message) (out []Hop, routed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if conf == nil {
		conf = p.config
	}
	text := ""
	if m.Text != nil {
		text = *m.Text
	}
	at := m.CompletedAt
	if at.IsZero() {
		at = time.Now()
	}
	hops, routed := conf.route(&subject{sim: p.sims[m.ICCID], from: m.From, text: text, kind: eventOf(m.Kind), at: at, test: m.Test != 0})
	for _, h := range hops {
		out = append(out, Hop{h.destination, h.route})
	}
	return out, routed
}
