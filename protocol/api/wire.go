package api

import (
	"encoding/hex"
	"strings"

	"modemgate/pool"
	"modemgate/protocol"
)

// Message is a message as the wire has it.
func Message(m *pool.Message) protocol.Message {
	out := protocol.Message{
		ID: protocol.ID(protocol.MessageID, uint64(m.ID)), Kind: string(m.Kind), Number: protocol.Optional(m.Number), SIM: m.SIM,
		From: protocol.Optional(m.From), FromKind: m.FromKind, Text: m.Text,
		ReceivedAt: protocol.Time(m.ReceivedAt), CompletedAt: protocol.OptionalTime(m.CompletedAt), SentAt: protocol.OptionalTime(m.SentAt),
		SMSC: protocol.Optional(m.SMSC), Encoding: protocol.Optional(m.Encoding), Language: protocol.Optional(m.Language),
		Class: notNegative(m.Class), PID: notNegative(m.PID), DCS: notNegative(m.DCS),
		Parts:    protocol.Parts{Total: m.Parts.Total, Received: m.Parts.Received},
		Complete: m.Complete, Arrival: string(m.Arrival), Reservation: protocol.OptionalID(protocol.ReservationID, uint64(m.Reservation)),
		Test:    protocol.OptionalID(protocol.TestID, uint64(m.Test)),
		Repeats: m.Repeats, Network: protocol.Optional(m.Network),
	}
	if m.From != "" {
		ton, npi := m.FromTON, m.FromNPI
		out.FromTON, out.FromNPI = &ton, &npi
	}
	if !m.SentAt.IsZero() {
		offset := protocol.Offset(m.SentOffset)
		out.SentOffset = &offset
	}
	if m.Parts.RefBits != 0 {
		ref, bits := m.Parts.Ref, m.Parts.RefBits
		out.Parts.Ref, out.Parts.RefBits = &ref, &bits
	}
	return out
}

// withPDUs adds the raw PDUs.
func withPDUs(m *pool.Message) protocol.Message {
	out := Message(m)
	out.PDU = []string{}
	for _, pdu := range m.PDUs {
		out.PDU = append(out.PDU, strings.ToUpper(hex.EncodeToString(pdu)))
	}
	return out
}

func notNegative(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

// Call is a call as the wire has it.
func Call(c *pool.Call) protocol.Call {
	return protocol.Call{
		ID: protocol.ID(protocol.CallID, uint64(c.ID)), Number: protocol.Optional(c.Number), SIM: c.SIM, From: protocol.Optional(c.From),
		StartedAt: protocol.Time(c.StartedAt), EndedAt: protocol.OptionalTime(c.EndedAt), Rings: c.Rings,
		Reservation: protocol.OptionalID(protocol.ReservationID, uint64(c.Reservation)), Test: protocol.OptionalID(protocol.TestID, uint64(c.Test)),
	}
}

// Reservation is a reservation as the wire has it.
func Reservation(r *pool.ReservationView) protocol.Reservation {
	return protocol.Reservation{
		ID: protocol.ID(protocol.ReservationID, uint64(r.ID)), Number: r.Number, Country: protocol.Optional(r.Country),
		Operator: protocol.Optional(r.Operator), Purpose: r.Purpose, CreatedAt: protocol.Time(r.CreatedAt),
		ExpiresAt: protocol.Time(r.ExpiresAt), EndedAt: protocol.OptionalTime(r.EndedAt), End: protocol.Optional(string(r.End)),
	}
}

// Writer writes events as the wire has them. It is safe for concurrent use.
type Writer struct {
	View     func(*pool.Reservation) *pool.ReservationView
	ViewTest func(*pool.FinishedTest) *pool.TestView
	Host     string // this machine's name
}

// Event is an event as the wire has it. m is its message, nil when it has none. What a
// message was at commit is what it is, but for its repeats, which were none.
func (w *Writer) Event(ev *pool.Event, m *pool.Message) protocol.Event {
	out := protocol.Event{Type: string(ev.Type), ID: protocol.ID(protocol.EventID, uint64(ev.ID)), Timestamp: protocol.Time(ev.At)}
	switch {
	case m != nil:
		data := Message(m)
		data.Repeats = 0
		out.Data = data
	case ev.Call != nil:
		out.Data = Call(ev.Call)
	case ev.Reservation != nil:
		out.Data = Reservation(w.View(ev.Reservation))
	case ev.Test != nil:
		out.Data = Test(w.ViewTest(ev.Test))
	case ev.Modem != nil:
		out.Data = protocol.Modem{
			Slot: ev.Modem.Slot, State: ev.Modem.State, Reason: protocol.Optional(ev.Modem.Reason), Number: protocol.Optional(ev.Modem.Number),
			SIM: protocol.Optional(ev.Modem.SIM),
		}
	case ev.Exhaustion != nil:
		out.Data = protocol.Exhausted{
			Destination: ev.Exhaustion.Destination, Count: ev.Exhaustion.Count, First: protocol.ID(protocol.EventID, uint64(ev.Exhaustion.First)),
			LastResult: protocol.Optional(ev.Exhaustion.LastResult),
		}
	case ev.Alarm != nil:
		state := "cleared"
		if ev.Alarm.Raised {
			state = "raised"
		}
		out.Data = protocol.Alarm{
			Alarm: string(ev.Alarm.Name), State: state, Detail: protocol.Optional(ev.Alarm.Detail), Since: protocol.Time(ev.Alarm.Since), Host: w.Host,
		}
	case ev.Ping != "":
		out.Data = protocol.Ping{Destination: ev.Ping}
	}
	return out
}

// Bytes is an event as it goes out: JSON without a line end. They are the same whenever
// it is written.
func (w *Writer) Bytes(ev *pool.Event, m *pool.Message) ([]byte, error) {
	return protocol.Marshal(w.Event(ev, m))
}

func number(n *pool.NumberRow) protocol.Number {
	out := protocol.Number{
		Number: protocol.Optional(n.Number), SIM: n.SIM, Country: protocol.Optional(n.Country), Operator: protocol.Optional(n.Operator),
		OperatorName: protocol.Optional(n.OperatorName), Tags: n.Tags, State: string(n.State), Reason: protocol.Optional(string(n.Reason)),
		Detail: protocol.Optional(n.Detail), Network: protocol.Optional(n.Network),
		LastMessageAt: protocol.OptionalTime(n.LastMessageAt), ReservedUntil: protocol.OptionalTime(n.ReservedUntil),
	}
	if n.RoamingKnown {
		roaming := n.Roaming
		out.Roaming = &roaming
	}
	return out
}

func availability(c *pool.Count) protocol.Availability {
	return protocol.Availability{
		Country: protocol.Optional(c.Country), Operator: protocol.Optional(c.Operator), OperatorName: protocol.Optional(c.OperatorName),
		Total: c.Total, Free: c.Free, Reserved: c.Reserved, Quiet: c.Quiet, Down: c.Down,
	}
}
