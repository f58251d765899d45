//go:build torture

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	modems "modemgate/modem/simulator"
	"modemgate/protocol"
)

// clockEnv says by how many seconds the wall's clock of the program is wrong from which
// second of its life on: "4:189345600,8:0".
const clockEnv = "MODEMGATE_TORTURE_CLOCK"

// clockSource goes into the standard library's package time of that program.
const clockSource = `package time

import "syscall"

type wrongFrom struct{ from, by int64 }

var wrong = readWrong()

func readWrong() (out []wrongFrom) {
	text, _ := syscall.Getenv("` + clockEnv + `")
	for len(text) > 0 {
		var w wrongFrom
		w.from, text = wrongNumber(text)
		w.by, text = wrongNumber(text)
		out = append(out, w)
	}
	return out
}

func wrongNumber(text string) (n int64, rest string) {
	sign := int64(1)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '-':
			sign = -1
		case c < '0' || c > '9':
			return sign * n, text[i+1:]
		default:
			n = 10*n + int64(c-'0')
		}
	}
	return sign * n, ""
}

func wrongBy(mono int64) (by int64) {
	for _, w := range wrong {
		if mono-startNano >= w.from*1e9 {
			by = w.by
		}
	}
	return by
}
`

// buildWithClock builds the program with a wall's clock that can be set wrong.
func buildWithClock(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	lib := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	source, err := os.ReadFile(filepath.Join(lib, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	const reading = "\tsec, nsec, mono := runtimeNow()\n"
	if bytes.Count(source, []byte(reading)) != 1 {
		t.Fatal("time.Now reads the clock in another way now")
	}
	source = bytes.Replace(source, []byte(reading), []byte(reading+"\tsec += wrongBy(mono)\n"), 1)
	replace := map[string]string{}
	for name, text := range map[string][]byte{"time.go": source, "zz_clock.go": []byte(clockSource)} {
		to := filepath.Join(dir, name)
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(lib, name)] = to
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "modemgate")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", path, "./cmd/modemgate")
	cmd.Dir, cmd.Env = moduleDir(t, ""), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// TestTortureClock sets the program's clock six years ahead, back, to 1970, and back, while
// messages arrive; and starts it anew in 1970, as a board without a battery does. The
// reservation, the test and the request's key of before live on, waiting calls are
// answered, every message goes out once, and ids rise.
func TestTortureClock(t *testing.T) {
	program := buildWithClock(t)
	k, dir := newBench(t, 4, 20, nil)
	c := &torture{killing: k, api: freePort(t)}
	k.configure(demoConfig(dir, filepath.Join(dir, "rack"), k.receiver.URL(), c.api, "127.0.0.1:0"))
	wrong := ""
	k.argv = func(args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), clockEnv+"="+wrong)
		return cmd
	}
	sixYears, toZero := int64(6*365*24*3600), -time.Now().Unix()+60
	c.meet()

	wrong = fmt.Sprintf("5:%d,9:0,13:%d,17:0", sixYears, toZero)
	k.start()
	begun := time.Now()
	until := func(second int) { pauseFor(t, time.Until(begun.Add(time.Duration(second)*time.Second))) }
	var booked, again protocol.Reservation
	waitFor(t, "a reservation", func() bool {
		return c.call(t.Context(), "POST", "/v1/reservations", `{"ttl_s":600,"purpose":"clock"}`, "once", &booked) == nil
	}, &k.log)
	of := -1
	for i := range k.rack.Len() {
		if numberOf(k.rack, i) == booked.Number {
			of = i
		}
	}
	other := (of + 1) % k.rack.Len()
	var trial protocol.Test
	waitFor(t, "a test", func() bool { // its number may not be ready yet
		return c.call(t.Context(), "POST", "/v1/tests", fmt.Sprintf(`{"select":{"numbers":[%q]},"deadline_s":300}`, numberOf(k.rack, other)), "", &trial) == nil
	}, &k.log)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for i := range k.rack.Len() {
		load.Go(func() { k.feed(ctx, i) })
	}
	lives := func(when string) {
		t.Helper()
		word := "W" + when
		matched := make(chan string, 1)
		go func() {
			var out struct{ Outcome string }
			err := c.call(ctx, "POST", "/v1/wait", fmt.Sprintf(`{"reservation":%q,"match":{"contains":%q},"timeout_s":2}`, booked.ID, word), "", &out)
			matched <- fmt.Sprint(out.Outcome, err)
		}()
		k.rack.Modem(of).Deliver(modems.SMS{From: "SHOP", Text: word})
		if got := <-matched; got != "matched<nil>" {
			t.Errorf("%s: waiting: %s", when, got)
		}
		var r protocol.Reservation
		c.must("GET", "/v1/reservations/"+booked.ID, "", "", &r)
		if r.EndedAt != nil {
			t.Errorf("%s: the reservation has ended: %s", when, *r.End)
		}
		var now protocol.Test
		c.must("GET", "/v1/tests/"+trial.ID, "", "", &now)
		if now.State != "open" {
			t.Errorf("%s: the test is %s", when, now.State)
		}
		c.must("POST", "/v1/reservations", `{"ttl_s":600,"purpose":"clock"}`, "once", &again)
		if again.ID != booked.ID {
			t.Errorf("%s: the repeated request made another reservation", when)
		}
	}
	for second, when := range map[int]string{3: "right", 6: "ahead", 11: "back", 14: "1970", 19: "right-again"} {
		load.Go(func() {
			until(second)
			lives(when)
		})
	}
	until(22)
	k.end()

	wrong = fmt.Sprintf("0:%d,5:0", toZero)
	k.start()
	begun = time.Now()
	waitFor(t, "the gateway", func() bool { return c.call(t.Context(), "GET", "/v1/numbers", "", "", nil) == nil }, &k.log)
	until(3)
	lives("booted-in-1970")
	until(7)
	lives("put-right")
	stop()
	load.Wait()
	k.rack.Modem(other).Deliver(modems.SMS{From: "SHOP", Text: "Your code is " + *trial.Items[0].Token})
	c.must("GET", "/v1/tests/"+trial.ID+"?wait_s=2", "", "", &trial)
	if trial.Verdict == nil || *trial.Verdict != "passed" {
		t.Errorf("the test's verdict: %v", trial.Verdict)
	}
	k.drain(30 * time.Second)
	k.end()

	got := k.words()
	ids := make([]string, k.next+1)
	for n := 1; n <= k.next; n++ {
		word := fmt.Sprintf("K%06d", n)
		if list := got[word]; len(list) != 1 {
			t.Errorf("%s came %d times", word, len(list))
		} else {
			ids[n] = list[0].Event.Data.ID
		}
	}
	// A long one may come after one that was sent later, but not after those of 5 s later.
	const later = 150
	highest := ""
	for n := 1; n+later <= k.next; n++ {
		if highest = max(highest, ids[n]); ids[n+later] <= highest {
			t.Errorf("message %d has id %s, after %s", n+later, ids[n+later], highest)
		}
	}
	k.nothingDeletedUnread()
	t.Logf("%d messages", k.next)
}

// must makes a request that is answered.
func (c *torture) must(method, path, body, key string, out any) {
	c.t.Helper()
	if err := c.call(c.t.Context(), method, path, body, key, out); err != nil {
		c.t.Errorf("%s %s: %v", method, path, err)
	}
}
