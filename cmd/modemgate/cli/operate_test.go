package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"modemgate/cmd/modemgate/app"
	"modemgate/cmd/modemgate/config"
	modems "modemgate/modem/simulator"
	"modemgate/pool"
)

// desk is an operator's place: a gateway on a simulated rack, whose configuration has
// what a test adds, and its commands.
type desk struct {
	t      *testing.T
	dir    string
	rack   *modems.Rack
	config string
	app    *app.App
}

func newDesk(t *testing.T, n int, more string) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir()}
	ports := filepath.Join(d.dir, "rack")
	if err := os.Mkdir(ports, 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	if d.rack, err = modems.New(modems.Options{Dir: ports, Modems: n, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, d.rack) })
	d.config = d.write("modemgate.toml", more)
	c, err := config.Load(d.config)
	if err != nil {
		t.Fatal(err)
	}
	if d.app, err = app.New(app.Options{Config: c, Version: "test", Sync: func() bool { return true }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.app.Stop(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	if err := d.app.Start(); err != nil {
		t.Fatal(err)
	}
	d.until("ready modems", func() bool {
		rows := d.app.Pool().Modems()
		return len(rows) == n && !slices.ContainsFunc(rows, func(m pool.ModemRow) bool { return m.State != "ready" })
	})
	return d
}

func (d *desk) write(name, more string) string {
	d.t.Helper()
	text := fmt.Sprintf("data_dir = %q\n[api]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[modems]\nports = [%q]\n%s",
		filepath.Join(d.dir, "data"), filepath.Join(d.dir, "rack", "slot*"), more)
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func (d *desk) until(what string, holds func() bool) {
	d.t.Helper()
	limit := time.NewTimer(60 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-limit.C:
			d.t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

// run runs a command; want is its exit status.
func (d *desk) run(want int, args ...string) string {
	d.t.Helper()
	var out, errs bytes.Buffer
	if !slices.Contains(args, "-config") {
		args = append(args, "-config", d.config)
	}
	if code := Main(args, strings.NewReader(""), &out, &errs); code != want {
		d.t.Errorf("%v: exit %d: %s", args, code, errs.String())
	}
	return out.String() + errs.String()
}

// TestRegister takes the cards out as CSV and in again, lists cards that have not come
// yet, and forgets them.
func TestRegister(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 2, "")
	out := d.run(0, "sims", "export")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][0] != "iccid" {
		t.Fatalf("%v: %s", err, out)
	}
	file := filepath.Join(d.dir, "sims.csv")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(out)
	if got := d.run(0, "sims", "import", file); !strings.HasPrefix(got, "0 cards changed, 2 as they were") {
		t.Errorf("what was exported changes something: %s", got)
	}
	text := "\ufeffICCID,tags,name\n" + rows[1][0] + ",\"alarm,north\",door\n"
	for i := range 64 {
		text += fmt.Sprintf("894902000000%07d,field,meter-%d\n", i, i)
	}
	write(text)
	if got := d.run(0, "sims", "import", file); !strings.HasPrefix(got, "65 cards changed") {
		t.Errorf("%s", got)
	}
	if got := d.run(0, "sims", "list"); strings.Count(got, "field") != 64 || !strings.Contains(got, "alarm,north") {
		t.Errorf("%s", got)
	}
	for _, bad := range []string{"", "name\nx\n", "iccid,colour\n1,2\n", "iccid,enabled\n894902000000000001,perhaps\n", "iccid,name\n,x\n", "iccid,name\n\"x\n"} {
		write(bad)
		d.run(1, "sims", "import", file)
	}
	write("iccid,number\n8949020000000000000,12\n8949020000000000001,+4915112345678\n")
	if got := d.run(1, "sims", "import", file); !strings.Contains(got, "line 2:") || !strings.Contains(got, "1 cards changed") {
		t.Errorf("a bad line keeps a good one out, or is not named: %s", got)
	}
	d.run(1, "sims", "import", "/dev/zero")
	for _, odd := range []string{"name=meter-7", "name=" + rows[2][0], "name=a\nb", "name=" + strings.Repeat("x", 65), "note=\x1b[31m"} {
		d.run(1, "sims", "set", rows[1][0], odd)
	}
	d.run(1, "messages", "resend", "-since", "1h", "-to", "nobody")
	d.run(0, "sims", "forget", "8949020000000000001")
	d.run(1, "sims", "forget", "8949020000000000001")
	d.run(1, "sims", "set", "12345", "name=x")
}

// TestTexts shows texts only where they are asked for, and audits that; forgets a number;
// and holds the audit log to be whole.
func TestTexts(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 1, "")
	m := d.rack.Modem(0)
	m.Deliver(modems.SMS{From: "+4930111111", Text: "secret one"})
	m.Deliver(modems.SMS{From: "+4930222222", Text: "secret, \"two\"\nlines"})
	m.Deliver(modems.SMS{From: "+4930111111", Text: "secret three"})
	export := func(args ...string) string { return d.run(0, append([]string{"messages", "export"}, args...)...) }
	d.until("three messages", func() bool { return strings.Count(export(), "\n") == 3 })
	for _, args := range [][]string{{"-format", "csv"}, {"-format", "jsonl"}} {
		if got := export(args...); strings.Contains(got, "secret") || !strings.Contains(got, "+4930222222") {
			t.Errorf("%v: %s", args, got)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(export("-format", "csv", "-text"))).ReadAll()
	if err != nil || len(rows) != 4 || rows[2][len(rows[2])-1] != "secret, \"two\"\nlines" {
		t.Errorf("%v: %q", err, rows)
	}
	if got := export("-from", "1h", "-to", "2020-01-01T00:00:00Z"); got != "" {
		t.Errorf("of no time: %s", got)
	}
	d.run(2, "messages", "export", "-from", "yesterday")
	d.run(1, "messages", "export", "-format", "xml")

	d.run(2, "messages", "forget", "-number", "+4930111111")
	if got := d.run(0, "messages", "forget", "-number", "+4930111111", "-why", "asked to"); !strings.HasPrefix(got, "2 records erased, 0 wait") {
		t.Errorf("%s", got)
	}
	if got := export("-text"); strings.Contains(got, "secret one") || strings.Contains(got, "+4930111111") || !strings.Contains(got, "lines") || strings.Count(got, "\n") != 3 {
		t.Errorf("after forgetting: %s", got)
	}

	list := d.run(0, "audit", "list")
	for what, n := range map[string]int{"messages.exported_with_texts": 2, "messages.forgotten": 1} {
		if strings.Count(list, what) != n {
			t.Errorf("%s stands %d times, not %d:\n%s", what, strings.Count(list, what), n, list)
		}
	}
	d.run(0, "audit", "verify")
	log := strings.SplitAfter(strings.TrimSuffix(d.run(0, "audit", "export"), "\n"), "\n")
	var last struct{ Hash string }
	if err := json.Unmarshal([]byte(log[len(log)-1]), &last); err != nil {
		t.Fatal(err)
	}
	d.run(0, "audit", "verify", "-head", last.Hash)
	d.run(1, "audit", "verify", "-head", strings.Repeat("0", 64))
	n := len(log)
	for name, c := range map[string]struct {
		log  []string
		head string
	}{
		"flipped":   {append(append(slices.Clone(log[:n/2]), strings.Replace(log[n/2], "operator", "0perator", 1)), log[n/2+1:]...), ""},
		"dropped":   {append(slices.Clone(log[:n/2]), log[n/2+1:]...), ""},
		"swapped":   {append(append(slices.Clone(log[:n-2]), log[n-1], "\n"), log[n-2]), ""},
		"tail gone": {log[:n-1], last.Hash},
	} {
		if _, _, err := verifyAudit(strings.NewReader(strings.Join(c.log, "")), c.head); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
	if got, _, err := verifyAudit(strings.NewReader(strings.Join(log, "")), last.Hash); err != nil || got != n {
		t.Errorf("the log itself: %d of %d, %v", got, n, err)
	}
}

// TestRoutesOnTrial asks a file that the daemon does not have about messages that it has.
func TestRoutesOnTrial(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 1, "")
	m := d.rack.Modem(0)
	m.Deliver(modems.SMS{From: "+4930111111", Text: "ALARM zone 3"})
	m.Deliver(modems.SMS{From: "BANK", Text: "your code"})
	m.Deliver(modems.SMS{From: "SHOP", Text: "on its way"})
	secret := filepath.Join(d.dir, "hook.whsec")
	if err := os.WriteFile(secret, []byte("whsec_"+strings.Repeat("A", 44)), 0o600); err != nil {
		t.Fatal(err)
	}
	file := d.write("new.toml", fmt.Sprintf(`
[[destination]]
name = "duty"
url = "https://duty.example/"
secret_file = %q
[[route]]
name = "alarms"
text = "(?i)alarm"
hours = "00:00-24:00 Europe/Berlin"
to = ["duty"]
[[route]]
name = "bank"
from = ["BANK"]
to = []
`, secret))
	var got string
	d.until("three messages", func() bool {
		got = d.run(0, "routes", "try", "-config", file)
		return strings.Contains(got, "3 messages")
	})
	for _, want := range []string{"duty (alarms)", "the inbox only", "nowhere: no route takes it", "1 of them taken by no route"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := d.run(0, "routes", "try"); strings.Contains(got, "duty") {
		t.Errorf("the daemon's own file has no such destination:\n%s", got)
	}
	d.run(1, "routes", "try", "-message", "msg_7")
	d.run(1, "routes", "try", "-config", filepath.Join(d.dir, "none.toml"))
}
