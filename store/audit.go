package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"modemgate/pool"
)

// chained is an audit entry as it is kept: each hash covers the entry and the hash before.
type chained struct {
	Seq uint64 `json:"seq"`
	pool.Audit
	Hash string `json:"hash"`
}

// after is the hash of the entry behind another one's.
func (e chained) after(head [sha256.Size]byte) ([sha256.Size]byte, error) {
	e.Hash = ""
	e.At = e.At.UTC().Truncate(time.Millisecond)
	text, err := json.Marshal(&e)
	if err != nil {
		return head, err
	}
	return sha256.Sum256(append(head[:], text...)), nil
}

func (w *writer) chain(a *pool.Audit) error {
	w.seq++
	e := chained{Seq: w.seq, Audit: *a}
	e.At = e.At.UTC().Truncate(time.Millisecond)
	head, err := e.after(w.head)
	if err != nil {
		return err
	}
	w.head = head
	e.Hash = hex.EncodeToString(w.head[:])
	key := idKey(w.seq)
	value, err := seal(audit, key, &e)
	if err != nil {
		return err
	}
	return w.write(&record{audit, key, value})
}

// AuditRow is one entry of the audit log.
type AuditRow struct {
	Seq uint64
	pool.Audit
	Hash string
}

// Audit walks the audit log, newest first, from after on (exclusive; 0: from the
// newest), until yield returns false.
func (s *Store) Audit(after uint64, yield func(AuditRow) bool) {
	s.audited(pool.ID(after), false, yield)
}

func (s *Store) audited(after pool.ID, ascending bool, yield func(AuditRow) bool) {
	both(s, audit, entries, after, ascending, rowsOf(s.archive, entries, func(r *shelved) *chained { return r.Entry }),
		func(e *chained) pool.ID { return pool.ID(e.Seq) }, func(e *chained) bool { return yield(AuditRow{e.Seq, e.Audit, e.Hash}) })
}

// AuditHead is the newest entry's sequence and hash: whoever notes them elsewhere can
// tell later whether the log was cut.
func (s *Store) AuditHead() (seq uint64, hash string) {
	s.Audit(0, func(row AuditRow) bool {
		seq, hash = row.Seq, row.Hash
		return false
	})
	return seq, hash
}

// AuditCheck checks entries of the audit log in their order, from any of them on: the
// first one is taken as it is, unless it is the log's first. The zero AuditCheck is ready.
type AuditCheck struct {
	seq  uint64
	head [sha256.Size]byte
}

// Next checks the next entry. The error says what is wrong with it.
func (c *AuditCheck) Next(row AuditRow) error {
	hash, err := hex.DecodeString(row.Hash)
	if err != nil || len(hash) != sha256.Size {
		return fmt.Errorf("entry %d has no hash", row.Seq)
	}
	switch {
	case c.seq == 0 && row.Seq != 1:
		c.seq = row.Seq
		copy(c.head[:], hash)
		return nil
	case row.Seq != c.seq+1:
		return fmt.Errorf("entry %d follows entry %d", row.Seq, c.seq)
	}
	head, err := chained{Seq: row.Seq, Audit: row.Audit}.after(c.head)
	if err != nil {
		return err
	}
	if [sha256.Size]byte(hash) != head {
		return fmt.Errorf("entry %d is not what was written", row.Seq)
	}
	c.seq, c.head = row.Seq, head
	return nil
}

// CheckAudit checks the whole log.
func (s *Store) CheckAudit() (err error) {
	var c AuditCheck
	s.audited(0, true, func(row AuditRow) bool {
		err = c.Next(row)
		return err == nil
	})
	return err
}

// AuditAscending walks the audit log, oldest first, until yield returns false.
func (s *Store) AuditAscending(yield func(AuditRow) bool) {
	s.audited(0, true, yield)
}

// loadAudit finds the head of the chain.
func (s *Store) loadAudit(tx *bolt.Tx) {
	c := tx.Bucket([]byte(audit)).Cursor()
	for k, v := c.Last(); k != nil; k, v = c.Prev() {
		s.seq = max(s.seq, keyID(k))
		var e chained
		err := unseal(audit, k, v, &e)
		if err == nil {
			var head []byte
			if head, err = hex.DecodeString(e.Hash); err == nil {
				copy(s.head[:], head)
				return
			}
		}
		s.damage(err) // the check of the log finds the break
	}
}
