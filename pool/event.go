package pool

import "time"

// EventType is what an event says has happened.
type EventType string

// Types of events.
const (
	SMSReceived      EventType = "sms.received"
	SMSBinary        EventType = "sms.binary"
	MMSNotification  EventType = "mms.notification"
	MWI              EventType = "mwi"
	SMSStatus        EventType = "sms.status"
	CallReceived     EventType = "call.received"
	CallEnded        EventType = "call.ended"
	TestFinished     EventType = "test.finished"
	ReservationEnded EventType = "reservation.ended"
	ModemUp          EventType = "modem.up"
	ModemDown        EventType = "modem.down"
	Exhausted        EventType = "delivery.exhausted"
	AlarmRaised      EventType = "alarm.raised"
	AlarmCleared     EventType = "alarm.cleared"
	TestPing         EventType = "test.ping"
)

// Event is something that has happened, frozen at its commit. It refers to its message,
// which does not change; what does change it holds as it was.
type Event struct {
	ID          ID            `json:"id"`
	Type        EventType     `json:"type"`
	At          time.Time     `json:"at"`
	Message     ID            `json:"message,omitempty"`
	Call        *Call         `json:"call,omitempty"`
	Reservation *Reservation  `json:"reservation,omitempty"`
	Test        *FinishedTest `json:"test,omitempty"`
	Modem       *ModemNews    `json:"modem,omitempty"`
	Exhaustion  *Exhaustion   `json:"exhausted,omitempty"`
	Alarm       *Alarm        `json:"alarm,omitempty"`
	Ping        string        `json:"ping,omitempty"` // destination that is tested
}

// ModemNews says that a modem has come or gone.
type ModemNews struct {
	Slot   string `json:"slot"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	ICCID  string `json:"iccid,omitempty"`
	Number string `json:"number,omitempty"`
	SIM    string `json:"sim,omitempty"`
}

// Exhaustion says that deliveries to a destination were given up.
type Exhaustion struct {
	Destination string `json:"destination"`
	Count       int    `json:"count"`
	First       ID     `json:"first"` // its event
	LastResult  string `json:"last_result,omitempty"`
}

// EventTypes lists every type that this version makes.
func EventTypes() []EventType {
	return []EventType{
		SMSReceived, SMSBinary, MMSNotification, MWI, SMSStatus, CallReceived, CallEnded, TestFinished, ReservationEnded, ModemUp, ModemDown, Exhausted,
		AlarmRaised, AlarmCleared, TestPing,
	}
}

// eventOf is the type of a message's event.
func eventOf(k MessageKind) EventType {
	switch k {
	case Binary:
		return SMSBinary
	case MMS:
		return MMSNotification
	case Waiting:
		return MWI
	case Status:
		return SMSStatus
	}
	return SMSReceived
}

// EventOf is the event of a message, which has the id behind it.
func EventOf(m *Message) Event {
	return Event{ID: m.ID + 1, Type: eventOf(m.Kind), At: m.CompletedAt, Message: m.ID}
}

// DeliveryState is how far a delivery is.
type DeliveryState string

// States of deliveries. Paused is never kept: it is a pending one of a paused destination.
const (
	Pending DeliveryState = "pending"
	Done    DeliveryState = "done"
	GivenUp DeliveryState = "given_up"
	Paused  DeliveryState = "paused"
)

// Attempt is one try to deliver an event.
type Attempt struct {
	At     time.Time `json:"at"`
	Result string    `json:"result"`           // status or error, without secrets and texts
	Answer string    `json:"answer,omitempty"` // first 512 bytes
}

// Delivery is an event on its way to one destination, as it is kept.
type Delivery struct {
	Event       ID            `json:"event"`
	Destination string        `json:"destination"`
	Route       string        `json:"route,omitempty"`
	State       DeliveryState `json:"state"`
	Replay      bool          `json:"replay,omitempty"`
	Since       time.Time     `json:"since"` // commit of the event, or of the resend
	Attempts    int           `json:"attempts,omitempty"`
	Before      int           `json:"before,omitempty"` // of the attempts, those before the resend: the schedule began anew
	Last        []Attempt     `json:"last,omitempty"`   // the newest, at most 10
	DoneAt      time.Time     `json:"done,omitzero"`
	Message     ID            `json:"message,omitempty"`
	ICCID       string        `json:"iccid,omitempty"` // first attempts of one SIM go in the order of ids
}

// Job is a delivery with all that a destination needs to send it.
type Job struct {
	Delivery
	What    Event
	Message *Message  // nil: the event has none
	ReadAt  time.Time // when a fresh one was read from the modem; zero: loaded from the store
	// Write writes the event for all its destinations, once. nil: nobody has begun to.
	Write func() (Written, error)
}

// Written is an event as it goes out.
type Written struct {
	ID   string
	Body []byte
}

// DestinationState is what is kept of a destination besides its configuration.
type DestinationState struct {
	Name   string    `json:"name"`
	Paused bool      `json:"paused"`
	Why    string    `json:"why,omitempty"`
	Since  time.Time `json:"since"`
	// Held is the newest event whose deliveries wait for a word of the operator: they
	// were pending in a backup that was restored. A resume releases them.
	Held ID `json:"held,omitempty"`
	// Released is the newest event that a resume has released so: the time of those
	// deliveries counts from then.
	Released   ID        `json:"released,omitempty"`
	ReleasedAt time.Time `json:"released_at,omitzero"`
}
