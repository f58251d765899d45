package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// roomFloor is how much of the disk stays free: receipts, releases and deletes must
	// still find room when nothing new is taken in.
	roomFloor = 4 << 20
	roomAge   = time.Second // for so long a look at the disk counts
	// reserve is how many bytes behind its last page the file has blocks for: another
	// program may take the rest of the disk, and what is open can still be closed.
	reserve = 2 << 20
)

// room looks at the disk, not more often than once in roomAge.
type room struct {
	path string
	mu   sync.Mutex
	at   time.Time
	err  error
	dry  bool // the reserve could not be had
}

// Room says whether there is room on the disk for more; ErrNoRoom when there is not.
func (s *Store) Room() error {
	r := &s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.at) >= roomAge {
		r.at, r.err = now, nil
		free, total := diskOf(r.path)
		switch {
		case total == 0: // it can't be told
		case free < roomFloor:
			r.err = fmt.Errorf("%w: %d KiB are free", ErrNoRoom, free>>10)
		case r.dry:
			r.err = fmt.Errorf("%w: none can be set aside", ErrNoRoom)
			s.signal() // the committer tries again
		}
	}
	return r.err
}

func (r *room) setDry(dry bool) {
	r.mu.Lock()
	r.dry = dry
	r.mu.Unlock()
}

func (r *room) isDry() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dry
}

// setAside gives the file blocks for reserve bytes behind used, the end of its last page,
// before they are needed. The committer's own. Where the file system knows no such thing
// there is no reserve.
func (s *Store) setAside(used int64) error {
	s.used = used
	if used+reserve/2 <= s.aside {
		return nil
	}
	want := (used + reserve + 1<<16 - 1) &^ (1<<16 - 1)
	if free, total := diskOf(s.path); total > 0 && free < uint64(max(want-s.aside, 0))+roomFloor/2 {
		s.room.setDry(true)
		return nil
	}
	switch err := unix.Fallocate(int(s.file.Fd()), 0, 0, want); {
	case err == nil:
		if err := s.file.Sync(); err != nil {
			return err
		}
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG):
		s.room.setDry(true)
		return nil
	case errors.Is(err, unix.EINTR):
		return nil // the next change brings us here again
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
	default:
		return os.NewSyscallError("fallocate", err)
	}
	s.aside = want
	s.room.setDry(false)
	return nil
}

// Disk says how many bytes of the store's disk are free, and how many it has; 0 and 0
// when that can't be told.
func (s *Store) Disk() (free, total uint64) { return diskOf(s.path) }

func diskOf(path string) (free, total uint64) {
	var st unix.Statfs_t
	if unix.Statfs(filepath.Dir(path), &st) != nil {
		return 0, 0
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize)
}
