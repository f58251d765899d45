package store

import (
	"iter"
	"time"

	"modemgate/pool"
)

// Bounds of what stays in the database once it is closed.
const (
	keepFor      = 7 * 24 * time.Hour
	keepClosed   = 50000 // rows of each kind
	shelveAtOnce = 2000
)

// shelve moves what is closed and old, or beyond what the database keeps, into the
// archive: first the files are on disk, then the rows leave the database.
func (s *Store) shelve(now time.Time, waiting, evidence map[pool.ID]bool, out *Retained) error {
	for _, step := range []func() error{
		func() error { return s.shelveMessages(now, waiting, evidence, out) },
		func() error { return s.shelveCalls(now, out) },
		func() error { return s.shelveReservations(now, out) },
		func() error { return s.shelveDeliveries(now, out) },
		func() error { return s.shelveTests(now, out) },
		func() error { return s.shelveAudit(now, out) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// box gathers the rows that go to the archive and what is to leave the database then.
type box struct {
	rows  map[string]map[class][]shelved // by day
	drops []record
}

func newBox() *box { return &box{rows: map[string]map[class][]shelved{}} }

func (b *box) put(at time.Time, c class, row shelved) {
	day := dayOf(at)
	if b.rows[day] == nil {
		b.rows[day] = map[class][]shelved{}
	}
	b.rows[day][c] = append(b.rows[day][c], row)
}

func (b *box) drop(bucket bucket, key []byte) {
	b.drops = append(b.drops, record{bucket: bucket, key: key})
}

// empty writes the box to the archive, and then drops its rows from the database.
func (s *Store) empty(b *box, out *Retained) error {
	for day, files := range b.rows {
		for c, rows := range files {
			if err := s.archive.add(day, c, rows); err != nil {
				return err
			}
			out.Shelved += len(rows)
		}
	}
	//failpoint:archived
	err := rewrite(s, b.drops, func(w *writer, r record) error { return w.write(&r) })
	*b = *newBox()
	return err
}

// shelveRows moves rows of a bucket, oldest first, while they are older than keepFor or
// there are too many; pack puts one into the box, and says whether it may go.
func shelveRows[T any](s *Store, b bucket, now time.Time, when func(*T) time.Time, pack func(*box, *T, time.Time) bool, out *Retained) (err error) {
	before := now.Add(-keepFor)
	surplus := s.count(b) - keepClosed
	box, n := newBox(), 0
	walkDated(s, b, now, when, func(v *T, at time.Time) bool {
		if surplus <= 0 && !at.Before(before) {
			return false // ids grow about as times do
		}
		surplus--
		if pack(box, v, at) {
			n++
		}
		if n >= shelveAtOnce {
			err, n = s.empty(box, out), 0
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	return s.empty(box, out)
}

func (s *Store) shelveMessages(now time.Time, waiting, evidence map[pool.ID]bool, out *Retained) error {
	return shelveRows(s, messages, now, whenCompleted, func(b *box, m *pool.Message, at time.Time) bool {
		if waiting[m.ID+1] {
			return false
		}
		bare := *m
		bare.Text, bare.PDUs, bare.Digests = nil, nil, nil
		b.put(at, records, shelved{Message: &bare})
		if m.Text != nil || m.PDUs != nil {
			c := texts
			if evidence[m.ID] {
				c = trials
			}
			b.put(at, c, shelved{Text: &shelvedText{m.ID, m.Text, m.PDUs}})
		}
		b.drop(messages, idKey(uint64(m.ID)))
		return true
	}, out)
}

func (s *Store) shelveCalls(now time.Time, out *Retained) error {
	return shelveRows(s, calls, now, whenStarted, func(b *box, c *pool.Call, at time.Time) bool {
		if c.EndedAt.IsZero() {
			return false
		}
		b.put(at, records, shelved{Call: c})
		b.drop(calls, idKey(uint64(c.ID)))
		return true
	}, out)
}

func (s *Store) shelveReservations(now time.Time, out *Retained) error {
	return shelveRows(s, reservations, now, whenReserved, func(b *box, r *pool.Reservation, at time.Time) bool {
		if r.EndedAt.IsZero() || !ended(at, r.EndedAt.Wall, now).Before(now.Add(-keepFor)) {
			return false
		}
		b.put(at, records, shelved{Reservation: r})
		b.drop(reservations, idKey(uint64(r.ID)))
		return true
	}, out)
}

func (s *Store) shelveDeliveries(now time.Time, out *Retained) error {
	return shelveRows(s, deliveries, now, whenSent, func(b *box, d *pool.Delivery, at time.Time) bool {
		b.put(at, records, shelved{Delivery: d})
		b.drop(deliveries, deliveryKey(d.Event, d.Destination))
		return true
	}, out)
}

func (s *Store) shelveTests(now time.Time, out *Retained) error {
	return shelveRows(s, tests, now, whenTested, func(b *box, t *pool.Test, at time.Time) bool {
		if !t.Done {
			return false
		}
		list := s.liveItems(t.ID)
		b.put(at, trials, shelved{Test: &pool.FinishedTest{Test: *t, Of: list}})
		b.drop(tests, idKey(uint64(t.ID)))
		for _, i := range list {
			b.drop(items, itemKey(t.ID, i.N))
		}
		return true
	}, out)
}

func (s *Store) shelveAudit(now time.Time, out *Retained) error {
	newest := s.auditSeq()
	return shelveRows(s, audit, now, whenNoted, func(b *box, e *chained, at time.Time) bool {
		if e.Seq == newest {
			return false // the chain goes on from it
		}
		b.put(at, entries, shelved{Entry: e})
		b.drop(audit, idKey(e.Seq))
		return true
	}, out)
}

// messagesOf are the messages of a day, with what they said.
func (a *archive) messagesOf(day string) (out []*pool.Message) {
	said := map[pool.ID]*shelvedText{}
	for _, c := range []class{texts, trials} {
		rows := a.read(day, c)
		for i := range rows {
			if t := rows[i].Text; t != nil {
				said[t.Message] = t
			}
		}
	}
	rows := a.read(day, records)
	for i := range rows {
		m := rows[i].Message
		if m == nil {
			continue
		}
		if t := said[m.ID]; t != nil {
			m.Text, m.PDUs = t.Text, t.PDUs
		}
		out = append(out, m)
	}
	return out
}

// rowsOf are the rows of one kind in a day's file.
func rowsOf[T any](a *archive, c class, pick func(*shelved) *T) func(day string) []*T {
	return func(day string) (out []*T) {
		rows := a.read(day, c)
		for i := range rows {
			if v := pick(&rows[i]); v != nil {
				out = append(out, v)
			}
		}
		return out
	}
}

// both walks the database and the archive together in the order of ids. A row that a
// crash left in both is the database's.
func both[T any](s *Store, b bucket, c class, after pool.ID, ascending bool, load func(day string) []*T, id func(*T) pool.ID, yield func(*T) bool) {
	merge(ascending, id, func(yield func(*T) bool) { walk(s, b, after, ascending, yield) }, func(yield func(*T) bool) {
		walkArchive(s.archive, c, after, ascending, load, id, func(v *T) bool {
			_, twice := one[T](s, b, rowKey(v, id(v)))
			return twice || yield(v)
		})
	}, yield)
}

// merge gives the rows of two sequences that are in the order of ids, in that order.
func merge[T any](ascending bool, id func(*T) pool.ID, a, b iter.Seq[*T], yield func(*T) bool) {
	nextA, stopA := iter.Pull(a)
	defer stopA()
	nextB, stopB := iter.Pull(b)
	defer stopB()
	x, okX := nextA()
	y, okY := nextB()
	for okX || okY {
		v := x
		if !okX || okY && id(y) != id(x) && ascending == (id(y) < id(x)) {
			v = y
			y, okY = nextB()
		} else {
			x, okX = nextA()
		}
		if !yield(v) {
			return
		}
	}
}

func rowKey(v any, id pool.ID) []byte {
	if d, is := v.(*pool.Delivery); is {
		return deliveryKey(d.Event, d.Destination)
	}
	return idKey(uint64(id))
}

// ForgetArchived erases text, raw PDU and the number itself from every archived message
// and call that a number has sent or received, and says how many there were.
func (s *Store) ForgetArchived(number string) (n int, err error) {
	for _, day := range s.archive.days(records) {
		gone := map[pool.ID]bool{}
		rows := s.archive.read(day, records)
		touched := 0
		for i := range rows {
			switch m, c := rows[i].Message, rows[i].Call; {
			case m != nil && (m.From == number || m.Number == number):
				gone[m.ID] = true
				m.From, m.Number = without(m.From, number), without(m.Number, number)
				touched++
			case c != nil && (c.From == number || c.Number == number):
				c.From, c.Number = without(c.From, number), without(c.Number, number)
				touched++
			}
		}
		if touched == 0 {
			continue
		}
		for _, c := range []class{texts, trials} {
			if err := s.archive.forget(day, c, gone); err != nil {
				return n, err
			}
		}
		if err := s.archive.rewrite(day, records, rows); err != nil {
			return n, err
		}
		n += touched
	}
	return n, nil
}

func without(value, number string) string {
	if value == number {
		return ""
	}
	return value
}

// forget drops the texts of messages from a day's file.
func (a *archive) forget(day string, c class, gone map[pool.ID]bool) error {
	rows := a.read(day, c)
	kept := rows[:0:0]
	for _, r := range rows {
		if r.Text == nil || !gone[r.Text.Message] {
			kept = append(kept, r)
		}
	}
	if len(kept) == len(rows) {
		return nil
	}
	return a.rewrite(day, c, kept)
}
