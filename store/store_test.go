package store

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modemgate/pool"
)

// childPath makes the test binary a child that writes to that store until it is killed.
const childPath = "MODEMGATE_TEST_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		os.Exit(writeForEver(path))
	}
	if path := os.Getenv(checkedPath); path != "" {
		os.Exit(checkForParent(path))
	}
	os.Exit(m.Run())
}

// change is one message with its event, its delivery, its digest and its audit entry.
func change(n pool.ID) *pool.Change {
	text := fmt.Sprintf("text %d", n)
	digest := pool.Digest{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	return &pool.Change{
		Messages:   []pool.Message{{ID: n, Kind: pool.Text, ICCID: "8949", Text: &text, Digests: []pool.Digest{digest}}},
		Events:     []pool.Event{{ID: n + 1, Type: pool.SMSReceived, Message: n, At: time.Unix(1_800_000_000, 0).UTC()}},
		Deliveries: []pool.Delivery{{Event: n + 1, Destination: "crm", State: pool.Pending, Message: n}},
		Seen:       []pool.Seen{{ICCID: "8949", Digest: digest, Holder: n}},
		Audit:      []pool.Audit{{Who: "modemgate", What: "test"}},
	}
}

// writeForEver commits changes, many at a time, and says on its output which are on disk.
func writeForEver(path string) int {
	s, err := Open(path, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	snap, err := s.Load()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	out := bufio.NewWriter(os.Stdout)
	for n := snap.NextID; ; n += 2 {
		done := make(chan struct{}, 1)
		s.Submit(change(n), func(err error) {
			if err == nil {
				fmt.Fprintln(out, n)
				_ = out.Flush() // the reader sees what does not come
			}
			done <- struct{}{}
		})
		if n%16 == 0 {
			<-done
		}
	}
}

// TestKilledWriter kills a process that writes, again and again: what it said was on
// disk is there, each change whole, ids never come twice, and the store opens.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "modemgate.db")
	said := map[pool.ID]bool{}
	for round := range 5 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childPath+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := 0
		for r := bufio.NewScanner(out); r.Scan(); {
			var id pool.ID
			if n, _ := fmt.Sscan(r.Text(), &id); n == 1 && len(r.Text()) == 16 {
				if said[id] {
					t.Fatalf("id %d came twice", id)
				}
				said[id] = true
			}
			if lines++; lines == 200+50*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		if LeftInOrder(path) {
			t.Error("a killed store calls itself left in order")
		}
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		rows := map[pool.ID]bool{}
		for _, d := range s.Pending("crm") {
			rows[d.Message] = true
		}
		found := 0
		s.Messages(0, true, func(m *pool.Message) bool {
			found++
			seen, ok := s.Seen("8949", m.Digests[0])
			if ev, there := s.Event(m.ID + 1); !ok || seen.Holder != m.ID || !there || ev.Message != m.ID || !rows[m.ID] {
				t.Errorf("message %d is there without its digest, event or delivery", m.ID)
			}
			return true
		})
		for id := range said {
			if _, ok := s.Message(id); !ok {
				t.Errorf("message %d was on disk and is lost", id)
			}
		}
		if found < len(said) {
			t.Errorf("%d messages of %d", found, len(said))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if !LeftInOrder(path) {
			t.Error("a closed store calls itself not left in order")
		}
	}
	if len(said) < 1000 {
		t.Errorf("only %d messages were said to be on disk", len(said))
	}
}

// TestDamagedRecord flips one byte of a record: it is left out and counted, all others are read.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "modemgate.db")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []pool.ID
	for i := range 5 {
		ids = append(ids, pool.ID(2_000_000_000_000_000)+pool.ID(2*i))
		commit(t, s, change(ids[i]))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.ReplaceAll(string(file), fmt.Sprintf("text %d", ids[2]), fmt.Sprintf("tex! %d", ids[2]))
	if broken == string(file) {
		t.Fatal("the text is not in the file")
	}
	if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for i, id := range ids {
		if _, ok := s.Message(id); ok == (i == 2) {
			t.Errorf("message %d: read %v", i, ok)
		}
	}
	if s.Damaged() == 0 {
		t.Error("the damage was not counted")
	}
}

func commit(t *testing.T, s *Store, c *pool.Change) {
	t.Helper()
	done := make(chan error, 1)
	s.Submit(c, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestRefusals opens what is no store of ours.
func TestRefusals(t *testing.T) {
	t.Parallel()
	t.Run("another process has it", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "modemgate.db")
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{}); !errors.Is(err, ErrLocked) {
			t.Errorf("error %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("the file is gone, its marker is there", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "modemgate.db")
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Close(), os.Remove(path)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{}); !errors.Is(err, ErrLost) {
			t.Errorf("error %v", err)
		}
	})
	for name, text := range map[string]string{"another file": strings.Repeat("hello ", 10_000), "zeros": strings.Repeat("\x00", 65536)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "modemgate.db")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(path, Options{}); !errors.Is(err, ErrNotStore) && !errors.Is(err, ErrDamaged) {
				t.Errorf("error %v", err)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != text {
				t.Error("what is not ours was changed")
			}
		})
	}
}

// TestOrder commits in the order of submission, and calls back in that order.
func TestOrder(t *testing.T) {
	t.Parallel()
	s, err := Open(filepath.Join(t.TempDir(), "modemgate.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	last := make(chan struct{})
	for i := range 500 {
		s.Submit(change(pool.ID(2_000_000_000_000_000)+pool.ID(2*i)), func(err error) {
			if err != nil {
				t.Error(err)
			}
			if got = append(got, i); i == 499 {
				close(last)
			}
		})
	}
	<-last
	for i, n := range got {
		if i != n {
			t.Fatalf("callback %d came in place %d", n, i)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	late := make(chan error, 1)
	s.Submit(change(1), func(err error) { late <- err })
	if err := <-late; !errors.Is(err, ErrClosed) {
		t.Errorf("a change after the close: %v", err)
	}
}
