package admin

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
)

const (
	maxStreams   = 16
	streamBehind = 256 // notices that a stream may be behind before it is closed
)

// notice is something that has changed: its name, and the row as lists show it.
type notice struct {
	name string
	row  any
}

// streams are the operator's open event streams.
type streams struct {
	mu   sync.Mutex
	open map[chan notice]struct{}
}

// tell hands a notice to every stream; row is asked for only when there is one. A stream
// that is too far behind is closed.
func (s *streams) tell(name string, row func() any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) == 0 {
		return
	}
	n := notice{name, row()}
	for ch := range s.open {
		select {
		case ch <- n:
		default:
			delete(s.open, ch)
			close(ch)
		}
	}
}

func (s *streams) listen() chan notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= maxStreams {
		return nil
	}
	ch := make(chan notice, streamBehind)
	if s.open == nil {
		s.open = map[chan notice]struct{}{}
	}
	s.open[ch] = struct{}{}
	return ch
}

func (s *streams) leave(ch chan notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, ch)
}

// ModemChanged tells the operator's streams of a modem.
func (h *Handler) ModemChanged(slot string) {
	h.streams.tell("modem", func() any {
		for _, m := range h.o.Pool.Modems() {
			if m.Slot == slot {
				return modemRow(&m)
			}
		}
		return struct {
			Slot string `json:"slot"`
		}{slot}
	})
}

// DeliverySettled tells the operator's streams of an attempt.
func (h *Handler) DeliverySettled(d *pool.Delivery) {
	h.streams.tell("delivery", func() any { return h.deliveryRow(d) })
}

// happened tells the operator's streams of an event.
func (h *Handler) happened(ev pool.Event, m *pool.Message) {
	switch {
	case m != nil:
		h.streams.tell("message", func() any { return h.messageRow(m) })
	case ev.Call != nil:
		h.streams.tell("call", func() any { return h.o.Wire.Call(ev.Call) })
	case ev.Reservation != nil:
		h.streams.tell("reservation", func() any {
			v := h.o.Pool.View(ev.Reservation)
			return ReservationRow{h.o.Wire.Reservation(v), v.App, v.ICCID}
		})
	case ev.Test != nil:
		h.streams.tell("test", func() any { return h.testRow(h.o.Pool.ViewTest(ev.Test)) })
	case ev.Alarm != nil:
		h.streams.tell("alarm", func() any { return alarmRow(ev.Alarm) })
	}
}

// events streams what changes, named modem, sim, message, delivery, call, reservation, test and alarm.
func (h *Handler) events(w http.ResponseWriter, r *http.Request) {
	ch := h.streams.listen()
	if ch == nil {
		h.problem(w, &pool.Error{Code: pool.TooManyStreams})
		return
	}
	defer h.streams.leave(ch)
	out, err := protocol.NewEventStream(w)
	if err != nil {
		return // the client has gone
	}
	timer := time.NewTimer(protocol.StreamComment)
	defer timer.Stop()
	for {
		select {
		case n, ok := <-ch:
			if !ok {
				return // too far behind
			}
			data, err := json.Marshal(n.row)
			if err != nil {
				h.log.Error("a notice can't be written", "name", n.name, "error", err)
				continue
			}
			if out.Send("", n.name, data) != nil {
				return
			}
		case <-timer.C:
			if out.Comment() != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-h.o.Pool.StopBegun():
			return
		}
		timer.Reset(protocol.StreamComment)
	}
}
