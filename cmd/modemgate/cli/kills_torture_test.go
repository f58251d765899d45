//go:build torture

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"modemgate/admin"
	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/simulator"
)

var (
	tortureKills = flag.Int("torture-kills", 66, "how often TestTortureKills ends the program")
	tortureSeed  = flag.Uint64("torture-seed", 0, "seed of the torture; 0: a new one")
)

const (
	tortureWorkers = 8
	tortureAnswer  = 300 * time.Millisecond // that the receiver takes at most
	exitCrashed    = 2                      // of a Go program that panics
)

// torture is a program that is ended at its steps and at random, under load.
type torture struct {
	*killing
	rng      *rand.Rand
	provider *simulator.Provider
	planted  *planted
	api      string
	hit      string

	mu       sync.Mutex
	bookings []booked
	asked    int
}

// booked is a reservation that was answered.
type booked struct {
	key, id  string
	released bool
}

func seeded(t *testing.T) *rand.Rand {
	seed := *tortureSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-torture-seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// freePort is an address that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, l)
	return l.Addr().String()
}

func newTorture(t *testing.T, program string) *torture {
	t.Helper()
	c := &torture{rng: seeded(t), planted: &planted{deeds: map[string]pool.Verdict{}}, api: freePort(t)}
	var mu sync.Mutex
	answers := rand.New(rand.NewPCG(c.rng.Uint64(), 1))
	k, dir := newBench(t, 16, 10, func(*simulator.Delivery) simulator.Behaviour {
		mu.Lock()
		defer mu.Unlock()
		switch n := answers.IntN(100); {
		case n < 3:
			return simulator.Behaviour{Status: http.StatusInternalServerError}
		case n < 5:
			return simulator.Behaviour{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"2"}}}
		case n < 15:
			return simulator.Behaviour{Delay: time.Duration(answers.Int64N(int64(tortureAnswer)))}
		}
		return simulator.Behaviour{}
	})
	c.killing, c.hit = k, filepath.Join(dir, "hit")
	k.argv = func(args ...string) *exec.Cmd { return exec.Command(program, args...) }
	var err error
	if c.provider, err = simulator.NewProvider(simulator.ProviderOptions{From: "SHOP", Behave: c.planted.behave, Deliver: func(to, from, text string) {
		for i := range k.rack.Len() {
			if numberOf(k.rack, i) == to {
				k.rack.Modem(i).Deliver(modems.SMS{From: from, Text: text})
			}
		}
	}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, c.provider) })
	k.configure(fmt.Sprintf(`data_dir = %q
[api]
listen = %q
[admin]
listen = "127.0.0.1:0"
[modems]
ports = [%q]
[[destination]]
name = "crm"
url = %q
secret_file = %q
workers = %d
retry = ["1s", "2s"]
events = ["sms.received", "test.finished"]
[[app]]
name = "qa"
token_file = %q
senders = ["SHOP"]
sims = { all = true }
rate = 1000000
quiet = "0s"
max_reservations = 1000
%s`, filepath.Join(dir, "data"), c.api, filepath.Join(dir, "rack", "slot*"), k.receiver.URL(), filepath.Join(dir, "crm.whsec"), tortureWorkers,
		filepath.Join(dir, "qa.token"), monitorConfig(c.provider.URL(), 4)))
	return c
}

// startAt begins the program, to end at a step.
func (c *torture) startAt(step, how string, nth int) {
	c.child = c.argv("run", "-config", c.config)
	c.child.Stderr = &c.log
	c.child.Env = append(os.Environ(), fmt.Sprintf("%s=%s:%s:%d", failpointEnv, step, how, nth), failpointHit+"="+c.hit)
	if err := c.child.Start(); err != nil {
		c.t.Fatal(err)
	}
}

// awaitEnd waits until the program has ended by itself; false when it did not in time, and
// was killed.
func (c *torture) awaitEnd(limit time.Duration) bool {
	done := make(chan error, 1)
	go func() { done <- c.child.Wait() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	hit := true
	var err error
	select {
	case err = <-done:
	case <-timer.C:
		hit = false
		if kerr := c.child.Process.Kill(); kerr != nil {
			c.t.Error(kerr)
		}
		err = <-done
	}
	c.kills = append(c.kills, time.Now())
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		c.t.Errorf("the gateway ended in order: %v", err)
		return hit
	}
	if s := exit.Sys().(syscall.WaitStatus); s.Signal() != syscall.SIGKILL && s.ExitStatus() != exitCrashed {
		c.t.Errorf("the gateway ended by itself: %v\n%s", err, c.log.String())
	}
	if _, err := os.Stat(c.hit); err != nil {
		return false
	}
	if err := os.Remove(c.hit); err != nil {
		c.t.Error(err)
	}
	return hit
}

// meet lets the gateway meet every modem and its card: what lies in a modem's own memory
// before that is nobody's for sure, and goes to no destination.
func (c *torture) meet() {
	c.t.Helper()
	c.start()
	ask := newClient(filepath.Join(filepath.Dir(c.config), "data", "control.sock"))
	waitFor(c.t, "ready modems", func() bool {
		var st admin.Status
		return ask.call(c.t.Context(), http.MethodGet, "/api/v1/status", nil, &st) == nil && st.Modems["ready"] == c.rack.Len()
	}, &c.log)
	c.end()
}

// call makes a request of the application.
func (c *torture) call(ctx context.Context, method, path, body, key string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.api+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+strings.Repeat("t", 40))
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

const bookingBody = `{"ttl_s":3600,"purpose":"torture"}`

// book is an application that reserves, repeats its requests, and releases.
func (c *torture) book(ctx context.Context, client int) {
	for n := 0; pause(ctx, 120*time.Millisecond); n++ {
		key := fmt.Sprintf("key-%d-%d", client, n)
		var r protocol.Reservation
		for { // until it is answered: what becomes of a request that a kill cut off is not known
			if err := c.call(ctx, "POST", "/v1/reservations", bookingBody, key, &r); err == nil {
				break
			}
			if !pause(ctx, 50*time.Millisecond) {
				return
			}
		}
		c.mu.Lock()
		c.asked++
		c.bookings = append(c.bookings, booked{key: key, id: r.ID})
		at := len(c.bookings) - 1
		c.mu.Unlock()
		if !pause(ctx, 100*time.Millisecond) {
			return
		}
		for c.call(ctx, "DELETE", "/v1/reservations/"+r.ID, "", "", nil) != nil {
			if !pause(ctx, 50*time.Millisecond) {
				return
			}
		}
		c.mu.Lock()
		c.bookings[at].released = true
		c.mu.Unlock()
	}
}

// TestTortureKills ends the program at each of its steps, by panic, by SIGKILL and by
// SIGKILL after a stall, and at random, under load on 16 modems with a receiver that
// misbehaves, applications that reserve, and a monitor. Afterwards the SIMs and the outbox
// are empty; every message has been confirmed once, but for those whose answer was on its
// way at an end, no more of them than workers; every reservation that was answered is
// known, and its repeated request gets the same; no provider was asked twice for an item.
// A run in which a step was not come to is void.
func TestTortureKills(t *testing.T) {
	program, steps := buildWithFailpoints(t)
	c := newTorture(t, program)
	c.meet()
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for i := range c.rack.Len() {
		load.Go(func() { c.feed(ctx, i) })
	}
	for i := range 4 {
		load.Go(func() { c.book(ctx, i) })
	}
	passed := map[string]int{}
	ends := 0
	for round := 0; ends < *tortureKills || len(passed) < len(steps); round++ {
		if round > 3**tortureKills {
			break
		}
		if round%4 == 3 {
			c.start()
			pauseFor(t, 200*time.Millisecond+time.Duration(c.rng.IntN(1000))*time.Millisecond)
			c.kill()
			ends++
			continue
		}
		step := steps[(round-round/4)%len(steps)]
		how := []string{"panic", "kill", "stall"}[(round/len(steps)+c.rng.IntN(2))%3]
		nth := 1 + c.rng.IntN(12)
		if step == "before_ask" || step == "asked" {
			nth = 1 + c.rng.IntN(3)
		}
		c.startAt(step, how, nth)
		if c.awaitEnd(8 * time.Second) {
			passed[step]++
		}
		ends++
	}
	stop()
	load.Wait()
	c.start()
	defer c.end()
	c.drain(90 * time.Second)
	c.judgeTorture()
	for _, step := range steps {
		if passed[step] == 0 {
			t.Errorf("the step %s was never come to: the run is void", step)
		}
	}
	t.Logf("%d ends, %v", ends, passed)
}

func (c *torture) outboxEmpty() bool {
	ask := newClient(filepath.Join(filepath.Dir(c.config), "data", "control.sock"))
	list, err := pages[admin.DestinationRow](c.t.Context(), ask, "/api/v1/destinations", 0)
	return err == nil && len(list) == 1 && list[0].Depth == 0
}

func (c *torture) judgeTorture() {
	t := c.t
	ask := newClient(filepath.Join(filepath.Dir(c.config), "data", "control.sock"))
	length, why := "24h", "the torture ends"
	waitFor(t, "the monitor's pause", func() bool {
		return ask.call(t.Context(), http.MethodPost, "/api/v1/monitors/codes/pause", admin.PauseRequest{For: &length, Why: &why}, nil) == nil
	}, &c.log)
	var rows []admin.TestRow
	waitFor(t, "the tests' ends and an empty outbox", func() bool {
		var err error
		if rows, err = pages[admin.TestRow](t.Context(), ask, "/api/v1/tests", 0); err != nil {
			return false
		}
		for _, row := range rows {
			if row.State == string(pool.TestOpen) {
				return false
			}
		}
		return c.outboxEmpty()
	}, &c.log)
	repeats := c.confirmed()
	c.nothingDeletedUnread()
	c.askedOnce(c.provider, rows)
	told := c.finished()
	for _, row := range rows {
		if told[row.ID] != 1 {
			t.Errorf("%s was told of by %d events", row.ID, told[row.ID])
		}
	}
	for _, b := range c.bookings {
		var again, known protocol.Reservation
		if err := c.call(t.Context(), "POST", "/v1/reservations", bookingBody, b.key, &again); err != nil || again.ID != b.id {
			t.Errorf("the repeat of %s got %s, not %s: %v", b.key, again.ID, b.id, err)
		}
		if err := c.call(t.Context(), "GET", "/v1/reservations/"+b.id, "", "", &known); err != nil || b.released && known.End == nil {
			t.Errorf("%s: %+v, %v", b.id, known, err)
		}
	}
	t.Logf("%d messages, %d tests, %d reservations; %d messages came again after an end", len(c.sent), len(rows), len(c.bookings), repeats)
}

// confirmed holds what the receiver has confirmed against what was sent.
func (c *torture) confirmed() (repeats int) {
	t := c.t
	atEnd := map[int]int{} // repeats by the end that excuses them
	words := c.words()
	for word := range c.sent {
		ok := 0
		for _, d := range words[word] {
			if d.Fault != nil {
				t.Errorf("%s: %v", word, d.Fault)
			}
			if d.ID != words[word][0].ID || !bytes.Equal(d.Body, words[word][0].Body) {
				t.Errorf("%s came as different events: %s and %s", word, words[word][0].ID, d.ID)
			}
		}
		var last time.Time
		for _, d := range words[word] {
			if d.Status >= 300 {
				continue
			}
			if ok++; ok > 1 {
				end := c.endAfter(last)
				if end < 0 {
					t.Errorf("%s came again after a success that no end cut off", word)
				}
				atEnd[end]++
				repeats++
			}
			last = d.At
		}
		if ok == 0 {
			t.Errorf("%s was lost", word)
		}
	}
	for end, n := range atEnd {
		if n > tortureWorkers {
			t.Errorf("%d messages came again after end %d, of %d workers", n, end, tortureWorkers)
		}
	}
	return repeats
}

// endAfter is the end that can have come between an answer that began at a time and its
// receipt; -1: none.
func (c *torture) endAfter(at time.Time) int {
	const receipt = 500 * time.Millisecond
	for n, end := range c.kills {
		if at.Before(end.Add(50*time.Millisecond)) && end.Sub(at) < tortureAnswer+receipt+400*time.Millisecond {
			return n
		}
	}
	return -1
}
