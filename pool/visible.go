package pool

import "time"

// An application sees what belongs to its own tests, and to its own reservations when the
// sender is one that it has named, and what belongs to no reservation or test on the SIMs in its selection
// now. What is another's stays hidden for ever.

// sees is the one place that decides about messages and calls.
func (p *Pool) sees(app *App, iccid, holder string, test ID, from string) bool {
	if test != 0 {
		return holder == app.Name
	}
	if holder != "" {
		return holder == app.Name && fromOneOf(app.Senders, from)
	}
	if !app.Can(ScopeRead) {
		return false
	}
	s := p.sims[iccid]
	return s != nil && app.selected(s)
}

// Sees says whether an application sees a message.
func (p *Pool) Sees(app string, m *Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.apps[app]
	return a != nil && p.sees(a, m.ICCID, m.App, m.Test, m.From)
}

// SeesCall says whether an application sees a call.
func (p *Pool) SeesCall(app string, c *Call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.apps[app]
	return a != nil && p.sees(a, c.ICCID, c.App, c.Test, c.From)
}

// Message reads one message that an application sees. The reading is audited; nothing waits for that.
func (p *Pool) Message(app string, id ID) (*Message, error) {
	m, ok := p.store.Message(id)
	if !ok || !p.Sees(app, m) {
		return nil, refuse(NotFound, "")
	}
	p.Reads(app, m.ICCID)
	return m, nil
}

type readKey struct{ app, iccid string }

// Reads audits that an application reads texts of a card: one entry a card and minute.
// Nothing waits for it.
func (p *Pool) Reads(app, iccid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	key := readKey{app, iccid}
	if at, ok := p.reads[key]; ok && now.Sub(at) < time.Minute {
		return
	}
	for k, at := range p.reads {
		if now.Sub(at) >= time.Minute {
			delete(p.reads, k)
		}
	}
	p.reads[key] = now
	p.submit(&Change{Audit: []Audit{{At: now.UTC().Round(0), Who: "app " + app, What: "messages.read", Subject: iccid}}}, nil)
}

// Call reads one call that an application sees.
func (p *Pool) Call(app string, id ID) (*Call, error) {
	c, ok := p.store.Call(id)
	if !ok || !p.SeesCall(app, c) {
		return nil, refuse(NotFound, "")
	}
	return c, nil
}
