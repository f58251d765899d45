package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

const (
	fileMode = 0o600
	// lockTimeout is how long another process may take to let go of the file.
	lockTimeout = time.Second
)

// initialMapSize is how much address space is reserved at once: while the file
// fits into it, no growth waits for readers. 32-bit processes have 2 GiB in all.
func initialMapSize() int {
	if bits.UintSize == 32 {
		return 256 << 20
	}
	return 1 << 30
}

// openFile opens an existing file for writing.
func openFile(path string) (*bolt.DB, *os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if info.Size() == 0 { // bbolt would make it a new, empty database
		return nil, nil, fmt.Errorf("%w: the file is empty", ErrNotStore)
	}
	return openBolt(path, &bolt.Options{
		Timeout:         lockTimeout,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: initialMapSize(),
		NoFreelistSync:  true, // a walk over a small file at open, a page less at each commit
	})
}

// openBolt opens path and says in the store's own terms why it cannot. The file is the
// database's, closed with it.
func openBolt(path string, o *bolt.Options) (_ *bolt.DB, _ *os.File, err error) {
	var db *bolt.DB
	var file *os.File
	o.OpenFile = func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}
	defer func() {
		if db == nil && file != nil {
			letGo(file)
		}
	}()
	err = guard(func() (err error) {
		db, err = bolt.Open(path, fileMode, o)
		return err
	})
	switch {
	case err == nil:
		return db, file, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, nil, fmt.Errorf("%w by %s", ErrLocked, holder(path))
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return nil, nil, fmt.Errorf("%w file: %w", ErrDamaged, err)
	default:
		return nil, nil, err
	}
}

// letGo unlocks and closes a file of which the database has found that it is broken. The
// database's own walk over the pages may still go on, which can't be waited for: closing
// the database would take the pages from under it and end the process.
func letGo(file *os.File) {
	_ = unix.Flock(int(file.Fd()), unix.LOCK_UN)
	_ = file.Close()
}

// guard runs fn and makes an error of what bbolt does on a broken file: it
// panics, and pages beyond the end of a cut file fault.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w file: %v", ErrDamaged, r)
		}
	}()
	return fn()
}

// createIfAbsent makes an empty store when there is no file at path. It is
// built under another name and takes its place only when it is whole and on
// disk, so that no crash leaves half a store behind.
func createIfAbsent(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), draftPattern)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }() // gone already when all went well
	if err := draft.Close(); err != nil {
		return err
	}
	if err := initialize(draft.Name()); err != nil {
		return fmt.Errorf("creating: %w", err)
	}
	// Never over a store that another process created meanwhile.
	err = unix.Renameat2(unix.AT_FDCWD, draft.Name(), unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("putting the new file in place: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// initialize writes header and buckets into the empty file at path.
func initialize(path string) error {
	db, _, err := openBolt(path, &bolt.Options{Timeout: lockTimeout, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, b := range buckets() {
			if _, err := tx.CreateBucket([]byte(b)); err != nil {
				return err
			}
		}
		if err := putHeader(tx, newHeader()); err != nil {
			return err
		}
		return putMeta(tx, tallyKey(), tally{Records: map[bucket]int{}})
	})
	return errors.Join(err, db.Close())
}

// allocated is up to where a file has blocks, as far as that can be told.
func allocated(info fs.FileInfo) int64 {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return min(st.Size, int64(st.Blocks)*512) //nolint:unconvert // it is an int64 on some machines only
}

// syncDir puts a directory's entries on disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
