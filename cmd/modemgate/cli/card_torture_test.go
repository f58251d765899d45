//go:build torture

package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

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
	for _, c := range []card{{}, {delay: 10 * time.Millisecond}, {delay: 30 * time.Millisecond}, {delay: 10 * time.Millisecond, stalls: true}} {
		t.Run(c.String(), func(t *testing.T) { measureCard(t, program, c) })
	}
}

// card is how slow a card is.
type card struct {
	delay  time.Duration // of each sync
	stalls bool          // one sync in 50 takes a second more: each 25th commit's second one
}

func (c card) String() string {
	if c.stalls {
		return fmt.Sprintf("each sync %v later and one in 50 by 1s", c.delay)
	}
	return fmt.Sprintf("each sync %v later", c.delay)
}

func (c card) argv(program string) func(args ...string) *exec.Cmd {
	return func(args ...string) *exec.Cmd {
		if c.delay == 0 {
			return exec.Command(program, args...)
		}
		cmd := exec.Command("strace", append([]string{
			"-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", fmt.Sprintf("inject=fdatasync,fsync:delay_enter=%d", c.delay.Microseconds()), program,
		}, args...)...)
		if c.stalls {
			cmd.Env = append(os.Environ(), failpointEnv+"=between_syncs:slow:25")
		}
		return cmd
	}
}

func measureCard(t *testing.T, program string, c card) {
	m := newMeasure(t, cardModems, c.argv(program))
	ctx, stop := context.WithTimeout(t.Context(), cardTime)
	defer stop()
	var load sync.WaitGroup
	load.Go(func() { m.arrive(ctx, cardRate, cardModems) })
	var reserve, availability spread
	for range 2 {
		load.Go(func() {
			for pause(ctx, 200*time.Millisecond) {
				var r protocol.Reservation
				m.timed(ctx, &reserve, "POST", "/v1/reservations", bookingBody, &r)
				m.timed(ctx, &reserve, "DELETE", "/v1/reservations/"+r.ID, "", nil)
			}
		})
	}
	load.Go(func() {
		for pause(ctx, 50*time.Millisecond) {
			m.timed(ctx, &availability, "GET", "/v1/availability", "", nil)
		}
	})
	load.Wait()
	t.Logf("SMS %v; reservations and releases %v; availability %v", m.ways(cardModems), reserve, availability)
	m.finish()
}
