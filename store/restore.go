package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"modemgate/pool"
)

// stride is how far ids leap when no marker says up to where they were used: more than a
// box uses in a year, as ids are microseconds.
const stride = uint64(366 * 24 * time.Hour / time.Microsecond)

// RestoreOptions says how a backup is restored.
type RestoreOptions struct {
	// Send lets go out what was pending when the backup was taken: much of it may have
	// been delivered since. Otherwise it is held until each destination is resumed.
	Send     bool
	Aside    string // what the name of the store that it replaces tells; empty: replaced
	Who, Why string // of the audit entry
}

// Restored says what Restore has done.
type Restored struct {
	Manifest
	Held     int    // deliveries that wait for a word of the operator
	Replaced string // where the store that was there lies now; empty: there was none
}

// Restore puts a backup in the place of the store at path, which is kept under another
// name. Nothing is touched before the backup is known to be whole. The store's marker is
// kept, so no id is used again. ErrLocked: somebody has the store open.
func Restore(path, backup string, o RestoreOptions) (*Restored, error) {
	for _, what := range []string{filepath.Dir(path), path} { // one restore at a time, and no daemon
		unlock, err := lock(what)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	was, err := readMarker(path)
	if err != nil && !errors.Is(err, errMarker) {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), draftPattern)
	if err != nil {
		return nil, err
	}
	r, err := restore(path, backup, dir, was, o)
	return r, errors.Join(err, os.RemoveAll(dir))
}

func restore(path, backup, dir string, was marker, o RestoreOptions) (*Restored, error) {
	f, err := os.Open(backup)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := readBackup(f, dir)
	if err != nil {
		return nil, err
	}
	if was.Instance != "" && was.Instance != m.Instance {
		return nil, fmt.Errorf("%w: the backup is of another one than this box had", ErrForeign)
	}
	fresh, shelves := filepath.Join(dir, databaseEntry), filepath.Join(filepath.Dir(path), "archive")
	if report, err := Check(fresh); err != nil {
		return nil, err
	} else if !report.Sound() {
		return nil, fmt.Errorf("%w backup: %s", ErrDamaged, report.Faults[0])
	}
	r := &Restored{Manifest: *m}
	last, err := r.prepare(fresh, o)
	if err != nil {
		return nil, err
	}
	if err := adopt(dir, path); err != nil {
		return nil, err
	}
	next := marker{Instance: m.Instance, Ceiling: max(was.Ceiling, last)}
	if was.Instance == "" {
		next.Ceiling += stride
	}
	if err := next.write(path); err != nil {
		return nil, err
	}
	//failpoint:before_restored
	// From here on there is always one of the two stores at path, whole, and the marker is
	// that of both; until the end it calls neither left in order.
	suffix := o.Aside
	if suffix == "" {
		suffix = "replaced"
	}
	suffix += "-" + time.Now().UTC().Format("20060102T150405.000Z")
	if _, err = putAside(shelves, suffix); err != nil {
		return nil, err
	}
	if err := ignoreAbsent(os.Rename(filepath.Join(dir, "archive"), shelves)); err != nil {
		return nil, err
	}
	if err := ignoreAbsent(os.Link(path, path+"."+suffix)); err != nil {
		return nil, err
	} else if _, err := os.Lstat(path + "." + suffix); err == nil {
		r.Replaced = path + "." + suffix
	}
	//failpoint:put_aside
	if err := errors.Join(os.Rename(fresh, path), syncDir(filepath.Dir(path))); err != nil {
		return nil, err
	}
	next.Clean = true
	return r, next.write(path)
}

// adopt puts what was unpacked on disk, and gives it to whom the store's folder belongs.
func adopt(dir, path string) error {
	if err := ignoreAbsent(syncDir(filepath.Join(dir, "archive"))); err != nil {
		return err
	}
	var st unix.Stat_t
	if os.Geteuid() != 0 {
		return nil
	}
	if err := unix.Stat(filepath.Dir(path), &st); err != nil {
		return &os.PathError{Op: "stat", Path: filepath.Dir(path), Err: err}
	}
	return filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, int(st.Uid), int(st.Gid))
	})
}

// prepare notes in the fresh store what has become of it, and holds what waits. It
// returns the highest id that the store knows of.
func (r *Restored) prepare(path string, o RestoreOptions) (last uint64, err error) {
	s, err := Open(path, Options{})
	if err != nil {
		return 0, err
	}
	at := time.Now().UTC()
	c := &pool.Change{Audit: []pool.Audit{{At: at, Who: o.Who, What: "store.restored", Subject: "backup of " + r.Taken.Format(time.RFC3339), Why: o.Why}}}
	known := map[string]pool.DestinationState{}
	for _, d := range s.Destinations() {
		known[d.Name] = d
	}
	for _, name := range s.OutboxNames() {
		d := known[name]
		if o.Send { // as a resume does, whether it was held when the backup was taken or not
			d.Name, d.Held, d.Released, d.ReleasedAt = name, 0, pool.ID(s.tally.LastID), at
			c.Destinations = append(c.Destinations, d)
			continue
		}
		d.Name, d.Held = name, pool.ID(s.tally.LastID)
		if !d.Paused {
			d.Why, d.Since = "restored", at
		}
		c.Destinations = append(c.Destinations, d)
		depth, _ := s.Outbox(name)
		r.Held += depth
	}
	last = s.tally.LastID
	done := make(chan error, 1)
	s.Submit(c, func(err error) { done <- err })
	return last, errors.Join(<-done, s.Close())
}

// putAside renames what is at path, if anything is, and returns its new name.
func putAside(path, suffix string) (string, error) {
	to := path + "." + suffix
	err := unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", &os.LinkError{Op: "rename", Old: path, New: to, Err: err}
	}
	return to, syncDir(filepath.Dir(path))
}
