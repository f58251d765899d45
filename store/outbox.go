package store

import (
	"bytes"
	"time"

	bolt "go.etcd.io/bbolt"

	"modemgate/pool"
)

// depth is what waits for one destination.
type depth struct {
	rows map[pool.ID]time.Time // event: since when
}

// move is a delivery that enters or leaves the outbox.
type move struct {
	destination string
	event       pool.ID
	since       time.Time
	in          bool
}

func (w *writer) move(r *record, old []byte) {
	name, id, ok := bytes.Cut(r.key, []byte{0})
	if !ok || len(id) != idSize {
		return
	}
	m := move{destination: string(name), event: pool.ID(keyID(id)), in: r.value != nil}
	if m.in {
		var d pool.Delivery
		if unseal(outbox, r.key, r.value, &d) == nil {
			m.since = d.Since
		}
	} else if old == nil {
		return
	}
	w.moves = append(w.moves, m)
}

func (s *Store) applyDepths(moves []move) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range moves {
		d := s.pending[m.destination]
		if d == nil {
			d = &depth{rows: map[pool.ID]time.Time{}}
			s.pending[m.destination] = d
		}
		if m.in {
			d.rows[m.event] = m.since
		} else {
			delete(d.rows, m.event)
		}
	}
}

// loadDepths counts the outbox, and returns rows to be written anew because theirs are damaged.
func (s *Store) loadDepths(tx *bolt.Tx) (rebuilt []pool.Delivery) {
	var moves []move
	c := tx.Bucket([]byte(outbox)).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		var d pool.Delivery
		if err := unseal(outbox, k, v, &d); err != nil {
			s.damage(err)
			if d, ok := s.pendingAgain(tx, k); ok {
				rebuilt = append(rebuilt, *d)
				moves = append(moves, move{d.Destination, d.Event, d.Since, true})
			}
			continue
		}
		moves = append(moves, move{d.Destination, d.Event, d.Since, true})
	}
	s.applyDepths(moves)
	return rebuilt
}

// pendingAgain makes a waiting delivery anew from its key and its event: its own record is
// damaged, what it is to deliver need not be.
func (s *Store) pendingAgain(tx *bolt.Tx, key []byte) (*pool.Delivery, bool) {
	name, id, ok := bytes.Cut(key, []byte{0})
	if !ok || len(id) != idSize {
		return nil, false
	}
	ev, ok := fetch[pool.Event](s, tx, events, id)
	if !ok {
		return nil, false
	}
	d := &pool.Delivery{Event: ev.ID, Destination: string(name), State: pool.Pending, Since: ev.At, Message: ev.Message}
	if m, ok := fetch[pool.Message](s, tx, messages, idKey(uint64(ev.Message))); ok {
		d.ICCID = m.ICCID
	}
	return d, true
}

// Outbox says how many deliveries wait for a destination, and since when the oldest does.
func (s *Store) Outbox(destination string) (depth int, oldest time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.pending[destination]
	if d == nil {
		return 0, time.Time{}
	}
	for _, at := range d.rows {
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	return len(d.rows), oldest
}

// OutboxNames are the destinations that anything waits for.
func (s *Store) OutboxNames() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, d := range s.pending {
		if len(d.rows) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// Pending lists what waits for a destination, oldest event first, without its events.
func (s *Store) Pending(destination string) []pool.Delivery {
	prefix := []byte(destination + "\x00")
	var out []pool.Delivery
	s.view(func(tx *bolt.Tx) {
		c := tx.Bucket([]byte(outbox)).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			var d pool.Delivery
			if err := unseal(outbox, k, v, &d); err != nil {
				s.damage(err)
				continue
			}
			out = append(out, d)
		}
	})
	return out
}

// Job loads a waiting delivery with all that is sent; ok is false when it waits no more
// or its event is gone.
func (s *Store) Job(destination string, event pool.ID) (j *pool.Job, ok bool) {
	s.view(func(tx *bolt.Tx) {
		d, found := fetch[pool.Delivery](s, tx, outbox, outboxKey(destination, event))
		if !found {
			return
		}
		j = &pool.Job{Delivery: *d}
		if d.Message != 0 {
			if j.Message, found = fetch[pool.Message](s, tx, messages, idKey(uint64(d.Message))); !found {
				return
			}
			j.What = pool.EventOf(j.Message) // it is derived: one that is sent again may be long gone
		}
		if ev, kept := fetch[pool.Event](s, tx, events, idKey(uint64(event))); kept {
			j.What = *ev
		} else if d.Message == 0 {
			return
		}
		ok = true
	})
	return j, ok
}

// Destinations lists what is kept of destinations.
func (s *Store) Destinations() []pool.DestinationState {
	var out []pool.DestinationState
	s.view(func(tx *bolt.Tx) { out = all[pool.DestinationState](s, tx, destinations) })
	return out
}

// Deliveries lists the deliveries of an event: what waits, and what is done.
func (s *Store) Deliveries(event pool.ID) []pool.Delivery {
	var out []pool.Delivery
	s.view(func(tx *bolt.Tx) {
		for _, name := range s.OutboxNames() {
			if d, ok := fetch[pool.Delivery](s, tx, outbox, outboxKey(name, event)); ok {
				out = append(out, *d)
			}
		}
		prefix := idKey(uint64(event))
		c := tx.Bucket([]byte(deliveries)).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			var d pool.Delivery
			if err := unseal(deliveries, k, v, &d); err != nil {
				s.damage(err)
				continue
			}
			out = append(out, d)
		}
	})
	if len(out) > 0 {
		return out
	}
	walkArchive(s.archive, records, event-1, true, rowsOf(s.archive, records, deliveryOf), idOfDelivery, func(d *pool.Delivery) bool {
		if d.Event == event {
			out = append(out, *d)
		}
		return d.Event == event
	})
	return out
}

// AllDeliveries walks every delivery, newest event first, from after on (exclusive; 0:
// from the newest), until yield returns false. Those of one event come together.
func (s *Store) AllDeliveries(after pool.ID, yield func(pool.Delivery) bool) {
	waits := map[pool.ID][]string{}
	s.mu.Lock()
	for name, d := range s.pending {
		for id := range d.rows {
			waits[id] = append(waits[id], name)
		}
	}
	s.mu.Unlock()
	var ids []pool.ID
	for id := range waits {
		ids = append(ids, id)
	}
	s.view(func(tx *bolt.Tx) {
		c := tx.Bucket([]byte(deliveries)).Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			if id := pool.ID(keyID(k)); waits[id] == nil {
				waits[id] = []string{}
				ids = append(ids, id)
			}
		}
	})
	sortDescending(ids)
	for _, id := range ids {
		if after != 0 && id >= after {
			continue
		}
		for _, d := range s.Deliveries(id) {
			if !yield(d) {
				return
			}
		}
	}
	walkArchive(s.archive, records, after, false, rowsOf(s.archive, records, deliveryOf), idOfDelivery, func(d *pool.Delivery) bool {
		if _, live := waits[d.Event]; live {
			return true
		}
		return yield(*d)
	})
}
