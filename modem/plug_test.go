package modem_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"modemgate/modem"
	"modemgate/modem/simulator"
)

// TestHotPlug pulls modems out and plugs them in again a thousand times, under the same
// name or another's, while messages come: none is lost, and every modem is ready again 30 s
// after its last return.
func TestHotPlug(t *testing.T) {
	t.Parallel()
	const (
		plugs = 1000
		ports = 64
	)
	dir := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		states := map[string]modem.State{} // by node
		v := newVirtual(t, dir, simulator.Options{Modems: ports, Profiles: simulator.Profiles(), LatencyMin: 5 * time.Millisecond, LatencyMax: 30 * time.Millisecond, Seed: seed}, modem.Options{
			Rescan: 2 * time.Second,
			Changed: func(s modem.Status, gone bool) {
				mu.Lock()
				defer mu.Unlock()
				if states[s.Port] = s.State; gone {
					delete(states, s.Port)
				}
			},
		})
		rack, o := v.rack, v.owner
		time.Sleep(time.Minute)
		var load sync.WaitGroup
		stop := make(chan struct{})
		sent := make([]int, ports)
		for i := range ports {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			load.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Duration(1000+rng.IntN(8000)) * time.Millisecond):
					}
					rack.Modem(i).Deliver(simulator.SMS{From: "A", Text: fmt.Sprintf("message %d of modem %d", sent[i], i), Ref: sent[i]})
					sent[i]++
				}
			})
		}
		rng := rand.New(rand.NewPCG(seed, 1<<40))
		out := map[int]string{} // modems that are out, and where they were
		for range plugs {
			time.Sleep(time.Duration(rng.IntN(1200)) * time.Millisecond)
			i := rng.IntN(ports)
			if _, is := out[i]; !is {
				was := filepath.Base(rack.Modem(i).Port())
				if err := rack.Modem(i).Unplug(); err != nil {
					t.Fatal(err)
				}
				out[i] = was
				continue
			}
			name := out[i]
			for k, other := range out { // another's place that is empty now
				if k != i && rng.IntN(3) == 0 {
					name, out[k] = other, name
					break
				}
			}
			if err := rack.Modem(i).Replug(name); err != nil {
				t.Fatal(err)
			}
			delete(out, i)
		}
		for i, name := range out {
			if err := rack.Modem(i).Replug(name); err != nil {
				t.Fatal(err)
			}
		}
		close(stop)
		load.Wait()
		time.Sleep(30 * time.Second)
		mu.Lock()
		for i := range ports {
			if s := states[rack.Modem(i).Port()]; s != modem.Ready {
				t.Errorf("modem %d is %s", i, s)
			}
		}
		mu.Unlock()
		time.Sleep(time.Minute) // the last sweep
		all := 0
		for _, n := range sent {
			all += n
		}
		got := map[string]bool{}
		for _, m := range o.messages() {
			got[m.ICCID+string(m.PDU)] = true
		}
		if len(got) != all {
			t.Errorf("%d messages of %d", len(got), all)
		}
		v.read()
		for i := range ports {
			if left := rack.Modem(i).Stored(); len(left) > 0 {
				t.Errorf("%d messages are left in modem %d", len(left), i)
			}
		}
		t.Logf("%d messages", all)
		v.stop()
	})
}
