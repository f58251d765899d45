package store

import (
	"time"

	"modemgate/pool"
)

const (
	clockWorks = 2020      // no clock that is right is before that year
	clockAhead = time.Hour // nor farther ahead of one that is known to be right
)

// walkDated walks rows, oldest first, each with when it was made, for the sake of its age.
// The time of a row that was made while the clock was wrong is that of the next row whose
// is not, or now: so it is never taken for older than it is, and one day it is old.
func walkDated[T any](s *Store, b bucket, now time.Time, when func(*T) time.Time, yield func(v *T, at time.Time) bool) {
	var unsure []*T
	going := true
	all := func(at time.Time) {
		for _, v := range unsure {
			if going = going && yield(v, at); !going {
				return
			}
		}
		unsure = nil
	}
	walk(s, b, 0, true, func(v *T) bool {
		at := when(v)
		if at.Year() < clockWorks || at.After(now.Add(clockAhead)) {
			unsure = append(unsure, v)
			return true
		}
		all(at)
		going = going && yield(v, at)
		return going
	})
	if going {
		all(now)
	}
}

// ended is when something ended that began at a time: what a wrong clock says of that is
// not believed.
func ended(began, end, now time.Time) time.Time {
	if end.Before(began) || end.After(now.Add(clockAhead)) {
		return began
	}
	return end
}

func whenCompleted(m *pool.Message) time.Time    { return m.CompletedAt }
func whenStarted(c *pool.Call) time.Time         { return c.StartedAt }
func whenReserved(r *pool.Reservation) time.Time { return r.CreatedAt.Wall }
func whenTested(t *pool.Test) time.Time          { return t.CreatedAt.Wall }
func whenSent(d *pool.Delivery) time.Time        { return d.Since }
func whenNoted(e *chained) time.Time             { return e.At }
