package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// maxFaults bounds how many faults of a file's structure are told.
const maxFaults = 20

// Report is what Check found.
type Report struct {
	Instance string   `json:"instance"`
	Schema   int      `json:"schema"`
	Bytes    int64    `json:"bytes"`   // up to the end of the last page
	Records  int      `json:"records"` // that are what was written
	Damaged  int      `json:"damaged"` // records that are not
	Missing  int      `json:"missing"` // records that should be there
	Faults   []string `json:"faults"`  // of the file's structure, at most 20; none: it can be opened
	// HalfHeader means that one of the file's two headers is damaged and the other one
	// stands: if it was the newer one, the last transaction is lost.
	HalfHeader bool `json:"half_header"`
}

// Whole says whether all is there and as it was written.
func (r *Report) Whole() bool { return r.Sound() && r.Damaged == 0 && r.Missing == 0 && !r.HalfHeader }

// Sound says whether the file's structure is: records may be damaged all the same, and are left out.
func (r *Report) Sound() bool { return len(r.Faults) == 0 }

// Check reads the whole store at path and changes nothing. An error says why it can't be
// read at all; ErrDamaged and ErrNotStore among them mean that the file is of no use.
// A file that is broken in the right way ends the process, so a daemon lets another one
// check. Nobody may have the store open for writing.
func Check(path string) (*Report, error) {
	alone, err := waitForRestore(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer alone()
	info, err := os.Stat(path)
	m, merr := readMarker(path)
	if merr != nil && !errors.Is(merr, errMarker) {
		return nil, merr
	}
	if Expected(path) && (errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0) {
		return nil, ErrLost
	}
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%w: the file is empty", ErrNotStore)
	}
	half, err := lockedHeaders(path)
	if err != nil {
		return nil, err
	}
	db, file, err := openBolt(path, &bolt.Options{Timeout: lockTimeout, FreelistType: bolt.FreelistMapType, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	r := &Report{HalfHeader: half, Faults: []string{}}
	err = guard(func() error {
		return db.View(r.read)
	})
	if r.Sound() {
		err = errors.Join(err, db.Close())
	} else {
		letGo(file)
	}
	if err == nil && r.Sound() && m.Instance != "" && m.Instance != r.Instance {
		err = fmt.Errorf("%w: the marker beside it names another one", ErrForeign)
	}
	return r, err
}

func (r *Report) read(tx *bolt.Tx) error {
	for err := range tx.Check() {
		if len(r.Faults) < maxFaults {
			r.Faults = append(r.Faults, err.Error())
		}
	}
	if !r.Sound() {
		return nil // what its pages say can't be trusted
	}
	h, t, err := readMeta(tx, func(error) {}) // it is counted below
	if err != nil {
		return err
	}
	r.Instance, r.Schema, r.Bytes = h.Instance, h.Schema, tx.Size()
	for _, name := range buckets() {
		b := tx.Bucket([]byte(name))
		if b == nil { // of a later schema
			continue
		}
		n := 0
		c := b.Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			n++
			if intact(name, k, v) {
				r.Records++
			} else {
				r.Damaged++
			}
		}
		if name != meta {
			r.Missing += max(0, t.Records[name]-n)
		}
	}
	return nil
}

// intact says whether a value is what was written under its key.
func intact(b bucket, key, value []byte) bool {
	if len(value) < 1+crcSize {
		return false
	}
	body := value[:len(value)-crcSize]
	return binary.BigEndian.Uint32(value[len(body):]) == checksum(b, key, body)
}
