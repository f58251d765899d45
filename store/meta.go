package store

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// schema is the number of the layout that this version reads and writes.
const schema = 3

// bucket is the name of one of the file's buckets.
type bucket string

const (
	meta         bucket = "meta"
	sims         bucket = "sims"
	modems       bucket = "modems"
	parts        bucket = "parts"
	messages     bucket = "messages"
	calls        bucket = "calls"
	reservations bucket = "reservations"
	events       bucket = "events"
	seen         bucket = "seen"
	keys         bucket = "keys"
	outbox       bucket = "outbox"
	deliveries   bucket = "deliveries"
	destinations bucket = "destinations"
	alarms       bucket = "alarms"
	tests        bucket = "tests"
	items        bucket = "items"
	monitors     bucket = "monitors"
	audit        bucket = "audit"
)

// buckets lists every bucket.
func buckets() []bucket {
	return []bucket{meta, sims, modems, parts, messages, calls, reservations, events, seen, keys, outbox, deliveries, destinations, alarms, tests, items, monitors, audit}
}

// byID says whether the bucket's keys begin with a number that grows.
func (b bucket) byID() bool {
	switch b {
	case parts, messages, calls, reservations, events, deliveries, tests, items, audit:
		return true
	}
	return false
}

// since is the schema that the bucket came with.
func (b bucket) since() int {
	switch b {
	case alarms:
		return 2
	case tests, items, monitors:
		return 3
	}
	return 1
}

// migrate brings a store of an earlier schema to this one, in the caller's transaction.
// Schema 2 has the bucket alarms, schema 3 those of delivery tests.
func migrate(tx *bolt.Tx, h *Header) error {
	for _, b := range buckets() {
		if _, err := tx.CreateBucketIfNotExists([]byte(b)); err != nil {
			return err
		}
	}
	h.Schema = schema
	return nil
}

const idSize = 8

// Header says which store a file is.
type Header struct {
	Instance string    `json:"instance"` // drawn at creation; a copy keeps it
	Schema   int       `json:"schema"`
	Created  time.Time `json:"created"`
}

// tally is what is kept about the records as a whole, in the transaction that changes them.
type tally struct {
	LastID  uint64         `json:"last_id"` // the highest id ever committed
	Records map[bucket]int `json:"records"` // how many there are, to miss one that a damaged page hides
}

// headerKeys are where the header stands, twice: without one nothing of a store can be read.
func headerKeys() [2][]byte { return [2][]byte{[]byte("header"), []byte("header.copy")} }

func tallyKey() []byte { return []byte("tally") }

func newHeader() Header {
	var id [16]byte
	rand.Read(id[:])
	return Header{Instance: hex.EncodeToString(id[:]), Schema: schema, Created: time.Now().UTC()}
}

// putHeader writes the header to both its places.
func putHeader(tx *bolt.Tx, h Header) error {
	for _, key := range headerKeys() {
		if err := putMeta(tx, key, h); err != nil {
			return err
		}
	}
	return nil
}

// putMeta writes one of the records of the meta bucket.
func putMeta(tx *bolt.Tx, key []byte, v any) error {
	value, err := seal(meta, key, v)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(meta)).Put(key, value)
}

// readMeta reads header and tally, and refuses a file that is not a store of this version.
// A tally that is damaged is reckoned anew from the records; damage is told of it.
func readMeta(tx *bolt.Tx, damage func(error)) (h Header, t tally, err error) {
	b := tx.Bucket([]byte(meta))
	keys := headerKeys()
	if b == nil || b.Get(keys[0]) == nil && b.Get(keys[1]) == nil {
		return h, t, fmt.Errorf("%w: no header", ErrNotStore)
	}
	if err := unseal(meta, keys[0], b.Get(keys[0]), &h); err != nil {
		if unseal(meta, keys[1], b.Get(keys[1]), &h) != nil {
			return h, t, err
		}
		damage(err)
	}
	if h.Schema > schema {
		return h, t, fmt.Errorf("%w: it has schema %d, this version knows %d", ErrNewer, h.Schema, schema)
	}
	for _, name := range buckets() {
		if tx.Bucket([]byte(name)) == nil && name.since() <= h.Schema {
			return h, t, fmt.Errorf("%w: bucket %s is missing", ErrDamaged, name)
		}
	}
	if err := unseal(meta, tallyKey(), b.Get(tallyKey()), &t); err != nil {
		damage(err)
		t = reckon(tx)
	}
	return h, t, nil
}

// reckon makes the tally from what is there.
func reckon(tx *bolt.Tx) tally {
	t := tally{Records: map[bucket]int{}}
	for _, name := range buckets() {
		b := tx.Bucket([]byte(name))
		if b == nil || name == meta {
			continue
		}
		c := b.Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			t.Records[name]++
			if name.byID() && name != audit && len(k) >= idSize {
				t.LastID = max(t.LastID, keyID(k))
			}
		}
	}
	return t
}
