package store

import (
	"fmt"
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
)

// room looks at the disk, not more often than once in roomAge.
type room struct {
	path string
	mu   sync.Mutex
	at   time.Time
	err  error
}

// Room says whether there is room on the disk for more; ErrNoRoom when there is not.
func (s *Store) Room() error {
	r := &s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.at) >= roomAge {
		r.at, r.err = now, nil
		var st unix.Statfs_t
		if err := unix.Statfs(filepath.Dir(r.path), &st); err == nil {
			if free := st.Bavail * uint64(st.Bsize); free < roomFloor {
				r.err = fmt.Errorf("%w: %d KiB are free", ErrNoRoom, free>>10)
			}
		}
	}
	return r.err
}

// Disk says how many bytes of the store's disk are free, and how many it has; 0 and 0
// when that can't be told.
func (s *Store) Disk() (free, total uint64) {
	var st unix.Statfs_t
	if unix.Statfs(filepath.Dir(s.path), &st) != nil {
		return 0, 0
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize)
}
