package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"modemgate/pool"
)

// Bounds of what is kept besides the operator's times.
const (
	keepEvents    = 20000 // for streams that come back
	keepEventsFor = 24 * time.Hour
	keepSeen      = 200000
	retainAtOnce  = 200       // rows of one transaction
	outOfOrder    = time.Hour // by so much ids may follow another order than times
)

// Limits says how long things are kept. All are above zero.
type Limits struct {
	Texts   time.Duration // then text and PDUs are erased, the record stays
	Records time.Duration // messages, calls, reservations and where they went
	Audit   time.Duration
	Tests   time.Duration // with texts and PDUs of what failed or degraded
}

// Retained counts what was erased.
type Retained struct {
	Texts, Records, Events, Digests, Entries int
	Shelved                                  int // rows that were moved to the archive
	Files                                    int // of the archive
}

// Any says whether anything was.
func (r Retained) Any() bool { return r != Retained{} }

// String counts in words.
func (r Retained) String() string {
	return fmt.Sprintf("%d texts, %d records, %d events, %d digests, %d audit entries, %d files of the archive; %d rows moved there",
		r.Texts, r.Records, r.Events, r.Digests, r.Entries, r.Files, r.Shelved)
}

// Retain erases what is older than its time: texts and PDUs from their records, then
// the records. What a delivery waits for stays as it is. Rows go in transactions of a
// few, between those of others. now must be known to be right.
func (s *Store) Retain(now time.Time, l Limits) (out Retained, err error) {
	waiting := s.waiting()
	evidence := s.evidence(now.Add(-l.Tests))
	gone := map[pool.ID]bool{} // messages whose records were dropped
	for _, step := range []func() error{
		func() error { return s.eraseTexts(now, now.Add(-l.Texts), waiting, evidence, &out) },
		func() error { return s.dropRecords(now, l, waiting, evidence, gone, &out) },
		func() error { return s.dropAudit(now, now.Add(-l.Audit), &out) },
		func() error { return s.shelve(now, waiting, evidence, &out) },
		func() error { return s.dropFiles(now, l, gone, &out) },
		func() error { return s.dropEvents(now, waiting, &out) },
		func() error { return s.dropDigests(now.Add(-l.Records), gone, &out) },
	} {
		if err := step(); err != nil {
			return out, err
		}
	}
	return out, nil
}

// dropFiles deletes what is over in the archive, and notes the messages that are gone with it.
func (s *Store) dropFiles(now time.Time, l Limits, gone map[pool.ID]bool, out *Retained) error {
	for _, day := range s.archive.over(records, now.Add(-l.Records)) {
		for _, r := range s.archive.read(day, records) {
			if r.Message != nil {
				gone[r.Message.ID] = true
			}
		}
	}
	for c, keep := range map[class]time.Duration{records: l.Records, texts: l.Texts, trials: l.Tests, entries: l.Audit} {
		n, err := s.archive.drop(c, now.Add(-keep))
		if out.Files += n; err != nil {
			return err
		}
	}
	return nil
}

// waiting are the events that a delivery waits for.
func (s *Store) waiting() map[pool.ID]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[pool.ID]bool{}
	for _, d := range s.pending {
		for id := range d.rows {
			out[id] = true
		}
	}
	return out
}

// rewrite commits what fn does for each of the keys, a few at a time.
func rewrite[K any](s *Store, keys []K, fn func(w *writer, key K) error) error {
	for part := range slices.Chunk(keys, retainAtOnce) {
		done := make(chan error, 1)
		s.enqueue(&submission{
			done: func(err error) { done <- err },
			apply: func(w *writer) error {
				for _, key := range part {
					if err := fn(w, key); err != nil {
						return err
					}
				}
				return nil
			},
		}, nil)
		if err := <-done; err != nil {
			return err
		}
	}
	return nil
}

// evidence are the messages that show why an item of a test failed or is degraded: they
// keep text and PDUs as long as the test is kept.
func (s *Store) evidence(since time.Time) map[pool.ID]bool {
	out := map[pool.ID]bool{}
	walk(s, tests, 0, false, func(t *pool.Test) bool {
		if t.CreatedAt.Wall.Before(since) {
			return true // one of a wrong clock ends nothing
		}
		for _, i := range s.liveItems(t.ID) {
			if i.Message != 0 && (i.Verdict == pool.VerdictFailed || i.Verdict == pool.VerdictDegraded) {
				out[i.Message] = true
			}
		}
		return true
	})
	return out
}

func (s *Store) eraseTexts(now, before time.Time, waiting, evidence map[pool.ID]bool, out *Retained) error {
	var ids []pool.ID
	walkDated(s, messages, now, whenCompleted, func(m *pool.Message, at time.Time) bool {
		old := at.Before(before)
		if old && (m.Text != nil || m.PDUs != nil) && !waiting[m.ID+1] && !evidence[m.ID] {
			ids = append(ids, m.ID)
		}
		return old || at.Before(before.Add(outOfOrder)) // ids grow about as times do
	})
	out.Texts = len(ids)
	err := rewrite(s, ids, func(w *writer, id pool.ID) error {
		key := idKey(uint64(id))
		m, ok := fetch[pool.Message](s, w.tx, messages, key)
		if !ok {
			return nil
		}
		m.Text, m.PDUs = nil, nil
		return w.put(messages, key, m)
	})
	if err != nil {
		return err
	}
	var late []pool.ID // parts that came after their message had gone out
	walkDated(s, parts, now, func(p *pool.Part) time.Time { return p.At.Wall }, func(p *pool.Part, at time.Time) bool {
		if p.Message != 0 && at.Before(before) {
			late = append(late, p.ID)
		}
		return true
	})
	return rewrite(s, late, func(w *writer, id pool.ID) error { return w.write(&record{bucket: parts, key: idKey(uint64(id))}) })
}

func (s *Store) dropRecords(now time.Time, l Limits, waiting, evidence, gone map[pool.ID]bool, out *Retained) error {
	before, testsBefore := now.Add(-l.Records), now.Add(-l.Tests)
	drops := map[bucket][]pool.ID{}
	walkDated(s, messages, now, whenCompleted, func(m *pool.Message, at time.Time) bool {
		if old := at.Before(before); !old {
			return at.Before(before.Add(outOfOrder))
		}
		if !waiting[m.ID+1] && !evidence[m.ID] {
			drops[messages] = append(drops[messages], m.ID)
			gone[m.ID] = true
		}
		return true
	})
	walkDated(s, calls, now, whenStarted, func(c *pool.Call, at time.Time) bool {
		if !c.EndedAt.IsZero() && at.Before(before) {
			drops[calls] = append(drops[calls], c.ID)
		}
		return at.Before(before)
	})
	walkDated(s, tests, now, whenTested, func(t *pool.Test, at time.Time) bool {
		if t.Done && ended(at, t.ClosedAt.Wall, now).Before(testsBefore) {
			drops[tests] = append(drops[tests], t.ID)
		}
		return at.Before(testsBefore)
	})
	walkDated(s, reservations, now, whenReserved, func(r *pool.Reservation, at time.Time) bool {
		if !r.EndedAt.IsZero() && ended(at, r.EndedAt.Wall, now).Before(before) {
			drops[reservations] = append(drops[reservations], r.ID)
		}
		return at.Before(before)
	})
	for _, b := range []bucket{messages, calls, reservations, tests} {
		out.Records += len(drops[b])
		err := rewrite(s, drops[b], func(w *writer, id pool.ID) error {
			if b == tests {
				for _, i := range itemsOf(s, w.tx, id) {
					if err := w.write(&record{bucket: items, key: itemKey(id, i.N)}); err != nil {
						return err
					}
				}
			}
			return w.write(&record{bucket: b, key: idKey(uint64(id))})
		})
		if err != nil {
			return err
		}
	}
	var closed [][]byte
	walkDated(s, deliveries, now, whenSent, func(d *pool.Delivery, at time.Time) bool {
		if at.Before(before) {
			closed = append(closed, deliveryKey(d.Event, d.Destination))
		}
		return true
	})
	return rewrite(s, closed, func(w *writer, key []byte) error { return w.write(&record{bucket: deliveries, key: key}) })
}

// dropEvents drops the oldest events, up to the first that a delivery waits for, so that
// what is kept has no gap.
func (s *Store) dropEvents(now time.Time, waiting map[pool.ID]bool, out *Retained) error {
	before, surplus := now.Add(-keepEventsFor), s.count(events)-keepEvents
	var ids []pool.ID
	walkDated(s, events, now, func(ev *pool.Event) time.Time { return ev.At }, func(ev *pool.Event, at time.Time) bool {
		if waiting[ev.ID] || len(ids) >= surplus && !at.Before(before) {
			return false
		}
		ids = append(ids, ev.ID)
		return true
	})
	out.Events = len(ids)
	return rewrite(s, ids, func(w *writer, id pool.ID) error { return w.write(&record{bucket: events, key: idKey(uint64(id))}) })
}

// dropDigests drops by what the repeats of messages would be known whose records are gone,
// and keeps the newest ones of the others. A copy that was met on its card since before,
// as a card has it that deletes nothing, stays known: it would be taken for a new message.
func (s *Store) dropDigests(before time.Time, gone map[pool.ID]bool, out *Retained) error {
	surplus := s.count(seen) - keepSeen
	if surplus <= 0 && len(gone) == 0 {
		return nil
	}
	newest := pool.ID(0)
	for id := range gone {
		newest = max(newest, id)
	}
	var drops, stay []known
	for _, k := range s.digests() {
		over := gone[k.holder]
		if !over && k.holder < newest { // it was spared, or a crash came between
			_, has := s.Message(k.holder)
			_, waits := one[pool.Part](s, parts, idKey(uint64(k.holder)))
			over = !has && !waits
		}
		if over && k.met.Before(before) {
			drops = append(drops, k)
		} else {
			stay = append(stay, k)
		}
	}
	if more := surplus - len(drops); more > 0 {
		slices.SortFunc(stay, func(a, b known) int { return cmp.Compare(a.holder, b.holder) })
		drops = append(drops, stay[:min(more, len(stay))]...)
	}
	out.Digests += len(drops)
	return rewrite(s, drops, func(w *writer, k known) error { return w.write(&record{bucket: seen, key: k.key}) })
}

// known is a digest's key, of which message or part it is, and when its copy was last met.
type known struct {
	holder pool.ID
	met    time.Time
	key    []byte
}

func (s *Store) digests() (all []known) {
	s.view(func(tx *bolt.Tx) {
		c := tx.Bucket([]byte(seen)).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			var d pool.Seen
			if unseal(seen, k, v, &d) == nil {
				all = append(all, known{d.Holder, d.Met, slices.Clone(k)})
			}
		}
	})
	return all
}

func (s *Store) dropAudit(now, before time.Time, out *Retained) error {
	var seqs []uint64
	walkDated(s, audit, now, whenNoted, func(e *chained, at time.Time) bool {
		if !at.Before(before) {
			return false
		}
		seqs = append(seqs, e.Seq)
		return true
	})
	if n := len(seqs); n > 0 && seqs[n-1] == s.auditSeq() {
		seqs = seqs[:n-1] // the newest stays: the chain goes on from it
	}
	out.Entries = len(seqs)
	return rewrite(s, seqs, func(w *writer, seq uint64) error {
		return w.write(&record{bucket: audit, key: binary.BigEndian.AppendUint64(nil, seq)})
	})
}

func (s *Store) auditSeq() uint64 {
	seq, _ := s.AuditHead()
	return seq
}

// count is how many records a bucket has.
func (s *Store) count(b bucket) (n int) {
	s.view(func(tx *bolt.Tx) { n = tx.Bucket([]byte(b)).Stats().KeyN })
	return n
}

// OldestMessage is the oldest message that is kept; 0: none is.
func (s *Store) OldestMessage() (id pool.ID) {
	s.view(func(tx *bolt.Tx) {
		if k, _ := tx.Bucket([]byte(messages)).Cursor().First(); k != nil {
			id = pool.ID(keyID(k))
		}
	})
	return id
}
