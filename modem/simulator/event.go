package simulator

import (
	"slices"
	"time"
)

// EventKind says what happened to a message.
type EventKind string

// Kinds of Event.
const (
	Held      EventKind = "held"      // the modem could not take it: the network keeps it
	Available EventKind = "available" // it is in the modem: stored, or put on the line as +CMT
	Announced EventKind = "announced" // +CMTI, +CMT, +CDS or +CDSI was put on the line
	Read      EventKind = "read"      // CMGR or CMGL gave it
	Deleted   EventKind = "deleted"   // CMGD took it from its slot
	Acked     EventKind = "acked"     // its +CMT was acknowledged, by CNMA or by the modem itself (CSMS=0)
	Refused   EventKind = "refused"   // its +CMT was not acknowledged: the network has it again
)

// Event is one line of the rack's log.
type Event struct {
	Kind      EventKind
	Modem     int
	MessageID uint64
	At        time.Time // with monotonic reading
}

// Events is a copy of the log so far, oldest first.
func (r *Rack) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

func (r *Rack) log(kind EventKind, modem int, id uint64, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := Event{Kind: kind, Modem: modem, MessageID: id, At: at}
	r.events = append(r.events, e)
	if r.opts.OnEvent != nil {
		r.opts.OnEvent(e)
	}
}
