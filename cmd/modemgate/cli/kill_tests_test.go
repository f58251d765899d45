package cli

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"testing"
	"time"

	"modemgate/admin"
	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/simulator"
)

// TestKillsWithTests kills the whole program while a monitor tests delivery. Afterwards
// no provider was asked twice for one item, every test that was begun has closed and was
// told of once, and its verdicts are what was planted, or inconclusive.
func TestKillsWithTests(t *testing.T) {
	kills := 10
	if testing.Short() {
		kills = 3
	}
	k := newKilling(t)
	p := &planted{deeds: map[string]pool.Verdict{}}
	provider, err := simulator.NewProvider(simulator.ProviderOptions{From: "SHOP", Behave: p.behave, Deliver: func(to, from, text string) {
		for i := range k.rack.Len() {
			if numberOf(k.rack, i) == to {
				k.rack.Modem(i).Deliver(modems.SMS{From: from, Text: text})
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, provider) })
	secret := filepath.Join(filepath.Dir(k.config), "crm.whsec")
	f, err := os.OpenFile(k.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, `[[destination]]
name = "ci"
url = %q
secret_file = %q
events = ["test.finished"]
%s`, k.receiver.URL(), secret, monitorConfig(provider.URL(), 6))
	closing(t, f)
	for range kills {
		k.start()
		pauseFor(t, 2*time.Second+rand.N(4*time.Second))
		k.kill()
	}
	k.start()
	defer k.end()
	ask := newClient(filepath.Join(filepath.Dir(k.config), "data", "control.sock"))
	rows := k.settled(ask)
	k.askedOnce(provider, rows)
	told := k.finished()
	counts := map[string]int{}
	for _, row := range rows {
		if n := told[row.ID]; n != 1 {
			t.Errorf("%s was told of by %d events", row.ID, n)
		}
		for _, i := range row.Items {
			v := or(i.Verdict)
			counts[v]++
			want := p.of(or(i.Token))
			slow := want == pool.VerdictPassed && v == string(pool.VerdictDegraded) && len(i.Findings) == 1 && i.Findings[0].Code == string(pool.Slow) // a kill came between
			if v != string(want) && v != string(pool.VerdictInconclusive) && v != string(pool.VerdictSkipped) && !slow {
				t.Errorf("%s, item %d: %s, want %s: %s", row.ID, i.N, v, want, differs(&i))
			}
		}
	}
	t.Logf("%d tests, %d kills, %v; latency off by %s", len(rows), len(k.kills), counts, k.latencies(ask))
}

// monitorConfig is a provider, and a monitor that tests so many numbers every second.
func monitorConfig(provider string, count int) string {
	return fmt.Sprintf(`[[provider]]
name = "main"
url = %q
body = '{"to":{{json .Number}},"text":{{json .Text}}}'
id_pointer = "/id"
daily_messages = 100000
[[monitor]]
name = "codes"
provider = "main"
select = { each = "number", count = %d }
interval = "1s"
interval_failing = "1s"
jitter = 0.0
deadline = "4s"
degraded = "3s"
late = "1s"
texts = ["otp"]
daily_messages = 100000
expect = { from = ["SHOP"] }
`, provider, count)
}

// askedOnce holds what a provider was asked against the items of tests: a token that was
// drawn for one may be drawn again for another when that is over.
func (k *killing) askedOnce(provider *simulator.Provider, rows []admin.TestRow) {
	k.t.Helper()
	items, orders := map[string]int{}, map[string]int{} // by number and token
	for _, row := range rows {
		for _, i := range row.Items {
			items[i.Number+or(i.Token)]++
		}
	}
	for _, o := range provider.Orders() {
		key := o.To + codeForm.FindString(o.Text)
		if orders[key]++; orders[key] > items[key] {
			k.t.Errorf("the provider was asked %d times for %d items: %s", orders[key], items[key], key)
		}
	}
}

// settled pauses the monitor and waits until no test is open and every event has come.
func (k *killing) settled(ask *client) (rows []admin.TestRow) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), 4*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	length, why := "24h", "the test ends"
	paused := false
	for {
		if !paused && judged(rows) {
			paused = ask.call(ctx, http.MethodPost, "/api/v1/monitors/codes/pause", admin.PauseRequest{For: &length, Why: &why}, nil) == nil
		}
		var err error
		rows, err = pages[admin.TestRow](ctx, ask, "/api/v1/tests", 0)
		open := 0
		for _, row := range rows {
			if row.State == string(pool.TestOpen) {
				open++
			}
		}
		if err == nil && paused && open == 0 && len(k.finished()) >= len(rows) {
			return rows
		}
		select {
		case <-ctx.Done():
			k.t.Fatalf("%d of %d tests are open, %d told of; %v", open, len(rows), len(k.finished()), err)
		case <-tick.C:
		}
	}
}

// judged says whether enough has been judged to say something: a kill makes what is open
// inconclusive.
func judged(rows []admin.TestRow) bool {
	n := map[string]int{}
	for _, row := range rows {
		for _, i := range row.Items {
			n[or(i.Verdict)]++
		}
	}
	return len(rows) >= 5 && n[string(pool.VerdictPassed)] >= 10 && n[string(pool.VerdictFailed)] > 0 && n[string(pool.VerdictDegraded)] > 0
}

// finished are the tests that the receiver was told of, with how many events did.
func (k *killing) finished() map[string]int {
	got, _ := k.receiver.Deliveries()
	events := map[string]map[string][]byte{}
	for _, d := range got {
		if d.Event.Type != string(pool.TestFinished) {
			continue
		}
		id := d.Event.Data.ID
		if events[id] == nil {
			events[id] = map[string][]byte{}
		}
		if before, again := events[id][d.ID]; again && !bytes.Equal(before, d.Body) {
			k.t.Errorf("%s came again with other bytes", d.ID)
		}
		events[id][d.ID] = d.Body
	}
	out := map[string]int{}
	for id, by := range events {
		out[id] = len(by)
	}
	return out
}

// ready waits until every modem is.
func (k *killing) ready(ask *client) {
	k.t.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		rows, err := pages[admin.ModemRow](k.t.Context(), ask, "/api/v1/modems?state=ready", 0)
		if err == nil && len(rows) == k.rack.Len() {
			return
		}
		select {
		case <-limit.C:
			k.t.Fatalf("%d of %d modems are ready, %v", len(rows), k.rack.Len(), err)
		case <-tick.C:
		}
	}
}

// latencies tests each number some times, sent by hand, and holds the latencies that are
// reported against the rack's log: from the time that was said to the announcement.
func (k *killing) latencies(ask *client) string {
	k.t.Helper()
	k.ready(ask)
	var off []float64
	for n := range 480 {
		modem := n % k.rack.Len()
		at := time.Now().Truncate(time.Millisecond)
		sent, text, deadline := protocol.Time(at), "by hand {token}", 20.0
		var row admin.TestRow
		if err := ask.call(k.t.Context(), http.MethodPost, "/api/v1/tests", protocol.TestRequest{
			Select: &protocol.TestSelect{Numbers: &[]string{numberOf(k.rack, modem)}}, Text: &text, SentAt: &sent, Deadline: &deadline,
		}, &row); err != nil {
			k.t.Fatal(err)
		}
		id := k.rack.Modem(modem).Deliver(modems.SMS{From: "SHOP", Text: *row.Items[0].Text})[0]
		if err := ask.call(k.t.Context(), http.MethodGet, "/api/v1/tests/"+row.ID+"?wait_s=50", nil, &row); err != nil {
			k.t.Fatal(err)
		}
		for _, e := range k.rack.Events() {
			if e.MessageID == id && e.Kind == modems.Announced && row.Items[0].Latency != nil {
				truth := e.At.Sub(at).Seconds()
				off = append(off, 1000*max(*row.Items[0].Latency-truth, truth-*row.Items[0].Latency))
			}
		}
	}
	if len(off) < 400 {
		k.t.Errorf("only %d latencies were reported", len(off))
		return ""
	}
	sort.Float64s(off)
	return fmt.Sprintf("p50 %.2f ms, p99 %.2f ms of %d", off[len(off)/2], off[len(off)*99/100], len(off))
}
