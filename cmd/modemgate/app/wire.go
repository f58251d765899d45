package app

import (
	"io"

	"modemgate/admin"
	"modemgate/pool"
	"modemgate/protocol/api"
	"modemgate/protocol/forward"
	"modemgate/store"
)

// adminWire lets the operator see objects as applications do.
func adminWire() admin.Wire {
	return admin.Wire{Message: api.Message, Call: api.Call, Reservation: api.Reservation, Test: api.Test, TestRequest: api.TestRequest}
}

// forwardState is the forwarder as admin needs it.
type forwardState struct{ *forward.Forwarder }

func (f forwardState) Status() []admin.Destination {
	var out []admin.Destination
	for _, s := range f.Forwarder.Status() {
		out = append(out, admin.Destination(s))
	}
	return out
}

// adminStore is the store as admin needs it.
type adminStore struct{ *store.Store }

func (s adminStore) Audit(after uint64, yield func(uint64, pool.Audit, string) bool) {
	s.Store.Audit(after, func(row store.AuditRow) bool { return yield(row.Seq, row.Audit, row.Hash) })
}

func (s adminStore) Backup(w io.Writer) error {
	_, err := s.Store.Backup(w)
	return err
}

func (s adminStore) AuditAscending(yield func(uint64, pool.Audit, string) bool) {
	s.Store.AuditAscending(func(row store.AuditRow) bool { return yield(row.Seq, row.Audit, row.Hash) })
}
