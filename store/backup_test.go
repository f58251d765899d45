package store

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"modemgate/pool"
)

// backedUp makes a backup of a store with an archive while it is open.
func backedUp(t *testing.T) (*shelf, string) {
	t.Helper()
	s := newShelf(t)
	s.retain(longest())
	s.add(s.now, 0)
	commit(t, s.Store, &pool.Change{Deliveries: []pool.Delivery{{Event: s.last - 9, Destination: "desk", State: pool.Pending, Message: s.last - 10, Since: s.now}}})
	path := filepath.Join(t.TempDir(), "backup.tar.gz")
	if err := writeSynced(path, func(f *os.File) error { _, err := s.Backup(f); return err }); err != nil {
		t.Fatal(err)
	}
	return s, path
}

// TestBackupRestores restores a backup in the place of a store that has gone on since, and
// on a new box: all of it is there, no id comes again, nothing goes out unasked.
func TestBackupRestores(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		fresh, send bool
	}{{"in place", false, false}, {"in place, to be sent", false, true}, {"new box", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, backup := backedUp(t)
			want := s.list(true, 1000)
			path := s.path
			after := s.last
			s.add(s.now, 1) // after the backup
			used := s.tally.LastID
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if c.fresh {
				path = filepath.Join(t.TempDir(), "store.db")
			}
			r, err := Restore(path, backup, RestoreOptions{Send: c.send, Who: "operator", Why: "test"})
			if err != nil {
				t.Fatal(err)
			}
			if !LeftInOrder(path) {
				t.Error("what was restored is to be checked again")
			}
			if (r.Replaced == "") != c.fresh {
				t.Errorf("replaced %q", r.Replaced)
			}
			s.path = path
			s.open()
			if got := s.list(true, 1000); len(got) != len(want) {
				t.Errorf("%d messages, not %d", len(got), len(want))
			}
			if _, there := s.Message(after); there {
				t.Error("what came after the backup is there")
			}
			snap, err := s.Load()
			if c.fresh { // the clock is above all that a box has used; this test's ids are above the clock
				used = uint64(time.Now().Add(-time.Minute).UnixMicro())
			}
			if err != nil || uint64(snap.NextID) <= used {
				t.Errorf("ids go on with %d, %d was used; %v", snap.NextID, used, err)
			}
			held := 0
			for _, d := range s.Destinations() {
				if d.Held > 0 {
					held++
				}
				for _, row := range s.Pending(d.Name) {
					if row.Event > d.Held && !c.send {
						t.Errorf("the delivery of event %d is not held", row.Event)
					}
					if c.send && (row.Event > d.Released || time.Since(d.ReleasedAt) > time.Hour) { // it may be older than it may wait
						t.Errorf("the time of event %d does not count from now: %+v", row.Event, d)
					}
				}
			}
			if (held > 0) == c.send || (r.Held > 0) == c.send {
				t.Errorf("%d destinations hold %d deliveries", held, r.Held)
			}
			if err := s.CheckAudit(); err != nil {
				t.Error(err)
			}
			newest := ""
			s.Audit(0, func(row AuditRow) bool { newest = row.What; return false })
			if newest != "store.restored" {
				t.Errorf("the newest entry of the audit log is %s", newest)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			left, err := filepath.Glob(filepath.Join(filepath.Dir(path), draftPattern))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestBackupRefusals touches nothing when a backup is not whole or not of this box, or
// the store is in use.
func TestBackupRefusals(t *testing.T) {
	t.Parallel()
	s, backup := backedUp(t)
	if _, err := Restore(s.path, backup, RestoreOptions{}); !errors.Is(err, ErrLocked) {
		t.Errorf("in use: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	plain := unzip(t, whole)
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "cut": whole[:len(whole)/2], "cut at its end": whole[:len(whole)-3], "its end is missing": zip(t, plain[:len(plain)-4096]),
		"a byte is another":    flip(whole, len(whole)/2),
		"another manifest":     zip(t, bytes.ReplaceAll(plain, []byte(`"sha256":"`), []byte(`"sha256":"0`))),
		"a file of a stranger": zip(t, bytes.ReplaceAll(plain, []byte("archive/2026-05-1"), []byte("../hive/2026-05-1"))),
		"a newer format":       zip(t, bytes.ReplaceAll(plain, []byte(`"format":1`), []byte(`"format":9`))),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "backup")
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Restore(s.path, file, RestoreOptions{})
			if !errors.Is(err, ErrNotBackup) && !errors.Is(err, ErrNewer) {
				t.Errorf("error %v", err)
			}
		})
	}
	other := filled(t, 1)
	if _, err := Restore(other, backup, RestoreOptions{}); !errors.Is(err, ErrForeign) {
		t.Errorf("foreign: %v", err)
	}
	s.open() // as it was
	if n := len(s.list(true, 1000)); n != shelfDays+1 {
		t.Errorf("%d messages", n)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func flip(data []byte, at int) []byte {
	out := bytes.Clone(data)
	out[at] ^= 0x10
	return out
}

func unzip(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func zip(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestOpenWaitsForRestore makes no new store in a folder into which one is being restored.
func TestOpenWaitsForRestore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	synctest.Test(t, func(t *testing.T) {
		done, err := lock(filepath.Dir(path)) // as Restore does
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{}); !errors.Is(err, ErrLocked) {
			t.Errorf("%v", err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Error("there is a store")
		}
		time.AfterFunc(lockTimeout/2, done)
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestRestoreWithoutMarker leaps over all ids that may have been used where no marker says
// which were.
func TestRestoreWithoutMarker(t *testing.T) {
	t.Parallel()
	s, backup := backedUp(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "store.db")
	if _, err := Restore(path, backup, RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	if m, err := readMarker(path); err != nil || m.Ceiling < uint64(s.last-10)+stride {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestBackupInto keeps as many as it should, also where the clock was wrong.
func TestBackupInto(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	dir := t.TempDir()
	own := "modemgate-" + s.Header().Instance[:instanceLen] + "-"
	for _, name := range []string{own + "20400101T000000Z.tar.gz", own + "20400102T000000Z.tar.gz", own + "20200101T000000Z.tar.gz", own + "20200102T000000Z.tar.gz", "modemgate-00000000-20200101T000000Z.tar.gz", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path, err := s.BackupInto(t.Context(), dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Backups(dir, s.Header().Instance) // those of a clock that was ahead go first
	if err != nil || len(list) != 2 || list[0] != path || filepath.Base(list[1]) != own+"20200102T000000Z.tar.gz" {
		t.Errorf("%v, %v", list, err)
	}
	if all, err := Backups(dir, ""); err != nil || len(all) != 3 { // another box's is not touched
		t.Errorf("%v, %v", all, err)
	}
	if age := time.Since(TakenAt(path)); age < 0 || age > time.Hour {
		t.Errorf("taken %v ago", age)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if m, err := CheckBackup(f); err != nil || m.Instance != s.Header().Instance || m.Records == 0 {
		t.Errorf("%+v, %v", m, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestBackupWhileWriting takes backups of a store under load: each is whole, and has all
// that was committed before it began.
func TestBackupWhileWriting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "modemgate.db")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	var newest atomic.Uint64 // that is committed
	begun := make(chan struct{})
	go func() {
		defer close(stopped)
		for n := pool.ID(2_000_000_000_000_000); ; n += 2 {
			select {
			case <-stop:
				return
			default:
			}
			done := make(chan error, 1)
			s.Submit(change(n), func(err error) { done <- err })
			if <-done != nil {
				return
			}
			if newest.Swap(uint64(n)) == 0 {
				close(begun)
			}
		}
	}()
	select {
	case <-begun:
	case <-stopped:
		t.Fatal("nothing is written")
	}
	for round := range 4 {
		last := pool.ID(newest.Load())
		var b bytes.Buffer
		if _, err := s.Backup(&b); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if _, err := readBackup(&b, dir); err != nil {
			t.Fatal(err)
		}
		fresh, err := Open(filepath.Join(dir, databaseEntry), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, there := fresh.Message(last); !there {
			t.Errorf("round %d: message %d was committed before and is not in it", round, last)
		}
		if err := fresh.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	<-stopped
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
