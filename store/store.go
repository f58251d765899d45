package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
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
	// ErrLost means that a marker says there was a store here, and the file is gone or empty.
	ErrLost = errors.New("the store is lost")
	// ErrForeign means that the file is a store, but not the one of this box.
	ErrForeign = errors.New("another box's store")
	// ErrClosed means that Close was called before.
	ErrClosed = errors.New("store is closed")
	// ErrNoRoom means that the disk is nearly full.
	ErrNoRoom = errors.New("no room on the disk")
)

// Options adjusts a Store. The zero value works.
type Options struct {
	Logger     *slog.Logger          // nil: discarded
	Registerer prometheus.Registerer // nil: metrics are kept but not exported
	// Unchecked means that the store should have been checked and was not: Close does not
	// mark it as left in order.
	Unchecked bool
}

// Store is an open store. Its methods are safe for concurrent use.
type Store struct {
	path    string
	logger  *slog.Logger
	db      *bolt.DB // nil: see Unusable
	file    *os.File // that db has open
	header  Header   // as found, before it was opened
	damages damages
	half    bool // one of the file's two headers was damaged
	checked bool
	archive *archive
	seconds prometheus.Histogram
	room    room

	// The committer's own.
	tally   tally
	marker  marker
	seq     uint64 // of the newest audit entry
	head    [sha256.Size]byte
	pending map[string]*depth // by destination; guarded by mu
	used    int64             // bytes up to the end of the last page
	aside   int64             // bytes that the file has blocks for

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
// what Open begins. An error that is none of this package's is of the disk: it may pass.
func Open(path string, o Options) (*Store, error) {
	s := newStore(path, o)
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("opening store %s: %w", path, err)
	}
	if err := s.register(o.Registerer); err != nil {
		return nil, errors.Join(fmt.Errorf("registering metrics: %w", err), s.db.Close())
	}
	go s.commitLoop()
	return s, nil
}

// Unusable is a store in whose place nothing can be written or read, because of err: it
// has failed from the beginning and looks empty. With it a gateway can say what is wrong.
func Unusable(path string, err error, o Options) (*Store, error) {
	s := newStore(path, o)
	s.err = err
	close(s.failed)
	if err := s.register(o.Registerer); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	go s.commitLoop()
	return s, nil
}

func newStore(path string, o Options) *Store {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		path: path, logger: o.Logger, checked: !o.Unchecked, seconds: newCommitSeconds(), pending: map[string]*depth{}, room: room{path: path},
		wake: make(chan struct{}, 1), failed: make(chan struct{}), committed: make(chan struct{}),
	}
	s.archive = newArchive(path, s.damage)
	return s
}

// Final says whether an error of Open is the store's own: one that stays until somebody
// does something about it.
func Final(err error) bool {
	for _, own := range []error{ErrLocked, ErrNewer, ErrNotStore, ErrLost, ErrForeign, ErrDamaged} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

// open leaves s with an open file of this schema, marked as running.
func (s *Store) open() (err error) {
	alone, err := waitForRestore(filepath.Dir(s.path))
	if err != nil {
		return err
	}
	defer alone()
	s.marker, err = readMarker(s.path)
	unreadable := errors.Is(err, errMarker)
	if unreadable {
		s.logger.Error("the store's marker is damaged; it is made anew from the store", "error", err)
	} else if err != nil {
		return err
	}
	info, err := os.Stat(s.path)
	if had := s.marker.Instance != "" || unreadable; had && (errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0) {
		return ErrLost
	}
	if s.marker.Clean {
		s.marker.Clean = false
		if err := s.marker.write(s.path); err != nil {
			return fmt.Errorf("marker: %w", err)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		s.logger.Warn("there was no store here: a new one is made", "file", s.path)
	}
	if err := createIfAbsent(s.path); err != nil {
		return err
	}
	if s.half, err = lockedHeaders(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if s.db, s.file, err = openFile(s.path); err != nil {
		return err
	}
	s.sweepDrafts() // now that nobody else has the store
	if err := s.begin(); err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

// begin reads what is kept as a whole, and makes one commit: it shows that the disk
// takes one, and brings a store of an earlier schema to this one.
func (s *Store) begin() error {
	var rebuilt []pool.Delivery
	err := guard(func() error {
		return s.db.View(func(tx *bolt.Tx) (err error) {
			if s.header, s.tally, err = readMeta(tx, s.damage); err != nil {
				return err
			}
			if s.marker.Instance != "" && s.marker.Instance != s.header.Instance {
				return fmt.Errorf("%w: the marker beside it names another one", ErrForeign)
			}
			if s.header.Schema < schema {
				if err := s.keepCopy(tx); err != nil {
					return fmt.Errorf("copying it before its schema changes: %w", err)
				}
			}
			s.used = tx.Size()
			rebuilt = s.loadDepths(tx)
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
	if info, err := s.file.Stat(); err == nil {
		s.aside = allocated(info)
	}
	if err := s.setAside(s.used); err != nil {
		return err
	}
	if err := s.db.Update(func(tx *bolt.Tx) error {
		h := s.header
		if err := migrate(tx, &h); err != nil {
			return err
		}
		for i := range rebuilt {
			key := outboxKey(rebuilt[i].Destination, rebuilt[i].Event)
			value, err := seal(outbox, key, &rebuilt[i])
			if err != nil {
				return err
			}
			if err := tx.Bucket([]byte(outbox)).Put(key, value); err != nil {
				return err
			}
		}
		return errors.Join(putHeader(tx, h), putMeta(tx, tallyKey(), s.tally))
	}); err != nil {
		return err
	}
	return s.compact()
}

// Header returns the header as Open found it.
func (s *Store) Header() Header { return s.header }

// Close commits what was submitted, closes the file, and marks the store as left in order
// unless it failed. Later changes fail with ErrClosed.
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
	if s.db == nil {
		return nil // Unusable: its error is known
	}
	if err := errors.Join(s.Err(), s.db.Close()); err != nil {
		return err
	}
	if !s.checked {
		return nil
	}
	s.marker.Clean = true
	return s.marker.write(s.path)
}

// Failed is closed when the store can no longer write. The process should end then.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Err says why the store failed; nil while it works.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// HalfHeader says whether one of the file's two headers was damaged at Open. The other one
// stands; if the damaged one was the newer, the last transaction is lost.
func (s *Store) HalfHeader() bool { return s.half }

// Damaged is how many records were found damaged since Open.
func (s *Store) Damaged() int64 { return s.damages.count() }

// Bytes is the size of the file.
func (s *Store) Bytes() int64 {
	info, err := os.Stat(s.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// damages are the records that were found damaged, each once, however often it is read.
type damages struct {
	mu    sync.Mutex
	found map[string]struct{} // by what is said of it
}

func (d *damages) count() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return int64(len(d.found))
}

// damage notes a record that is not what was written. It is left out.
func (s *Store) damage(err error) {
	d := &s.damages
	d.mu.Lock()
	_, known := d.found[err.Error()]
	if d.found == nil {
		d.found = map[string]struct{}{}
	}
	d.found[err.Error()] = struct{}{}
	d.mu.Unlock()
	if !known {
		s.logger.Error("a record is damaged and left out", "error", err)
	}
}
