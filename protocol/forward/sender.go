package forward

import (
	"context"
	"time"

	"modemgate/pool"
)

// Parcel is one event to be sent to one destination.
type Parcel struct {
	Event   *pool.Event
	ID      string // of the event, as the wire has it
	Body    []byte // the event as the wire has it; the same on every attempt, and for all destinations: for reading
	SIM     string // the card's name; empty: the event has none
	Attempt int    // from 1
	Replay  bool   // sent again by the operator's hand
}

// Verdict is what came of an attempt.
type Verdict int

// Verdicts.
const (
	Delivered Verdict = iota
	Refused           // answered, but not as delivered: tried again
	Failed            // as Refused, and a sign that the destination is down
	Permanent         // will never be delivered: given up at once
	Gone              // the destination wants no more: it is paused
)

// Result is an attempt's outcome. Note and Answer are shown to the operator.
type Result struct {
	Verdict    Verdict
	Note       string        // status or error, without secrets, numbers and texts
	Answer     string        // first 512 bytes of the answer
	RetryAfter time.Duration // 0: by the schedule
	Local      bool          // decided here: the destination was not asked
}

// Sender is one destination. Send tries once, within the context's time; it is called
// by several goroutines at once, also before Run and after its end. Run is called once;
// it holds what is kept between attempts, such as a connection, and returns when ctx ends
// and all of that is let go.
type Sender interface {
	Send(ctx context.Context, p *Parcel) Result
	Run(ctx context.Context)
}

// Destination is one of the operator's systems with its schedule.
type Destination struct {
	Name        string
	Kind        string
	Sender      Sender
	Timeout     time.Duration
	Workers     int
	Retry       []time.Duration // the last one repeats
	GiveUpAfter time.Duration
	BacklogRate float64 // events a second
}
