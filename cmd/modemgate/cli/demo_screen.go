package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/api"
)

// screen shows a demo while it runs: a table that is drawn again on a terminal, a line
// now and then elsewhere.
type screen struct {
	w     io.Writer
	t     *traffic
	draws bool
	lines int
}

func newScreen(w io.Writer, t *traffic) *screen { return &screen{w: w, t: t, draws: isTerminal(w)} }

func (s *screen) run(ctx context.Context) {
	every := 5 * time.Second
	if s.draws {
		every = 500 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.show()
		}
	}
}

func (s *screen) show() {
	sum := s.t.sum()
	total := fmt.Sprintf("received %d, pushed %d, codes awaited %d, verdicts right %d of %d", sum.received, sum.pushed, sum.codes, sum.right, sum.verdicts)
	if !s.draws {
		sick := 0
		for _, m := range s.t.s.app.Pool().Modems() {
			if m.State != "ready" {
				sick++
			}
		}
		fmt.Fprintf(s.w, "%s, modems not ready %d\n", total, sick)
		return
	}
	perSlot := map[string]int{}
	got, _ := s.t.s.receiver.Deliveries()
	for _, d := range got {
		if n := d.Event.Data.Number; n != nil {
			perSlot[*n]++
		}
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SLOT\tSTATE\tMODEL\tNUMBER\tSIGNAL\tPUSHED")
	for _, m := range s.t.s.app.Pool().Modems() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d dBm\t%d\n", m.Slot, m.State, strings.TrimSpace(m.Model), m.Number, m.SignalDBm, perSlot[m.Number])
	}
	fmt.Fprintln(w, "\nTEST\tNUMBER\tVERDICT\tCAME AFTER\tWHAT DIFFERS\tPLANTED")
	tests, _, _ := s.t.s.app.Pool().Tests("", pool.TestQuery{Query: pool.Query{Limit: 3}})
	for _, v := range tests {
		for _, i := range api.Test(v).Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", protocol.ID(protocol.TestID, uint64(v.ID)), i.Number, or(i.Verdict), cameAfter(&i), safe(differs(&i)), s.t.s.planted.of(or(i.Token)))
		}
	}
	_ = w.Flush() // into memory
	b.WriteString("\n" + total + "\n")
	if s.lines > 0 {
		fmt.Fprintf(s.w, "\x1b[%dA\x1b[J", s.lines)
	}
	s.lines = strings.Count(b.String(), "\n")
	_, _ = io.WriteString(s.w, b.String()) // a demo that nobody sees goes on
}
