package cli

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"modemgate/admin"
	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/simulator"
)

// newTestDesk is a desk with a provider and a monitor. The provider does what a text
// begins with.
func newTestDesk(t *testing.T, n int) *desk {
	t.Helper()
	var d *desk
	running := make(chan struct{})
	provider, err := simulator.NewProvider(simulator.ProviderOptions{
		From: "SHOP",
		Behave: func(o simulator.Order) simulator.Deed {
			switch {
			case strings.HasPrefix(o.Text, "suffix"):
				return simulator.Deed{Text: o.Text + " STOP"}
			case strings.HasPrefix(o.Text, "drop"):
				return simulator.Deed{Drop: true}
			}
			return simulator.Deed{}
		},
		Deliver: func(to, from, text string) {
			select {
			case <-running:
			case <-t.Context().Done():
				return
			}
			for i := range d.rack.Len() {
				if numberOf(d.rack, i) == to {
					d.rack.Modem(i).Deliver(modems.SMS{From: from, Text: text})
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, provider) })
	d = newDesk(t, n, fmt.Sprintf(`[[provider]]
name = "main"
url = %q
body = '{"to":{{json .Number}},"text":{{json .Text}}}'
daily_messages = 1000
[[monitor]]
name = "codes"
provider = "main"
select = { each = "number", count = 1 }
interval = "24h"
deadline = "30s"
texts = ["otp"]
daily_messages = 100
`, provider.URL()))
	close(running)
	return d
}

// TestTestCommands runs tests as a person and a CI system would: the row of each number,
// the difference, the exit status, JSON and JUnit XML.
func TestTestCommands(t *testing.T) {
	t.Parallel()
	d := newTestDesk(t, 2)
	d.run(0, "monitors", "pause", "codes", "-for", "24h", "-why", "not in this test")
	number := numberOf(d.rack, 0)
	file := filepath.Join(d.dir, "junit.xml")
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Cases    []struct {
			Name    string `xml:"name,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
			} `xml:"failure"`
		} `xml:"testcase"`
	}
	read := func() {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		suite.Cases = nil
		if err := xml.Unmarshal(text, &suite); err != nil {
			t.Errorf("%v: %s", err, text)
		}
		if suite.Tests != 1 || len(suite.Cases) != 1 || suite.Cases[0].Name != number {
			t.Errorf("%s", text)
		}
	}
	run := func(want int, more ...string) string {
		return d.run(want, append([]string{"tests", "run", "-provider", "main", "-to", "number=" + number, "-from", "SHOP", "-deadline", "60s", "-degraded", "50s", "-junit", file}, more...)...)
	}
	id := func(out string) string {
		name, _, _ := strings.Cut(out, ":")
		return name
	}

	out := run(0)
	if !strings.Contains(out, "passed") || !strings.Contains(out, number) || !strings.Contains(out, " s ") || !strings.Contains(out, "nothing") {
		t.Errorf("%s", out)
	}
	passed := id(out)
	if read(); suite.Failures != 0 || suite.Cases[0].Failure != nil {
		t.Errorf("%+v", suite)
	}
	if out = run(0, "-text", "suffix {token}"); !strings.Contains(out, "degraded") || !strings.Contains(out, "text_suffixed") || !strings.Contains(out, " STOP+}") {
		t.Errorf("%s", out)
	}
	if out = run(1, "-text", "drop {token}", "-deadline", "3s", "-degraded", "2s"); !strings.Contains(out, "not received") || !strings.Contains(out, "the test's verdict is failed") {
		t.Errorf("%s", out)
	}
	failed := id(out)
	if read(); suite.Failures != 1 || suite.Cases[0].Failure == nil || !strings.Contains(suite.Cases[0].Failure.Message, "not received") {
		t.Errorf("%+v", suite)
	}
	if out = d.run(0, "tests", "list"); strings.Index(out, failed) > strings.Index(out, passed) || !strings.Contains(out, passed) {
		t.Errorf("not the newest first: %s", out)
	}
	if out = d.run(0, "tests", "list", "-verdict", "failed"); !strings.Contains(out, failed) || strings.Contains(out, passed) {
		t.Errorf("%s", out)
	}
	if out = d.run(0, "tests", "show", passed); !strings.Contains(out, number) || !strings.Contains(out, "passed") {
		t.Errorf("%s", out)
	}
	var row admin.TestRow
	if err := json.Unmarshal([]byte(run(0, "-json")), &row); err != nil || or(row.Verdict) != "passed" || len(row.Items) != 1 {
		t.Errorf("%v, %+v", err, row)
	}
	d.run(1, "tests", "show", "tst_nothing")
	d.run(1, "tests", "run", "-provider", "nobody", number)
	d.run(1, "tests", "run", "-provider", "main", "-junit", filepath.Join(d.dir, "no", "folder"), number)
	for _, wrong := range [][]string{{"-to", "colour=red"}, {"-count", "0"}, {"-deadline", "0s"}, {"-from", "A,,B"}, {"-to", "number="}} {
		d.run(2, append([]string{"tests", "run", "-provider", "main"}, wrong...)...)
	}
}

// TestTestByHand prints what is to be sent by hand, and cancels the test when it is
// interrupted.
func TestTestByHand(t *testing.T) {
	t.Parallel()
	d := newTestDesk(t, 1)
	d.run(0, "monitors", "pause", "codes", "-for", "24h", "-why", "not in this test")
	var out, errs strings.Builder
	cmd := program("tests", "run", "-config", d.config, numberOf(d.rack, 0))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, r)
	cmd.Stdout, cmd.Stderr = w, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	closing(t, w)
	buf := make([]byte, 1024)
	for !strings.Contains(out.String(), "send to "+numberOf(d.rack, 0)+" a message with ") {
		n, err := r.Read(buf)
		out.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v: %s%s", err, out.String(), errs.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(errs.String(), "the test was cancelled") {
		t.Errorf("%v: %s", err, errs.String())
	}
	id, _, _ := strings.Cut(out.String(), ":")
	if shown := d.run(0, "tests", "show", id); !strings.Contains(shown, string(pool.TestCancelled)) {
		t.Errorf("%s", shown)
	}
}

// TestMonitorCommands lists a monitor, lets it rest and go on, and begins a run.
func TestMonitorCommands(t *testing.T) {
	t.Parallel()
	d := newTestDesk(t, 1)
	d.run(2, "monitors", "pause", "codes", "-for", "1h")
	d.run(1, "monitors", "pause", "nobody", "-for", "1h", "-why", "x")
	d.run(0, "monitors", "pause", "codes", "-for", "1h", "-why", "the provider moves")
	list := func() *admin.MonitorRow {
		var rows protocol.List[admin.MonitorRow]
		if err := json.Unmarshal([]byte(d.run(0, "monitors", "list", "-json")), &rows); err != nil || len(rows.Items) != 1 {
			t.Fatalf("%v, %+v", err, rows)
		}
		return &rows.Items[0]
	}
	if m := list(); m.Name != "codes" || m.State != "paused" {
		t.Errorf("%+v", m)
	}
	// Its first run may be under way: until it is over, no other begins.
	d.until("the monitor's run to be over", func() bool {
		return !strings.Contains(d.run(0, "tests", "list"), " open ")
	})
	out := d.run(0, "monitors", "run", "codes")
	id, _, _ := strings.Cut(out, " ")
	d.until("the run's verdict", func() bool { return strings.Contains(d.run(0, "tests", "show", id), "of monitor codes: passed") })
	if m := list(); or(m.LastVerdict) != "passed" || m.LastRun == nil || m.LastSuccess == nil {
		t.Errorf("%+v", m)
	}
	if out = d.run(0, "tests", "list", "-monitor", "codes"); !strings.Contains(out, id) {
		t.Errorf("%s", out)
	}
	d.run(0, "monitors", "resume", "codes")
	if m := list(); m.State == "paused" {
		t.Errorf("%+v", m)
	}
	d.run(1, "monitors", "run", "nobody")
	d.run(1, "monitors", "resume", "nobody")
}
