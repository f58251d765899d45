package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// Of bbolt's file format, in the machine's own byte order: two headers in the first two
// pages, written in turn, each with a checksum. The one with the higher transaction id holds.
const (
	headerOffset = 16 // behind the page's own header
	headerSize   = 8  // where the size of a page stands
	headerPages  = 40 // how many pages the file has
	headerTx     = 48 // the transaction's id
	headerSummed = 56 // how many bytes are under the checksum, which follows
	headerMagic  = 0xED0CDAED
	leastPage    = 1 << 10
	mostPage     = 1 << 16
)

// header is what one of the two says.
type header struct {
	size  int64 // of a page
	pages uint64
	tx    uint64
}

// lockedHeaders is readHeaders while nobody writes. Of a file that another process has
// nothing is said: opening it tells of that.
func lockedHeaders(path string) (half bool, err error) {
	unlock, err := lock(path)
	if errors.Is(err, ErrLocked) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer unlock()
	return readHeaders(path)
}

// readHeaders refuses a file that lacks pages which its header speaks of: reading those
// would end the process. half says whether one of its two headers is damaged.
func readHeaders(path string) (half bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	holds, err := headerAt(f, 0)
	if err != nil {
		return false, err
	}
	var other *header
	if holds != nil {
		if other, err = headerAt(f, holds.size); err != nil {
			return false, err
		}
	}
	for size := int64(leastPage); size <= mostPage && holds == nil; size *= 2 {
		h, err := headerAt(f, size)
		if err != nil {
			return false, err
		}
		if h != nil && h.size == size {
			holds = h
		}
	}
	if holds == nil {
		return false, fmt.Errorf("%w file: it has no header", ErrDamaged)
	}
	half = other == nil
	if !half && other.tx > holds.tx {
		holds = other
	}
	if missing := int64(holds.pages)*holds.size - info.Size(); missing > 0 {
		return half, fmt.Errorf("%w file: %d bytes are missing at its end", ErrDamaged, missing)
	}
	return half, nil
}

// headerAt reads a header; nil when it is damaged. An error is of the disk.
func headerAt(f *os.File, at int64) (*header, error) {
	page := make([]byte, headerOffset+headerSummed+8)
	if _, err := f.ReadAt(page, at); errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // there is none
	} else if err != nil {
		return nil, err
	}
	h := page[headerOffset:]
	sum := fnv.New64a()
	sum.Write(h[:headerSummed])
	if binary.NativeEndian.Uint32(h) != headerMagic || !bytes.Equal(binary.NativeEndian.AppendUint64(nil, sum.Sum64()), h[headerSummed:headerSummed+8]) {
		return nil, nil //nolint:nilnil // there is none
	}
	return &header{
		size: int64(binary.NativeEndian.Uint32(h[headerSize:])), pages: binary.NativeEndian.Uint64(h[headerPages:]), tx: binary.NativeEndian.Uint64(h[headerTx:]),
	}, nil
}

// Readable reads the whole file: what a disk can't give is no damage of ours.
func Readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}
