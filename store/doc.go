// Package store keeps modemgate's state in one bbolt file. It implements pool.Store,
// the forwarder's outbox and the lists that the operator reads.
//
// # Promises
//
// When done is called with nil for a change of [Store.Submit], it is on disk, synced.
// One change is one transaction: all of it is there or nothing. Changes are committed
// in the order of submission; those that wait together share a transaction. After the
// first error of the disk nothing is written any more: see [Store.Failed]. A change
// whose done got an error may nevertheless be on disk (the second of bbolt's two syncs
// failed), so an error means "not promised", never "not there".
//
// # Layout
//
// Every value carries a version, its payload as JSON, and a CRC32C over bucket, key,
// version and payload, so that a flipped bit is found, and also a value that turns up
// under another key. A damaged record is left out, counted and logged. Ids are
// big-endian, so that keys sort by age.
//
//	meta          "header": instance, schema, creation; "tally": highest id, records a bucket
//	sims          ICCID
//	modems        IMEI: the card that is in it
//	parts         id
//	messages      id
//	calls         id
//	reservations  id
//	events        id
//	seen          ICCID NUL digest
//	keys          application NUL path NUL Idempotency-Key
//	outbox        destination NUL event id: pending deliveries
//	deliveries    event id, destination: done and given up
//	destinations  name
//	alarms        name NUL subject: those that are raised
//	tests         id
//	items         test id, number of the item
//	monitors      name
//	audit         sequence: the entry and the hash over it and the one before
//
// What is older than its time is erased by [Store.Retain], in transactions of a few rows.
//
// A marker beside the file says that this box has a store and whether it was left in
// order, and holds a ceiling of ids that is reserved ahead: no id is used twice, whatever
// becomes of the file.
//
// The file has blocks for [reserve] bytes behind its last page, and [Store.Room] says when
// those or the disk's last megabytes are touched: what is open can still be closed then.
// [Check] reads a whole file, [Store.Backup] copies it with the archive while it is
// written, [Restore] puts such a copy in its place and keeps what it replaces.
//
// # What it never does
//
// It decides nothing about reservations or deliveries, hands out no memory of the
// mapped file, holds no transaction across a call, never creates a store where a
// file or a marker is, and puts no text, number or key of a SIM into errors or logs.
package store
