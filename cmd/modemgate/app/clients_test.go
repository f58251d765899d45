package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"modemgate/docs/clients/go"
	modems "modemgate/modem/simulator"
)

// Each client of the manual does the same: it follows the events, reserves, prints the
// number, waits, gives back, and prints what it has heard and seen. The test sends the
// SMS, and breaks the stream by a restart.

const pythonClient = `
import sys, datetime
sys.path.insert(0, sys.argv[1])
from modemgate import Modemgate, Problem
gate = Modemgate(sys.argv[2], sys.argv[3])
r = gate.reserve(ttl_s=300)
print("number", r["number"], flush=True)
m = gate.wait(r["id"], regex="code \\d+", from_="shop", timeout_s=60)
print("text", m["text"], flush=True)
print("nothing", gate.wait(r["id"], contains="never", timeout_s=0), flush=True)
try:
    gate.reserve(country="ZZ")
except Problem as e:
    print("problem", e.status, e.code, flush=True)
gate.release(r["id"]); gate.release(r["id"])
t = gate.start_test(select={"numbers": [r["number"]]}, text="test code {token}", deadline_s=30)
gate.sent(t["id"], 0, datetime.datetime.now(datetime.timezone.utc), provider_id="p-1")
print("send", t["items"][0]["text"], flush=True)
print("verdict", gate.finished(t["id"])["verdict"], flush=True)
input()
first = None
for event in gate.events(sys.argv[4]):
    if event["type"] == "sms.received":
        print("event", event["data"]["text"], flush=True)
`

const nodeClient = `
import { createInterface } from "node:readline/promises"
const [, , dir, url, token, after] = process.argv
const { Modemgate } = await import(dir + "/modemgate.mjs")
const gate = new Modemgate(url, token)
const r = await gate.reserve({ ttl_s: 300 })
console.log("number", r.number)
const m = await gate.wait(r.id, { regex: "code \\d+", from: "shop" }, 60)
console.log("text", m.text)
console.log("nothing", (await gate.wait(r.id, { contains: "never" }, 0)) ?? "None")
await gate.reserve({ country: "ZZ" }).catch((e) => console.log("problem", e.status, e.code))
await gate.release(r.id); await gate.release(r.id)
const t = await gate.startTest({ select: { numbers: [r.number] }, text: "test code {token}", deadline_s: 30 })
await gate.sent(t.id, 0, new Date(), { provider_id: "p-1" })
console.log("send", t.items[0].text)
console.log("verdict", (await gate.finished(t.id)).verdict)
const stdin = createInterface({ input: process.stdin }); await stdin.question(""); stdin.close()
for await (const event of gate.events(after)) if (event.type === "sms.received") console.log("event", event.data.text)
`

var testText = regexp.MustCompile(`test code \d{6}`)

// TestClients runs every client of the manual.
func TestClients(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]func(dir string) []string{
		"python": func(string) []string { return []string{"python3", "-c", pythonClient} },
		"node": func(dir string) []string {
			path := filepath.Join(dir, "client.mjs")
			if err := os.WriteFile(path, []byte(nodeClient), 0o600); err != nil {
				t.Fatal(err)
			}
			return []string{"node", path}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, 1, "")
			first := g.firstEvent()
			clients, err := filepath.Abs(filepath.Join("..", "..", "..", "docs", "clients"))
			if err != nil {
				t.Fatal(err)
			}
			args := append(command(t.TempDir()), clients, "http://"+g.app.APIAddr(), qaToken, first)
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			out := &output{}
			cmd.Stdout, cmd.Stderr = out, out
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatalf("%v: run the tests by scripts/test, which installs what they need", err)
			}
			defer func() {
				_ = cmd.Process.Kill() // it follows for ever
				_ = cmd.Wait()
				if t.Failed() {
					t.Log(out.String())
				}
			}()
			g.until("the number", func() bool { return strings.Contains(out.String(), "number +") })
			g.rack.Modem(0).Deliver(modems.SMS{From: "SHOP", Text: "your code 4711"})
			g.until("the client's calls", func() bool { return strings.Contains(out.String(), "problem") })
			for _, want := range []string{"text your code 4711", "nothing None", "problem 422 no_number_matches"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q", want)
				}
			}
			g.until("the test", func() bool { return testText.MatchString(out.String()) })
			g.rack.Modem(0).Deliver(modems.SMS{From: "SHOP", Text: testText.FindString(out.String())})
			g.until("its verdict", func() bool { return strings.Contains(out.String(), "verdict passed") })
			if _, err := fmt.Fprintln(stdin); err != nil {
				t.Fatal(err)
			}
			g.until("what was missed", func() bool { return strings.Contains(out.String(), "event your code 4711") })
			g.rack.Modem(0).Deliver(modems.SMS{From: "SHOP", Text: "live"})
			g.until("what is new", func() bool { return strings.Contains(out.String(), "event live") })
			if strings.Count(out.String(), "event your code") != 1 {
				t.Error("an event came twice")
			}
		})
	}
}

// TestGoClient runs the Go client, and breaks its stream.
func TestGoClient(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 1, "")
	first := g.firstEvent()
	c := &client.Client{URL: "http://" + g.app.APIAddr(), Token: qaToken}
	r, err := c.Reserve(t.Context(), time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	g.rack.Modem(0).Deliver(modems.SMS{From: "SHOP", Text: "your code 4711"})
	m, err := c.Wait(t.Context(), r.ID, client.Match{Regex: `code \d+`}, 20*time.Second)
	if err != nil || m == nil || m.Text != "your code 4711" {
		t.Fatalf("%+v, %v", m, err)
	}
	if m, err = c.Wait(t.Context(), r.ID, client.Match{Contains: "never"}, 0); m != nil || err != nil {
		t.Errorf("%+v, %v", m, err)
	}
	_, err = c.Reserve(t.Context(), time.Minute, map[string]string{"country": "ZZ"})
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != "no_number_matches" {
		t.Errorf("%v", err)
	}
	if err := c.Release(t.Context(), r.ID); err != nil {
		t.Error(err)
	}
	test, err := c.StartTest(t.Context(), map[string]any{"select": map[string]any{"numbers": []string{r.Number}}, "text": "test code {token}", "deadline_s": 30})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Sent(t.Context(), test.ID, 0, time.Now(), "p-1"); err != nil {
		t.Error(err)
	}
	g.rack.Modem(0).Deliver(modems.SMS{From: "SHOP", Text: test.Items[0].Text})
	if test, err = c.Finished(t.Context(), test.ID); err != nil || test.Verdict != "passed" || test.Items[0].Latency <= 0 {
		t.Errorf("%+v, %v", test, err)
	}
	enough := errors.New("enough")
	var seen []string
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = c.Events(ctx, first, func(ev client.Event) error {
		if seen = append(seen, ev.Type); ev.Type == "reservation.ended" {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("%v after %v", err, seen)
	}
	if err := c.Events(ctx, "evt_7", nil); err == nil || !strings.Contains(err.Error(), "events_gone") {
		t.Errorf("%v", err)
	}
}

// firstEvent brings one about and gives its id.
func (g *gateway) firstEvent() string {
	g.t.Helper()
	l := g.listen(otherToken, "")
	g.rack.Modem(0).Deliver(modems.SMS{From: "FIRST", Text: fmt.Sprint("first ", time.Now().UnixNano())})
	g.until("a first event", func() bool { return strings.HasPrefix(l.kinds(), "sms.received first") })
	l.close()
	for _, e := range l.all() {
		if e.kind == "sms.received" {
			return e.id
		}
	}
	return ""
}
