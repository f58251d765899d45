package pool

import "time"

// Moment is a time that is kept over restarts: on the clock that runs since the
// machine's boot, which nothing sets, and on the wall's. The zero Moment is none.
type Moment struct {
	Boot  string        `json:"boot"`
	Clock time.Duration `json:"clock"` // since that boot
	Wall  time.Time     `json:"wall"`
	// Unsure means that nobody vouched for the wall's clock: after the next boot nothing
	// can be said about when it was.
	Unsure bool `json:"unsure,omitempty"`
}

// IsZero says whether it is no moment.
func (m Moment) IsZero() bool { return m.Wall.IsZero() && m.Boot == "" }

// Boot is what is known of the machine's boot at the start of the process. The clock is
// read once; from then on Go's monotonic clock goes with it.
type Boot struct {
	ID    string
	Clock time.Duration // since the boot, at At
	At    time.Time     // with monotonic reading

	right func() bool // whether the wall's clock is known to be right
}

// moment keeps a time of this process.
func (b Boot) moment(t time.Time) Moment {
	return Moment{Boot: b.ID, Clock: b.Clock + t.Sub(b.At), Wall: t.Round(0).UTC(), Unsure: !b.right()}
}

// local is a moment on this process's clock. A moment of another boot is placed by the
// wall's clock, which tells nothing until it is synchronised: ok is false then.
func (b Boot) local(m Moment, synchronised bool, now time.Time) (t time.Time, ok bool) {
	if m.Boot == b.ID {
		return b.At.Add(m.Clock - b.Clock), true
	}
	if !synchronised || m.Unsure {
		return time.Time{}, false
	}
	return now.Add(m.Wall.Sub(now.Round(0))), true
}

// shown is how a moment is shown: as it was said, unless the wall's clock was set
// meanwhile; then it is now and what is left.
func (b Boot) shown(m Moment, at, now time.Time) time.Time {
	if m.IsZero() {
		return time.Time{}
	}
	reckoned := now.Round(0).Add(at.Sub(now))
	if d := reckoned.Sub(m.Wall); d > -time.Second && d < time.Second {
		return m.Wall
	}
	return reckoned.UTC()
}

// deadline is a moment that ends something, with how long it was given when it was
// set: all of it is given anew when no clock can tell how much has passed.
type deadline struct {
	Moment
	Length time.Duration `json:"length"`
}
