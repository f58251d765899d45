package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	bolt "go.etcd.io/bbolt"

	"modemgate/pool"
)

// Errors that callers tell apart, besides ErrDamaged.
var (
	// ErrLocked means that another process has the store open; the text names it where it can be found.
	ErrLocked = errors.New("in use")
	// ErrNewer means that a later version of modemgate wrote the store. Nothing was changed.
	ErrNewer = errors.New("written by a newer version")
	// ErrNotStore means that the file is no store: empty, or some other program's.
	ErrNotStore = errors.New("not a store")
	// ErrLost means that a marker says there was a store here, and the file is gone.
	ErrLost = errors.New("the store is lost")
	// ErrClosed means that Close was called before.
	ErrClosed = errors.New("store is closed")
	// ErrNoRoom means that the disk is nearly full.
	ErrNoRoom = errors.New("no room on the disk")
)

// Options adjusts a Store. The zero value works.
type Options struct {
	Logger     *slog.Logger          // nil: discarded
	Registerer prometheus.Registerer // nil: metrics are kept but not exported
}

// Store is an open store. Its methods are safe for concurrent use.
type Store struct {
	path    string
	logger  *slog.Logger
	db      *bolt.DB
	header  Header // as found, before it was opened
	damaged atomic.Int64
	archive *archive
	seconds prometheus.Histogram
	room    room

	// The committer's own.
	tally   tally
	marker  marker
	seq     uint64 // of the newest audit entry
	head    [sha256.Size]byte
	pending map[string]*depth // by destination; guarded by mu

	mu      sync.Mutex
	queue   []*submission
	closing bool
	err     error

	wake      chan struct{} // something was queued, or closing was set
	failed    chan struct{}
	committed chan struct{} // the committer has ended
}

var _ pool.Store = (*Store)(nil)

// Open opens the store at path, or creates it when there is neither a file nor a
// marker of one. Exactly one process has it; ErrLocked comes after 1 s. Close ends
// what Open begins.
func Open(path string, o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		path: path, logger: o.Logger, seconds: newCommitSeconds(), pending: map[string]*depth{}, room: room{path: path},
		wake: make(chan struct{}, 1), failed: make(chan struct{}), committed: make(chan struct{}),
	}
	s.archive = newArchive(path, s.damage)
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("opening store %s: %w", path, err)
	}
	if err := s.register(o.Registerer); err != nil {
		return nil, errors.Join(fmt.Errorf("registering metrics: %w", err), s.db.Close())
	}
	go s.commitLoop()
	return s, nil
}

// open leaves s with an open file of this schema, marked as running.
func (s *Store) open() (err error) {
	if s.marker, err = readMarker(s.path); err != nil {
		return err
	}
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) && s.marker.Instance != "" {
		return ErrLost
	}
	if err := createIfAbsent(s.path); err != nil {
		return err
	}
	if s.db, err = openFile(s.path); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

func (s *Store) begin() error {
	err := guard(func() error {
		return s.db.View(func(tx *bolt.Tx) (err error) {
			if err := complete(tx, s.path); err != nil {
				return err
			}
			if s.header, s.tally, err = readMeta(tx); err != nil {
				return err
			}
			s.loadDepths(tx)
			s.loadAudit(tx)
			return nil
		})
	})
	if err != nil {
		return err
	}
	first := max(s.tally.LastID, s.marker.Ceiling, uint64(time.Now().UnixMicro()))
	s.tally.LastID = first
	s.marker = marker{Instance: s.header.Instance, Ceiling: first + idsAhead}
	if err := s.marker.write(s.path); err != nil {
		return fmt.Errorf("marker: %w", err)
	}
	return s.mark(false)
}

// mark records whether the store was left in order.
func (s *Store) mark(clean bool) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		h := s.header
		h.Clean = clean
		if err := migrate(tx, &h); err != nil {
			return err
		}
		return putMeta(tx, headerKey(), h)
	})
}

// Header returns the header as Open found it: Clean says how the last run ended; it is
// false for a store that was just created.
func (s *Store) Header() Header { return s.header }

// Close commits what was submitted, marks the store as left in order unless it failed,
// and closes the file. Later changes fail with ErrClosed.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closing = true
	s.mu.Unlock()
	s.signal()
	<-s.committed
	err := s.Err()
	if err == nil {
		err = s.mark(true)
	}
	return errors.Join(err, s.db.Close())
}

// Failed is closed when the store can no longer write. The process should end then.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Err says why the store failed; nil while it works.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Bytes is the size of the file.
func (s *Store) Bytes() int64 {
	info, err := os.Stat(s.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// damage notes a record that is not what was written. It is left out.
func (s *Store) damage(err error) {
	s.damaged.Add(1)
	s.logger.Error("a record is damaged and left out", "error", err)
}
