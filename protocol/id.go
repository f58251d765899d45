package protocol

import (
	"strconv"
	"strings"
)

// Prefixes of ids.
const (
	MessageID     = "msg"
	CallID        = "call"
	ReservationID = "res"
	EventID       = "evt"
	TestID        = "tst"
)

// ID writes an id: a prefix that says of what, and a number that grows.
func ID(prefix string, n uint64) string { return prefix + "_" + strconv.FormatUint(n, 10) }

// OptionalID is ID, null for 0.
func OptionalID(prefix string, n uint64) *string {
	if n == 0 {
		return nil
	}
	id := ID(prefix, n)
	return &id
}

// ParseID reads an id of one kind, in just the form in which it is written.
func ParseID(prefix, text string) (n uint64, ok bool) {
	digits, ok := strings.CutPrefix(text, prefix+"_")
	if !ok || len(digits) > 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && n > 0 && ID(prefix, n) == text
}
