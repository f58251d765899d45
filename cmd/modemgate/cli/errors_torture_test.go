//go:build torture

package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"modemgate/protocol"
)

var tortureErrors = flag.Int("torture-errors", 40, "how many failing calls TestTortureErrors tries")

// injected is a command whose system calls fail: call the nth of its kind, or from then on.
// What it has called is written to a file.
func injected(call, with string, nth int, on bool, trace string, argv ...string) *exec.Cmd {
	when := strconv.Itoa(nth)
	if on {
		when += "+"
	}
	return exec.Command("strace", append([]string{"-f", "-qq", "-o", trace, "-e", "trace=" + call, "-e", "inject=" + call + ":" + with + ":when=" + when}, argv...)...)
}

// TestTortureErrors lets writes, syncs, truncations and renames of a store fail, once and
// from then on, with every error that a disk gives. The process ends by itself where the
// failure concerns what it has promised; what it had promised is there afterwards, whole.
func TestTortureErrors(t *testing.T) {
	keeper, _ := buildKeeper(t)
	rng := seeded(t)
	ended, survived := 0, 0
	for range *tortureErrors {
		call := []string{"pwrite64", "pwrite64", "fdatasync", "fdatasync", "fsync", "ftruncate", "fallocate", "renameat"}[rng.IntN(8)]
		with := []string{"EIO", "ENOSPC", "EROFS"}[rng.IntN(3)]
		nth, on := 1+rng.IntN(4), rng.IntN(2) == 0 // most are rare
		if call == "pwrite64" || call == "fdatasync" {
			nth = 1 + rng.IntN(200) // counted by thread
		}
		name := fmt.Sprintf("%s, %s, call %d, from then on %v", call, with, nth, on)
		dir := t.TempDir()
		db := filepath.Join(dir, "modemgate.db")
		if rng.IntN(2) == 0 { // a store that is there already
			if out, err := exec.Command(keeper, "open", db).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		cmd := injected(call, "error="+with, nth, on, filepath.Join(dir, "calls"), keeper, "write", db)
		var said, why bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &why
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		limit := time.NewTimer(1500 * time.Millisecond)
		select {
		case err := <-done:
			ended++
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.ExitCode() != 1 {
				t.Errorf("%s: %v\n%.500s", name, err, why.String())
			}
		case <-limit.C:
			survived++
			_ = exec.Command("pkill", "-KILL", "-f", db).Run() // strace goes with it
			<-done                                             //nolint:errcheck // it was killed
			calls, err := os.ReadFile(filepath.Join(dir, "calls"))
			if err != nil {
				t.Error(err)
			}
			if failed := bytes.Contains(calls, []byte("INJECTED")); failed && (call == "fdatasync" || call == "pwrite64") {
				t.Errorf("%s: it went on", name)
			}
		}
		limit.Stop()
		if _, err := os.Stat(db); err != nil {
			if said.Len() > 0 {
				t.Errorf("%s: the store is gone", name)
			}
			continue
		}
		if out, err := exec.Command(keeper, "check", db).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
			continue
		}
		listed, err := exec.Command(keeper, "list", db).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%.300s", name, err, listed)
		}
		for id := range strings.FieldsSeq(said.String()) {
			if len(id) == 16 && !bytes.Contains(listed, []byte(id)) {
				t.Errorf("%s: record %s was promised and is lost", name, id)
			}
		}
	}
	t.Logf("%d ended by themselves, %d went on", ended, survived)
	if ended == 0 {
		t.Error("nothing ended: the run is void")
	}
}

// TestTortureProgramErrors lets a sync or a write of the whole program fail under load. It
// ends within a second, without a further word of success; the next one loses nothing.
func TestTortureProgramErrors(t *testing.T) {
	program, _ := buildWithFailpoints(t)
	for _, c := range []struct {
		call, with string
		on         bool
	}{{"fdatasync", "EIO", false}, {"pwrite64", "ENOSPC", true}, {"pwrite64", "EIO", false}, {"fdatasync", "EROFS", true}} {
		t.Run(c.call+" "+c.with, func(t *testing.T) {
			k := newTorture(t, program)
			k.meet()
			ctx, stop := context.WithCancel(t.Context())
			var load sync.WaitGroup
			for i := range k.rack.Len() {
				load.Go(func() { k.feed(ctx, i) })
			}
			log := &journal{}
			k.child = injected(c.call, "error="+c.with, 80+k.rng.IntN(100), c.on, "/dev/null", program, "run", "-config", k.config)
			k.child.Stderr = log
			if err := k.child.Start(); err != nil {
				t.Fatal(err)
			}
			err := k.child.Wait()
			k.kills = append(k.kills, time.Now())
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
				t.Errorf("%v\n%s", err, log)
			}
			if !strings.Contains(log.String(), "the store has failed") || !strings.Contains(log.String(), "alarm=store_error") {
				t.Errorf("the log does not tell of it:\n%s", log)
			}
			k.start() // the disk is well again
			pauseFor(t, time.Second)
			stop()
			load.Wait()
			k.drain(60 * time.Second)
			waitFor(t, "an empty outbox", k.outboxEmpty, &k.log)
			k.confirmed()
			k.nothingDeletedUnread()
			k.end()
		})
	}
}

// TestTortureReads lets the disk give nothing when a store that was killed is read again.
// It is not taken for damage: no backup takes its place, and all is there afterwards.
func TestTortureReads(t *testing.T) {
	program, _ := buildWithFailpoints(t)
	k := newTorture(t, program)
	k.more(fmt.Sprintf("[backup]\ndir = %q\n", t.TempDir()))
	k.meet()
	k.start()
	k.send(&k.log)
	k.drain(30 * time.Second)
	k.kill()
	for _, nth := range []int{1, 2, 5} {
		log := &journal{}
		k.child = injected("pread64", "error=EIO", nth, true, "/dev/null", program, "run", "-config", k.config)
		k.child.Stderr = log
		if err := k.child.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "a word", func() bool { return strings.Contains(log.String(), "modemgate runs") }, log)
		waits := strings.Contains(log.String(), "the store can't be used")
		if !waits && nth == 1 || strings.Contains(log.String(), "put aside") { // later ones may suffice to open it
			t.Errorf("from read %d on:\n%s", nth, log)
		}
		_ = exec.Command("pkill", "-KILL", "-f", k.config).Run() // strace goes with it
		_ = k.child.Wait()
	}
	k.start()
	k.send(&k.log)
	k.end()
	if n := len(k.words()); n != len(k.sent) {
		t.Errorf("%d of %d", n, len(k.sent))
	}
}

// TestTortureFullDisk fills the disk of a running gateway, to the floor and then to the last
// byte. Messages stay on the SIMs, new reservations get 507, releases go through; when
// there is room again everything comes, without a restart.
func TestTortureFullDisk(t *testing.T) {
	program, _ := buildWithFailpoints(t)
	k := newTorture(t, program)
	data := filepath.Join(filepath.Dir(k.config), "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	shell(t, "mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", data)
	defer shell(t, "umount", data)
	k.meet()
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for i := range k.rack.Len() {
		load.Go(func() { k.feed(ctx, i) })
	}
	log := &journal{}
	k.child = exec.Command(program, "run", "-config", k.config)
	k.child.Stderr = log
	if err := k.child.Start(); err != nil {
		t.Fatal(err)
	}
	var open []string
	waitFor(t, "reservations", func() bool {
		var r protocol.Reservation
		if k.call(t.Context(), "POST", "/v1/reservations", bookingBody, fmt.Sprint("full-", len(open)), &r) == nil {
			open = append(open, r.ID)
		}
		return len(open) == 5
	}, log)
	fill := filepath.Join(data, "fill")
	f, err := os.Create(fill)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	chunk := make([]byte, 64<<10)
	left := func() uint64 { return freeBytes(t, data) }
	for left() > 3<<20 { // the floor
		if _, err := f.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	refused := func() bool {
		err := k.call(t.Context(), "POST", "/v1/reservations", bookingBody, "", nil)
		return err != nil && strings.HasPrefix(err.Error(), strconv.Itoa(http.StatusInsufficientStorage))
	}
	waitFor(t, "507", refused, log)
	waitFor(t, "the alarm", func() bool { return strings.Contains(log.String(), "alarm=no_room") }, log)
	for { // to the last byte
		if _, err := f.Write(chunk); err != nil {
			break
		}
	}
	for _, id := range open[:3] {
		if err := k.call(t.Context(), "DELETE", "/v1/reservations/"+id, "", "", nil); err != nil {
			t.Errorf("a release on a full disk: %v", err)
		}
	}
	held := func() (n int) {
		for i := range k.rack.Len() {
			n += len(k.rack.Modem(i).Stored())
		}
		return n
	}
	waitFor(t, "messages on the SIMs", func() bool { return held() > 50 }, log)
	if !refused() {
		t.Error("a reservation was taken on a full disk")
	}
	if strings.Contains(log.String(), "the store has failed") {
		t.Fatalf("it did not survive\n%s", log)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end of the alarm", func() bool { return strings.Contains(log.String(), `alarm cleared" alarm=no_room`) }, log)
	stop()
	load.Wait()
	k.drain(60 * time.Second)
	waitFor(t, "an empty outbox", k.outboxEmpty, log)
	if n := k.confirmed(); n > 0 {
		t.Errorf("%d messages came twice", n)
	}
	k.nothingDeletedUnread()
	k.end()
}

func freeBytes(t *testing.T, dir string) uint64 {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return st.Bavail * uint64(st.Bsize)
}
