package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
)

// ErrDamaged means that a record, or the file's structure, is not what was written.
var ErrDamaged = errors.New("damaged")

// recordVersion is the first byte of every value: how the rest is laid out.
const recordVersion = 1

const crcSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers the bucket and the key besides the value, so that a value
// which a damaged page shows under another key is found out.
func checksum(b bucket, key, versioned []byte) uint32 {
	sum := crc32.Update(0, castagnoli, []byte(b))
	sum = crc32.Update(sum, castagnoli, []byte{0})
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, versioned)
}

// seal makes the value under which v is kept: version, JSON, checksum.
func seal(b bucket, key []byte, v any) ([]byte, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding for %s: %w", b, err)
	}
	value := make([]byte, 0, 1+len(payload)+crcSize)
	value = append(value, recordVersion)
	value = append(value, payload...)
	return binary.BigEndian.AppendUint32(value, checksum(b, key, value)), nil
}

// unseal reads a value into v, which then shares no memory with it. The error is an ErrDamaged.
func unseal(b bucket, key, value []byte, v any) error {
	if len(value) < 1+crcSize {
		return damaged(b, key, "too short")
	}
	body := value[:len(value)-crcSize]
	if binary.BigEndian.Uint32(value[len(body):]) != checksum(b, key, body) {
		return damaged(b, key, "checksum")
	}
	if body[0] != recordVersion {
		return damaged(b, key, fmt.Sprintf("unknown version %d", body[0]))
	}
	// The decoder's own error could quote what the record holds.
	if json.Unmarshal(body[1:], v) != nil {
		return damaged(b, key, "not what belongs there")
	}
	return nil
}

// damaged names a record by its bucket, and by its key only where that is an id
// and therefore tells nothing about a SIM.
func damaged(b bucket, key []byte, why string) error {
	if b.byID() && len(key) >= idSize {
		return fmt.Errorf("%w record: %s, id %d: %s", ErrDamaged, b, keyID(key), why)
	}
	return fmt.Errorf("%w record: %s: %s", ErrDamaged, b, why)
}
