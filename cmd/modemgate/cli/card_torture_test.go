//go:build torture

package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"modemgate/admin"
	modems "modemgate/modem/simulator"
	"modemgate/protocol"
)

const (
	cardModems = 64
	cardRate   = 51 // SMS a second, at random
	cardTime   = 20 * time.Second
)

// spread are measured times.
type spread []time.Duration

// String is the median, the 99th of a hundred, and the worst.
func (s spread) String() string {
	if len(s) == 0 {
		return "none"
	}
	slices.Sort(s)
	at := func(p int) time.Duration { return s[min(len(s)-1, len(s)*p/100)].Round(100 * time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, worst %v (%d)", at(50), at(99), s[len(s)-1].Round(100*time.Microsecond), len(s))
}

// TestCard measures the program on cards of different speed, imitated by a delay of each
// sync: from the announcement of an SMS to its acceptance, and how long requests take.
// 51 SMS a second on 64 modems, 10 reservations a second. It judges nothing but that
// everything came.
func TestCard(t *testing.T) {
	program, _ := buildWithFailpoints(t)
	for _, delay := range []time.Duration{0, 10 * time.Millisecond, 30 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) { measureCard(t, program, delay) })
	}
}

func measureCard(t *testing.T, program string, delay time.Duration) {
	k, dir := newBench(t, cardModems, 20, nil)
	k.argv = func(args ...string) *exec.Cmd { return exec.Command(program, args...) }
	if delay > 0 {
		k.argv = func(args ...string) *exec.Cmd {
			return exec.Command("strace", append([]string{
				"-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", fmt.Sprintf("inject=fdatasync,fsync:delay_enter=%d", delay.Microseconds()), program,
			}, args...)...)
		}
	}
	api := freePort(t)
	k.configure(demoConfig(dir, filepath.Join(dir, "rack"), k.receiver.URL(), api, "127.0.0.1:0"))
	k.start()
	ask := newClient(filepath.Join(dir, "data", "control.sock"))
	waitFor(t, "ready modems", func() bool {
		var st admin.Status
		return ask.call(t.Context(), http.MethodGet, "/api/v1/status", nil, &st) == nil && st.Modems["ready"] == cardModems
	}, &k.log)
	c := &torture{killing: k, api: api}
	ctx, stop := context.WithTimeout(t.Context(), cardTime)
	defer stop()
	var load sync.WaitGroup
	ids := map[string]uint64{} // by the word that a message begins with
	load.Go(func() {
		rng := rand.New(rand.NewPCG(1, 2))
		for n := 1; ; n++ {
			timer := time.NewTimer(time.Duration(rng.ExpFloat64() * float64(time.Second) / cardRate))
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
			word := fmt.Sprintf("K%06d", n)
			k.sent[word] = true
			ids[word] = k.rack.Modem(rng.IntN(cardModems)).Deliver(modems.SMS{From: "PANEL", Text: word + " door open", Ref: n})[0]
		}
	})
	var mu sync.Mutex
	var reserve, availability spread
	timed := func(to *spread, fn func() error) {
		begun := time.Now()
		if err := fn(); err != nil {
			if ctx.Err() == nil {
				t.Error(err)
			}
			return
		}
		mu.Lock()
		*to = append(*to, time.Since(begun))
		mu.Unlock()
	}
	for range 2 {
		load.Go(func() {
			for pause(ctx, 200*time.Millisecond) {
				var r protocol.Reservation
				timed(&reserve, func() error { return c.call(ctx, "POST", "/v1/reservations", bookingBody, "", &r) })
				timed(&reserve, func() error { return c.call(ctx, "DELETE", "/v1/reservations/"+r.ID, "", "", nil) })
			}
		})
	}
	load.Go(func() {
		for pause(ctx, 50*time.Millisecond) {
			timed(&availability, func() error { return c.call(ctx, "GET", "/v1/availability", "", "", nil) })
		}
	})
	load.Wait()
	k.drain(60 * time.Second)
	announced := map[uint64]time.Time{}
	for _, e := range k.rack.Events() {
		if e.Kind == modems.Announced {
			announced[e.MessageID] = e.At
		}
	}
	var way spread
	n := 0
	for word, ds := range k.words() {
		n += len(ds)
		way = append(way, ds[0].At.Sub(announced[ids[word]]))
	}
	if n != len(k.sent) {
		t.Errorf("%d deliveries of %d messages", n, len(k.sent))
	}
	t.Logf("syncs +%v: SMS %v; reservations and releases %v; availability %v", delay, way, reserve, availability)
	_ = exec.Command("pkill", "-TERM", "-f", k.config).Run() // strace stands between
	if err := k.child.Wait(); err != nil && !strings.Contains(err.Error(), "signal: terminated") {
		t.Errorf("%v\n%s", err, k.log.String())
	}
}
