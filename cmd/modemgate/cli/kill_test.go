package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/simulator"
)

// isProgram, when it is set, makes the test binary the program itself.
const isProgram = "MODEMGATE_TEST_IS_PROGRAM"

// checksOnly, when it is set, makes the test binary a process that has the store of that
// configuration checked, as the daemon does before it opens it, and does nothing else.
const checksOnly = "MODEMGATE_TEST_CHECKS_ONLY"

func TestMain(m *testing.M) {
	if config := os.Getenv(checksOnly); config != "" {
		_ = os.Unsetenv(checksOnly) // the child that checks is the program
		_, err := checkInChild(context.Background(), config)("")
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv(isProgram) != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// program is the program as a process of its own.
func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), isProgram+"=1")
	return cmd
}

// killing is a gateway that is killed again and again while messages arrive.
type killing struct {
	t        *testing.T
	rack     *modems.Rack
	receiver *simulator.Receiver
	config   string
	argv     func(args ...string) *exec.Cmd // the program
	log      bytes.Buffer
	kills    []time.Time

	mu    sync.Mutex
	sent  map[string]bool // words that messages begin with
	next  int
	child *exec.Cmd
}

// TestKills kills the whole program with SIGKILL under load, on modems with few slots,
// so that slots are used again at once. Afterwards every message has been pushed and
// confirmed once; one whose answer was on its way at a kill may come again, the same id
// and bytes; and nothing was deleted that was not read.
func TestKills(t *testing.T) {
	kills := 30
	if testing.Short() {
		kills = 5
	}
	k := newKilling(t)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for i := range k.rack.Len() {
		load.Go(func() { k.feed(ctx, i) })
	}
	for range kills {
		k.start()
		pauseFor(t, 300*time.Millisecond+rand.N(1200*time.Millisecond))
		k.kill()
	}
	stop()
	load.Wait()
	k.start()
	defer k.end()
	k.drain(60 * time.Second)
	k.judge()
}

func newKilling(t *testing.T) *killing {
	t.Helper()
	k, dir := newBench(t, 6, 3, nil)
	k.configure(demoConfig(dir, filepath.Join(dir, "rack"), k.receiver.URL(), "127.0.0.1:0", "127.0.0.1:0"))
	return k
}

// newBench makes a rack of modems with few slots, a receiver, and the secrets in a folder.
func newBench(t *testing.T, n, capacity int, behave func(*simulator.Delivery) simulator.Behaviour) (k *killing, dir string) {
	t.Helper()
	k = &killing{t: t, sent: map[string]bool{}, argv: program}
	dir = t.TempDir()
	var key [32]byte
	for i := range key {
		key[i] = byte(i)
	}
	secret := "whsec_" + base64.StdEncoding.EncodeToString(key[:])
	signing, err := protocol.ParseSigningKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	if k.receiver, err = simulator.NewReceiver([]protocol.SigningKey{signing}, behave); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, k.receiver) })
	rackDir := filepath.Join(dir, "rack")
	for name, text := range map[string]string{"crm.whsec": secret, "qa.token": strings.Repeat("t", 40)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(rackDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if k.rack, err = modems.New(modems.Options{
		Dir: rackDir, Modems: n, Profiles: modems.Profiles(), Capacity: capacity,
		LatencyMin: time.Millisecond, LatencyMax: 5 * time.Millisecond, Seed: rand.Uint64(),
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, k.rack) })
	k.config = filepath.Join(dir, "modemgate.toml")
	return k, dir
}

func (k *killing) configure(text string) {
	k.t.Helper()
	if err := os.WriteFile(k.config, []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

func (k *killing) start() {
	k.child = k.argv("run", "-config", k.config)
	k.child.Stderr = &k.log
	if err := k.child.Start(); err != nil {
		k.t.Fatal(err)
	}
}

func (k *killing) kill() {
	if err := k.child.Process.Kill(); err != nil {
		k.t.Errorf("the gateway had ended before it was killed: %v\n%s", err, k.log.String())
	}
	k.kills = append(k.kills, time.Now())
	err := k.child.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		k.t.Errorf("the gateway ended by itself: %v\n%s", err, k.log.String())
	}
}

// end stops the last one as systemd does.
func (k *killing) end() {
	if err := k.child.Process.Signal(syscall.SIGTERM); err != nil {
		k.t.Error(err)
	}
	if err := k.child.Wait(); err != nil {
		k.t.Errorf("after SIGTERM: %v\n%s", err, k.log.String())
	}
}

// feed sends to one modem, often faster than its few slots are freed; not more than can be
// caught up with, however much of the time the program is ended.
func (k *killing) feed(ctx context.Context, modem int) {
	const mostHeld = 20
	for n := 0; pause(ctx, 150*time.Millisecond); n++ {
		if len(k.rack.Modem(modem).Held()) >= mostHeld {
			continue
		}
		k.mu.Lock()
		k.next++
		ref := k.next
		word := fmt.Sprintf("K%06d", ref)
		k.sent[word] = true
		k.mu.Unlock()
		text := word + " door open"
		if n%4 == 3 {
			text = word + strings.Repeat(" reading 48213 kWh;", 12)
		}
		k.rack.Modem(modem).Deliver(modems.SMS{From: "+4930123456", Text: text, Ref: ref})
	}
}

// pauseFor waits; the load and the program under test go on in real time.
func pauseFor(t *testing.T, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// words are the messages that have come, with their deliveries.
func (k *killing) words() map[string][]simulator.Delivery {
	got, _ := k.receiver.Deliveries()
	out := map[string][]simulator.Delivery{}
	for _, d := range got {
		if d.Event.Type == string(pool.SMSReceived) && d.Event.Data.Text != nil {
			word, _, _ := strings.Cut(*d.Event.Data.Text, " ")
			out[word] = append(out[word], d)
		}
	}
	return out
}

// drain waits until everything has come and the modems are empty.
func (k *killing) drain(limit time.Duration) {
	ctx, cancel := context.WithTimeout(k.t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		left := 0
		for i := range k.rack.Len() {
			left += len(k.rack.Modem(i).Stored()) + len(k.rack.Modem(i).Held())
		}
		if left == 0 && len(k.words()) >= len(k.sent) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (k *killing) judge() {
	got := k.words()
	for word := range k.sent {
		if len(got[word]) == 0 {
			k.t.Errorf("%s was lost", word)
		}
	}
	repeats := 0
	for word, ds := range got {
		if !k.sent[word] {
			k.t.Errorf("%q was never sent", word)
		}
		for i, d := range ds {
			if d.Fault != nil {
				k.t.Errorf("%s: %v", word, d.Fault)
			}
			if i == 0 {
				continue
			}
			repeats++
			if d.ID != ds[0].ID || !bytes.Equal(d.Body, ds[0].Body) {
				k.t.Errorf("%s came twice as different events: %s and %s", word, ds[0].ID, d.ID)
			} else if !k.inFlight(ds[i-1].At) {
				k.t.Errorf("%s came again though its answer was not on its way at a kill", word)
			}
		}
	}
	k.nothingDeletedUnread()
	k.t.Logf("%d messages, %d kills, %d repeats in flight at a kill", len(k.sent), len(k.kills), repeats)
}

// nothingDeletedUnread holds the rack's own log against the order, and finds the modems empty.
func (k *killing) nothingDeletedUnread() {
	read := map[uint64]bool{}
	for _, e := range k.rack.Events() {
		switch e.Kind {
		case modems.Read:
			read[e.MessageID] = true
		case modems.Deleted:
			if !read[e.MessageID] {
				k.t.Errorf("part %d was deleted unread", e.MessageID)
			}
		}
	}
	waitFor(k.t, "empty modems", func() bool { // a monitor's message may just have come
		for i := range k.rack.Len() {
			if len(k.rack.Modem(i).Stored()) > 0 {
				return false
			}
		}
		return true
	}, &k.log)
}

// inFlight says whether an answer given at that time can have been lost to a kill: its
// receipt had not been committed yet.
func (k *killing) inFlight(at time.Time) bool {
	for _, kill := range k.kills {
		if at.Before(kill.Add(50*time.Millisecond)) && kill.Sub(at) < 500*time.Millisecond {
			return true
		}
	}
	return false
}

func closing(t *testing.T, c io.Closer) {
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
