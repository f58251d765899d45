package store

import (
	"bytes"
	"math"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"modemgate/pool"
)

// view runs fn in a read transaction. After Close, and in a store that is unusable, it
// does nothing.
func (s *Store) view(fn func(*bolt.Tx)) {
	if s.db == nil {
		return
	}
	if err := s.db.View(func(tx *bolt.Tx) error { fn(tx); return nil }); err != nil {
		s.logger.Debug("reading the store", "error", err)
	}
}

// fetch reads one record; false when there is none, or it is damaged.
func fetch[T any](s *Store, tx *bolt.Tx, b bucket, key []byte) (*T, bool) {
	value := tx.Bucket([]byte(b)).Get(key)
	if value == nil {
		return nil, false
	}
	var v T
	if err := unseal(b, key, value, &v); err != nil {
		s.damage(err)
		return nil, false
	}
	return &v, true
}

// one is fetch in a transaction of its own.
func one[T any](s *Store, b bucket, key []byte) (v *T, ok bool) {
	s.view(func(tx *bolt.Tx) { v, ok = fetch[T](s, tx, b, key) })
	return v, ok
}

// all reads a bucket's records in order of their keys.
func all[T any](s *Store, tx *bolt.Tx, b bucket) (out []T) {
	c := tx.Bucket([]byte(b)).Cursor()
	for k, value := c.First(); k != nil; k, value = c.Next() {
		var v T
		if err := unseal(b, k, value, &v); err != nil {
			s.damage(err)
			continue
		}
		out = append(out, v)
	}
	return out
}

// chunk is how many records are read in one transaction by a walk, so that none is held
// while somebody else works on them.
const chunk = 100

// walk reads the records of a bucket by id, in transactions of its own.
func walk[T any](s *Store, b bucket, after pool.ID, ascending bool, yield func(*T) bool) {
	at := uint64(after)
	for {
		var page []*T
		more := false
		s.view(func(tx *bolt.Tx) {
			c := tx.Bucket([]byte(b)).Cursor()
			k, v := seek(c, at, ascending)
			for ; k != nil; k, v = step(c, ascending) {
				if len(page) == chunk {
					more = true
					break
				}
				at = keyID(k)
				var value T
				if err := unseal(b, k, v, &value); err != nil {
					s.damage(err)
					continue
				}
				page = append(page, &value)
			}
		})
		for _, v := range page {
			if !yield(v) {
				return
			}
		}
		if !more {
			return
		}
	}
}

// seek puts the cursor on the first key behind at; 0 stands for the end of the walk's direction.
func seek(c *bolt.Cursor, at uint64, ascending bool) (k, v []byte) {
	if ascending {
		if at == math.MaxUint64 {
			return nil, nil
		}
		return c.Seek(idKey(at + 1))
	}
	if at == 0 {
		return c.Last()
	}
	if k, _ := c.Seek(idKey(at)); k == nil {
		return c.Last()
	}
	return c.Prev()
}

func step(c *bolt.Cursor, ascending bool) (k, v []byte) {
	if ascending {
		return c.Next()
	}
	return c.Prev()
}

// Seen implements pool.Store.
func (s *Store) Seen(iccid string, d pool.Digest) (pool.Seen, bool) {
	v, ok := one[pool.Seen](s, seen, seenKey(iccid, d))
	if !ok {
		return pool.Seen{}, false
	}
	v.ICCID, v.Digest = iccid, d
	return *v, true
}

// LiveMessage implements pool.Store.
func (s *Store) LiveMessage(id pool.ID) (*pool.Message, bool) {
	return one[pool.Message](s, messages, idKey(uint64(id)))
}

// Message implements pool.Store.
func (s *Store) Message(id pool.ID) (*pool.Message, bool) {
	if m, ok := s.LiveMessage(id); ok {
		return m, true
	}
	return first(id, func(after pool.ID, yield func(*pool.Message) bool) {
		walkArchive(s.archive, records, after, true, s.archive.messagesOf, idOfMessage, yield)
	}, idOfMessage)
}

// Call implements pool.Store.
func (s *Store) Call(id pool.ID) (*pool.Call, bool) {
	if c, ok := one[pool.Call](s, calls, idKey(uint64(id))); ok {
		return c, true
	}
	return first(id, func(after pool.ID, yield func(*pool.Call) bool) {
		walkArchive(s.archive, records, after, true, rowsOf(s.archive, records, callOf), idOfCall, yield)
	}, idOfCall)
}

// Reservation implements pool.Store.
func (s *Store) Reservation(id pool.ID) (*pool.Reservation, bool) {
	if r, ok := one[pool.Reservation](s, reservations, idKey(uint64(id))); ok {
		return r, true
	}
	return first(id, func(after pool.ID, yield func(*pool.Reservation) bool) {
		walkArchive(s.archive, records, after, true, rowsOf(s.archive, records, reservationOf), idOfReservation, yield)
	}, idOfReservation)
}

// first is the row of an id, where a walk from just before it begins with that.
func first[T any](want pool.ID, walk func(after pool.ID, yield func(*T) bool), id func(*T) pool.ID) (found *T, ok bool) {
	if want < 2 {
		return nil, false
	}
	walk(want-1, func(v *T) bool {
		if id(v) == want {
			found = v
		}
		return false
	})
	return found, found != nil
}

func idOfMessage(m *pool.Message) pool.ID         { return m.ID }
func idOfCall(c *pool.Call) pool.ID               { return c.ID }
func idOfReservation(r *pool.Reservation) pool.ID { return r.ID }
func idOfTest(t *pool.FinishedTest) pool.ID       { return t.ID }
func idOfDelivery(d *pool.Delivery) pool.ID       { return d.Event }

func callOf(r *shelved) *pool.Call               { return r.Call }
func reservationOf(r *shelved) *pool.Reservation { return r.Reservation }
func testOf(r *shelved) *pool.FinishedTest       { return r.Test }
func deliveryOf(r *shelved) *pool.Delivery       { return r.Delivery }

// Event implements pool.Store.
func (s *Store) Event(id pool.ID) (*pool.Event, bool) {
	return one[pool.Event](s, events, idKey(uint64(id)))
}

// Test implements pool.Store.
func (s *Store) Test(id pool.ID) (*pool.Test, bool) {
	if t, ok := one[pool.Test](s, tests, idKey(uint64(id))); ok {
		return t, true
	}
	if f, ok := s.shelvedTest(id); ok {
		return &f.Test, true
	}
	return nil, false
}

func (s *Store) shelvedTest(id pool.ID) (*pool.FinishedTest, bool) {
	return first(id, func(after pool.ID, yield func(*pool.FinishedTest) bool) {
		walkArchive(s.archive, trials, after, true, rowsOf(s.archive, trials, testOf), idOfTest, yield)
	}, idOfTest)
}

// Items implements pool.Store.
func (s *Store) Items(test pool.ID) []pool.Item {
	if list := s.liveItems(test); len(list) > 0 {
		return list
	}
	if f, ok := s.shelvedTest(test); ok {
		return f.Of
	}
	return nil
}

func (s *Store) liveItems(test pool.ID) (out []pool.Item) {
	s.view(func(tx *bolt.Tx) { out = itemsOf(s, tx, test) })
	return out
}

func itemsOf(s *Store, tx *bolt.Tx, test pool.ID) (out []pool.Item) {
	prefix := idKey(uint64(test))
	c := tx.Bucket([]byte(items)).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		var i pool.Item
		if err := unseal(items, k, v, &i); err != nil {
			s.damage(err)
			continue
		}
		out = append(out, i)
	}
	return out
}

// Tests implements pool.Store.
func (s *Store) Tests(after pool.ID, ascending bool, yield func(*pool.Test) bool) {
	merge(ascending, func(t *pool.Test) pool.ID { return t.ID }, func(yield func(*pool.Test) bool) {
		walk(s, tests, after, ascending, yield)
	}, func(yield func(*pool.Test) bool) {
		walkArchive(s.archive, trials, after, ascending, rowsOf(s.archive, trials, testOf), idOfTest, func(f *pool.FinishedTest) bool {
			_, twice := one[pool.Test](s, tests, idKey(uint64(f.ID)))
			return twice || yield(&f.Test)
		})
	}, yield)
}

// OldestEvent implements pool.Store.
func (s *Store) OldestEvent() (id pool.ID) {
	s.view(func(tx *bolt.Tx) {
		if k, _ := tx.Bucket([]byte(events)).Cursor().First(); k != nil {
			id = pool.ID(keyID(k))
		}
	})
	return id
}

// Events implements pool.Store.
func (s *Store) Events(after pool.ID, yield func(*pool.Event) bool) {
	walk(s, events, after, true, yield)
}

// Messages implements pool.Store.
func (s *Store) Messages(after pool.ID, ascending bool, yield func(*pool.Message) bool) {
	both(s, messages, records, after, ascending, s.archive.messagesOf, idOfMessage, yield)
}

// LiveMessages implements pool.Store.
func (s *Store) LiveMessages(yield func(*pool.Message) bool) { walk(s, messages, 0, true, yield) }

// LiveCalls implements pool.Store.
func (s *Store) LiveCalls(yield func(*pool.Call) bool) { walk(s, calls, 0, true, yield) }

// Parts implements pool.Store.
func (s *Store) Parts(yield func(*pool.Part) bool) { walk(s, parts, 0, true, yield) }

// Calls implements pool.Store.
func (s *Store) Calls(after pool.ID, ascending bool, yield func(*pool.Call) bool) {
	both(s, calls, records, after, ascending, rowsOf(s.archive, records, callOf), idOfCall, yield)
}

// Reservations implements pool.Store.
func (s *Store) Reservations(after pool.ID, ascending bool, yield func(*pool.Reservation) bool) {
	both(s, reservations, records, after, ascending, rowsOf(s.archive, records, reservationOf), idOfReservation, yield)
}

// recent is how long ended reservations and incomplete messages are given to the pool at its start.
const recent = 24 * time.Hour

// Load implements pool.Store. Damaged records are left out, counted and logged.
func (s *Store) Load() (*pool.Snapshot, error) {
	snap := &pool.Snapshot{NextID: pool.ID(s.tally.LastID + 1), Modems: map[string]string{}, LastReserved: map[string]pool.ID{}}
	since := time.Now().Add(-recent)
	s.view(func(tx *bolt.Tx) {
		snap.SIMs = all[pool.SIM](s, tx, sims)
		snap.Parts = all[pool.Part](s, tx, parts)
		snap.Keys = all[pool.Key](s, tx, keys)
		snap.Alarms = all[pool.Alarm](s, tx, alarms)
		snap.Monitors = all[pool.MonitorState](s, tx, monitors)
		c := tx.Bucket([]byte(modems)).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			var iccid string
			if err := unseal(modems, k, v, &iccid); err != nil {
				s.damage(err)
				continue
			}
			snap.Modems[string(k)] = iccid
		}
	})
	walk(s, messages, 0, true, func(m *pool.Message) bool {
		snap.Messages = append(snap.Messages, pool.MessageIndex{
			ID: m.ID, ICCID: m.ICCID, App: m.App, From: m.From, Reservation: m.Reservation, Test: m.Test, CompletedAt: m.CompletedAt.UnixMilli(),
		})
		if !m.Complete && m.CompletedAt.After(since) {
			snap.Incomplete = append(snap.Incomplete, *m)
		}
		return true
	})
	walk(s, reservations, 0, true, func(r *pool.Reservation) bool {
		snap.LastReserved[r.ICCID] = r.ID
		if r.EndedAt.IsZero() || r.EndedAt.Wall.After(since) || r.EndedAt.Wall.Year() < 2000 {
			snap.Reservations = append(snap.Reservations, *r)
		}
		return true
	})
	walk(s, tests, 0, true, func(t *pool.Test) bool {
		// Those of the last day count for its budgets.
		if !t.Done || t.CreatedAt.Wall.After(since) {
			snap.Tests = append(snap.Tests, pool.FinishedTest{Test: *t, Of: s.liveItems(t.ID)})
		}
		return true
	})
	walk(s, calls, 0, true, func(c *pool.Call) bool {
		if c.EndedAt.IsZero() {
			snap.Calls = append(snap.Calls, *c)
		}
		return true
	})
	if s.db == nil {
		return snap, nil
	}
	return snap, s.Err()
}

func sortDescending(ids []pool.ID) {
	slices.SortFunc(ids, func(a, b pool.ID) int {
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
}
