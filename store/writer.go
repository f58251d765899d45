package store

import (
	"crypto/sha256"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"modemgate/pool"
)

// ordered is how full pages are made in buckets whose keys only grow: nothing is put
// between, so room for it would be wasted.
const ordered = 0.9

func idKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func keyID(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

func seenKey(iccid string, d pool.Digest) []byte { return append([]byte(iccid+"\x00"), d[:]...) }

func idempotencyKey(k *pool.Key) []byte { return []byte(k.App + "\x00" + k.Path + "\x00" + k.Key) }

func outboxKey(destination string, event pool.ID) []byte {
	return append([]byte(destination+"\x00"), idKey(uint64(event))...)
}

func deliveryKey(event pool.ID, destination string) []byte {
	return append(idKey(uint64(event)), destination...)
}

func itemKey(test pool.ID, n int) []byte {
	return binary.BigEndian.AppendUint16(idKey(uint64(test)), uint16(n))
}

// encoder gathers the records of a change until one can't be encoded.
type encoder struct {
	sub *submission
	err error
}

func encode(c *pool.Change) (*submission, error) {
	e := encoder{sub: &submission{audit: c.Audit}}
	for i := range c.SIMs {
		e.put(sims, []byte(c.SIMs[i].ICCID), &c.SIMs[i])
	}
	for _, iccid := range c.ForgetSIMs {
		e.drop(sims, []byte(iccid))
	}
	for imei, iccid := range c.Modems {
		e.put(modems, []byte(imei), iccid)
	}
	for i := range c.Parts {
		e.putID(parts, c.Parts[i].ID, &c.Parts[i])
	}
	for _, id := range c.DropParts {
		e.drop(parts, idKey(uint64(id)))
	}
	for i := range c.Messages {
		e.putID(messages, c.Messages[i].ID, &c.Messages[i])
	}
	for i := range c.Calls {
		e.putID(calls, c.Calls[i].ID, &c.Calls[i])
	}
	for i := range c.Reservations {
		e.putID(reservations, c.Reservations[i].ID, &c.Reservations[i])
	}
	for i := range c.Seen {
		e.put(seen, seenKey(c.Seen[i].ICCID, c.Seen[i].Digest), &c.Seen[i])
	}
	for i := range c.Keys {
		e.put(keys, idempotencyKey(&c.Keys[i]), &c.Keys[i])
	}
	for i := range c.DropKeys {
		e.drop(keys, idempotencyKey(&c.DropKeys[i]))
	}
	for i := range c.Events {
		e.putID(events, c.Events[i].ID, &c.Events[i])
	}
	for i := range c.Deliveries {
		e.delivery(&c.Deliveries[i])
	}
	for i := range c.Alarms {
		a := &c.Alarms[i]
		key := []byte(string(a.Name) + "\x00" + a.Subject)
		if a.Raised {
			e.put(alarms, key, a)
		} else {
			e.drop(alarms, key)
		}
	}
	for i := range c.Tests {
		e.putID(tests, c.Tests[i].ID, &c.Tests[i])
	}
	for i := range c.Items {
		e.put(items, itemKey(c.Items[i].Test, c.Items[i].N), &c.Items[i])
	}
	for i := range c.Monitors {
		e.put(monitors, []byte(c.Monitors[i].Name), &c.Monitors[i])
	}
	for i := range c.Destinations {
		e.put(destinations, []byte(c.Destinations[i].Name), &c.Destinations[i])
	}
	return e.sub, e.err
}

func (e *encoder) put(b bucket, key []byte, v any) {
	value, err := seal(b, key, v)
	if e.err == nil {
		e.err = err
	}
	e.sub.records = append(e.sub.records, record{b, key, value})
}

func (e *encoder) putID(b bucket, id pool.ID, v any) {
	e.sub.lastID = max(e.sub.lastID, uint64(id))
	e.put(b, idKey(uint64(id)), v)
}

func (e *encoder) drop(b bucket, key []byte) {
	e.sub.records = append(e.sub.records, record{bucket: b, key: key})
}

// delivery puts a pending one into the outbox, and moves any other out of it.
func (e *encoder) delivery(d *pool.Delivery) {
	waits := outboxKey(d.Destination, d.Event)
	if d.State == pool.Pending {
		e.put(outbox, waits, d)
		return
	}
	e.drop(outbox, waits)
	e.put(deliveries, deliveryKey(d.Event, d.Destination), d)
}

// writer applies the changes of one transaction and keeps count.
type writer struct {
	s     *Store
	tx    *bolt.Tx
	tally tally
	seq   uint64
	head  [sha256.Size]byte
	moves []move
}

// put writes v.
func (w *writer) put(b bucket, key []byte, v any) error {
	value, err := seal(b, key, v)
	if err != nil {
		return err
	}
	return w.write(&record{b, key, value})
}

func (w *writer) apply(sub *submission) error {
	if sub.apply != nil {
		if err := sub.apply(w); err != nil {
			return err
		}
	}
	for i := range sub.records {
		if err := w.write(&sub.records[i]); err != nil {
			return err
		}
	}
	for i := range sub.audit {
		if err := w.chain(&sub.audit[i]); err != nil {
			return err
		}
	}
	return nil
}

// write puts or drops r and keeps the tally true.
func (w *writer) write(r *record) error {
	b := w.tx.Bucket([]byte(r.bucket))
	old := b.Get(r.key)
	if r.bucket == outbox {
		w.move(r, old)
	}
	if r.value == nil {
		if old == nil {
			return nil
		}
		w.tally.Records[r.bucket]--
		return b.Delete(r.key)
	}
	if old == nil {
		w.tally.Records[r.bucket]++
	}
	if r.bucket.byID() {
		b.FillPercent = ordered
	}
	return b.Put(r.key, r.value)
}
