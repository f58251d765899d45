package pool

import "testing"

// TestSees asks, for two applications whose selections overlap, who sees a message or an
// event: of the own reservation only what comes from the own senders, of another's
// nothing, of nobody's what lies in the selection now.
func TestSees(t *testing.T) {
	t.Parallel()
	shop := App{Name: "shop", Scopes: []Scope{ScopeRead, ScopeReserve}, Senders: []string{"SHOP", "+49301234*"}, Select: Selection{Tags: []string{"qa"}}}
	bank := App{Name: "bank", Scopes: []Scope{ScopeRead, ScopeReserve}, Senders: []string{"BANK"}, Select: Selection{All: true}}
	tests := App{Name: "tests", Scopes: []Scope{ScopeReserve}, Senders: []string{"SHOP"}, Select: Selection{All: true}}
	p := &Pool{apps: map[string]*App{"shop": &shop, "bank": &bank, "tests": &tests}, sims: map[string]*sim{
		"A": {SIM: SIM{ICCID: "A"}, tags: []string{"qa"}}, "B": {SIM: SIM{ICCID: "B"}},
	}}
	for name, c := range map[string]struct {
		m                 Message
		shop, bank, tests bool
	}{
		"nobody's, in both selections":       {Message{ICCID: "A", From: "X"}, true, true, false},
		"nobody's, in one":                   {Message{ICCID: "B", From: "X"}, false, true, false},
		"of a card that is not known":        {Message{From: "X"}, false, false, false},
		"its own, its sender":                {Message{ICCID: "A", App: "shop", From: "SHOP"}, true, false, false},
		"its own, its sender without case":   {Message{ICCID: "A", App: "shop", From: "Shop"}, true, false, false},
		"its own, its sender by begin":       {Message{ICCID: "A", App: "shop", From: "+49301234567"}, true, false, false},
		"its own, a stranger":                {Message{ICCID: "A", App: "shop", From: "BANK"}, false, false, false},
		"its own, no sender":                 {Message{ICCID: "A", App: "shop"}, false, false, false},
		"its own, no longer in its choice":   {Message{ICCID: "B", App: "shop", From: "SHOP"}, true, false, false},
		"another's, whose sender both named": {Message{ICCID: "A", App: "tests", From: "SHOP"}, false, false, true},
		"of an application that is gone":     {Message{ICCID: "A", App: "gone", From: "SHOP"}, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for app, want := range map[string]bool{"shop": c.shop, "bank": c.bank, "tests": c.tests, "nobody": false} {
				if p.Sees(app, &c.m) != want {
					t.Errorf("%s sees the message: %v", app, !want)
				}
				call := Call{ICCID: c.m.ICCID, App: c.m.App, From: c.m.From}
				if p.SeesCall(app, &call) != want {
					t.Errorf("%s sees the call: %v", app, !want)
				}
				if p.SeesEvent(app, &Event{Message: 1}, &c.m) != want || p.SeesEvent(app, &Event{Call: &call}, nil) != want {
					t.Errorf("%s sees the event: %v", app, !want)
				}
			}
		})
	}
	for name, c := range map[string]struct {
		ev                Event
		shop, bank, tests bool
	}{
		"the end of its reservation": {Event{Reservation: &Reservation{App: "shop"}}, true, false, false},
		"a modem of its choice":      {Event{Modem: &ModemNews{ICCID: "A"}}, true, true, false},
		"another's modem":            {Event{Modem: &ModemNews{ICCID: "B"}}, false, true, false},
		"a modem without a card":     {Event{Modem: &ModemNews{}}, false, false, false},
		"a delivery given up":        {Event{Exhaustion: &Exhaustion{}}, false, false, false},
		"an alarm":                   {Event{Alarm: &Alarm{}}, false, false, false},
		"a test of a destination":    {Event{Ping: "crm"}, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for app, want := range map[string]bool{"shop": c.shop, "bank": c.bank, "tests": c.tests} {
				if p.SeesEvent(app, &c.ev, nil) != want {
					t.Errorf("%s sees it: %v", app, !want)
				}
			}
		})
	}
}
