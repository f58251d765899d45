package store

import (
	"fmt"
	"maps"
	"time"

	bolt "go.etcd.io/bbolt"

	"modemgate/pool"
)

const (
	// maxBatch bounds the changes of one transaction.
	maxBatch = 1000
	// A commit that took longer than slowCommit is followed by a short wait: writers that
	// the last one released together then share the next. A fast disk pays nothing.
	slowCommit = 16 * time.Millisecond
	maxGather  = 2 * time.Millisecond
)

// submission is a change on its way to the disk.
type submission struct {
	records []record
	audit   []pool.Audit
	apply   func(w *writer) error // what depends on what is there; nil: nothing does
	lastID  uint64
	done    func(error)
}

// record is a put, or a drop when it has no value.
type record struct {
	bucket     bucket
	key, value []byte
}

// Submit implements pool.Store. It encodes c and queues it; it never waits for the disk.
func (s *Store) Submit(c *pool.Change, done func(error)) {
	sub, err := encode(c)
	sub.done = done
	s.enqueue(sub, err)
}

// enqueue queues a submission; with err, which is of its making, the store fails.
func (s *Store) enqueue(sub *submission, err error) {
	s.mu.Lock()
	if err != nil && s.err == nil {
		s.failLocked(err) // later changes may build on this one, so none may follow it
	}
	switch {
	case s.err != nil:
		err = s.err
	case s.closing:
		err = ErrClosed
	default:
		s.queue = append(s.queue, sub)
	}
	s.mu.Unlock()
	if err != nil {
		// Not from here: the caller may hold what done needs.
		go sub.done(err)
		return
	}
	s.signal()
}

func (s *Store) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // the committer has yet to see the last one
	}
}

// commitLoop commits all that is queued, in one transaction, again and again, until
// Close was called and nothing is left. A lone change is committed at once; what comes
// during a sync shares the next.
func (s *Store) commitLoop() {
	defer close(s.committed)
	var last time.Duration
	for {
		s.mu.Lock()
		waiting, closing := len(s.queue), s.closing
		s.mu.Unlock()
		switch {
		case waiting == 0 && closing:
			return
		case waiting == 0:
			<-s.wake
			if s.room.isDry() {
				if err := s.setAside(s.used); err != nil {
					_ = s.fail(err) // whoever comes next is told
				}
			}
			continue
		case last > slowCommit && waiting < maxBatch && !closing:
			timer := time.NewTimer(min(last/16, maxGather))
			<-timer.C
		}
		batch := s.take()
		began := time.Now()
		err := s.commit(batch)
		last = time.Since(began)
		for _, sub := range batch {
			sub.done(err)
		}
	}
}

func (s *Store) take() []*submission {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.queue), maxBatch)
	batch := s.queue[:n:n]
	s.queue = s.queue[n:]
	if len(s.queue) == 0 {
		s.queue = nil
	}
	return batch
}

// commit writes a batch, or nothing once the store has failed.
func (s *Store) commit(batch []*submission) error {
	if err := s.Err(); err != nil {
		return err
	}
	empty, lastID := true, s.tally.LastID
	for _, sub := range batch {
		empty = empty && len(sub.records)+len(sub.audit) == 0 && sub.apply == nil
		lastID = max(lastID, sub.lastID)
	}
	if empty {
		return nil // barriers alone: what was before them is on disk
	}
	began := time.Now()
	if lastID+idsAhead/2 > s.marker.Ceiling {
		m := s.marker
		m.Ceiling = lastID + idsAhead
		if err := m.write(s.path); err != nil {
			return s.fail(fmt.Errorf("marker: %w", err))
		}
		s.marker = m
	}
	//failpoint:before_commit
	w := writer{s: s, tally: tally{LastID: lastID, Records: maps.Clone(s.tally.Records)}, seq: s.seq, head: s.head}
	err := s.db.Update(func(tx *bolt.Tx) error {
		if err := s.setAside(tx.Size()); err != nil {
			return err
		}
		w.tx = tx
		for _, sub := range batch {
			if err := w.apply(sub); err != nil {
				return err
			}
		}
		return putMeta(tx, tallyKey(), w.tally)
	})
	if err != nil {
		return s.fail(err)
	}
	//failpoint:after_commit
	s.seconds.Observe(time.Since(began).Seconds())
	s.tally, s.seq, s.head = w.tally, w.seq, w.head
	s.applyDepths(w.moves)
	return nil
}

// fail makes err the reason why nothing is written any more, and returns the reason that stands.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.failLocked(err)
	}
	return s.err
}

func (s *Store) failLocked(err error) {
	s.err = fmt.Errorf("committing to store %s: %w", s.path, err)
	s.logger.Error("the store has failed, nothing is written any more", "error", s.err)
	close(s.failed)
}
