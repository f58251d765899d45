package cli

import (
	"regexp"
	"sync"

	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol/simulator"
)

// planted is what the demo's provider does with the monitor's messages, and so which
// verdicts are right.
type planted struct {
	hangs string // number of the modem that hangs for a while: it proves nothing then

	mu    sync.Mutex
	n     int
	deeds map[string]pool.Verdict // by token
}

var codeForm = regexp.MustCompile(`\d{6}`)

// behave lets every fifth message go out with an advertisement, and every seventh not at all.
func (p *planted) behave(o simulator.Order) simulator.Deed {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	var d simulator.Deed
	verdict := pool.VerdictPassed
	switch {
	case p.n%7 == 3:
		d.Drop, verdict = true, pool.VerdictFailed
	case p.n%5 == 2:
		d.Text, verdict = o.Text+" Sent by Stand-in!", pool.VerdictDegraded
	}
	p.deeds[codeForm.FindString(o.Text)] = verdict
	return d
}

// of is the verdict that is right for a token.
func (p *planted) of(token string) pool.Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deeds[token]
}

// judge counts how many verdicts of tests that have closed are right.
func (p *planted) judge(from *pool.Pool) (right, all int) {
	tests, _, _ := from.Tests("", pool.TestQuery{State: pool.TestClosed, Query: pool.Query{Limit: 100000}})
	for _, t := range tests {
		for _, i := range t.Items {
			want := p.of(i.Token)
			if want == "" { // the provider was never asked
				continue
			}
			all++
			switch {
			case i.Verdict == want, i.Verdict == pool.VerdictInconclusive && i.Number == p.hangs:
				right++
			case want == pool.VerdictPassed && slow(&i): // this machine was: that is true, too
				right++
			}
		}
	}
	return right, all
}

// slow says whether nothing is wrong with an item but the time that it took.
func slow(i *pool.ItemView) bool {
	return i.Receipt == pool.ReceiptLate || i.Verdict == pool.VerdictDegraded && len(i.Findings) == 1 && i.Findings[0].Code == pool.Slow
}

// hangs is the modem of a rack that hangs for a while.
func hangs(r *modems.Rack) int { return min(2, r.Len()-1) }

func numberOf(r *modems.Rack, modem int) string {
	sim, _ := r.Modem(modem).SIM()
	return sim.MSISDN
}

// deliver puts a provider's message on the card that has the number.
func (s *stage) deliver(to, from, text string) {
	for i := range s.rack.Len() {
		if numberOf(s.rack, i) == to {
			s.rack.Modem(i).Deliver(modems.SMS{From: from, Text: text})
		}
	}
}
