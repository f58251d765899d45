package forward

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"modemgate/pool"
)

// TestHeld lets nothing go that was pending in a restored backup before the destination is
// resumed, in an outage or by the clock's becoming right either; what is new goes at once.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		up.Store(true)
		p := newPost(t, 4, func(context.Context, *Parcel) Result {
			if up.Load() {
				return Result{Verdict: Delivered, Note: "200"}
			}
			return Result{Verdict: Failed, Note: "503"}
		})
		p.stop()
		for event := range pool.ID(30) {
			p.store.rows[event+1] = pool.Delivery{Event: event + 1, Destination: "crm", State: pool.Pending, Since: time.Now()}
		}
		p.store.states = []pool.DestinationState{{Name: "crm", Held: 30}}
		p.start(t, 4)
		p.deliver(31)
		time.Sleep(time.Hour)
		up.Store(false)
		for event := range pool.ID(30) { // enough for an outage
			p.deliver(100 + event)
		}
		time.Sleep(time.Hour)
		if s := p.f.Status()[0]; s.Held != 30 || s.State != "down" || s.Depth != 60 {
			t.Errorf("%+v", s)
		}
		up.Store(true)
		time.Sleep(time.Hour)
		for event := range pool.ID(30) {
			if n := len(p.of(event + 1)); n != 0 {
				t.Errorf("event %d was tried %d times", event+1, n)
			}
			if row := p.store.row(100 + event); row.State != pool.Done {
				t.Errorf("event %d: %s", 100+event, row.State)
			}
		}
		d := pool.Delivery{Event: 7, Destination: "crm", State: pool.Pending}
		if p.f.Progress(&d); d.State != pool.Paused {
			t.Errorf("a held delivery shows as %s", d.State)
		}
		if !p.f.Pause("crm", false, "") {
			t.Error("no such destination")
		}
		time.Sleep(time.Minute)
		p.stop()
		for event := range pool.ID(30) {
			if row := p.store.row(event + 1); row.State != pool.Done || len(p.of(event+1)) != 1 {
				t.Errorf("event %d: %s after %d attempts", event+1, row.State, len(p.of(event+1)))
			}
		}
	})
}

// TestHeldWhileGone keeps holding when the destination was not configured for a while.
func TestHeldWhileGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, 4, func(context.Context, *Parcel) Result { return Result{Verdict: Delivered, Note: "200"} })
		p.stop()
		p.store.rows[1] = pool.Delivery{Event: 1, Destination: "crm", State: pool.Pending, Since: time.Now()}
		p.store.states = []pool.DestinationState{{Name: "crm", Held: 1}}
		p.start(t, 4)
		there := p.f.lines["crm"].Destination
		p.f.SetDestinations(nil)
		time.Sleep(time.Minute)
		p.f.SetDestinations([]Destination{there})
		time.Sleep(time.Minute)
		p.stop()
		if len(p.of(1)) != 0 {
			t.Error("it went out")
		}
	})
}

// TestStoreFails sends nothing more once a receipt could not be kept: whatever went out
// now would go out again.
func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, 2, func(context.Context, *Parcel) Result {
			time.Sleep(time.Second)
			return Result{Verdict: Delivered, Note: "200"}
		})
		p.deliver(1, 2, 3, 4, 5, 6)
		time.Sleep(1500 * time.Millisecond)
		p.store.mu.Lock()
		p.store.broken = errors.New("input/output error")
		p.store.mu.Unlock()
		time.Sleep(time.Hour)
		p.deliver(7)
		time.Sleep(time.Hour)
		p.stop()
		if n := len(p.tries); n != 4 {
			t.Errorf("%d attempts: two were under way, none begins after that", n)
		}
	})
}

// TestWrongTimes gives up what has waited for its time by a clock that was right, whatever
// a wrong one has written of it.
func TestWrongTimes(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	long, ahead, zero := now.Add(-30*24*time.Hour), now.AddDate(6, 0, 0), time.Unix(60, 0)
	for name, c := range map[string]struct{ since, released time.Time }{
		"made in 1970":           {zero, time.Time{}},
		"made six years ahead":   {ahead, time.Time{}},
		"made in the year 2400":  {now.AddDate(373, 0, 0), time.Time{}},
		"let go in 1970":         {long, zero},
		"let go six years ahead": {long, ahead},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(now))
				p := newPost(t, 4, func(context.Context, *Parcel) Result { return Result{Verdict: Refused, Note: "422"} })
				p.stop()
				p.store.rows[1] = pool.Delivery{Event: 1, Destination: "crm", State: pool.Pending, Since: c.since}
				if !c.released.IsZero() {
					p.store.states = []pool.DestinationState{{Name: "crm", Released: 1, ReleasedAt: c.released}}
				}
				p.start(t, 4)
				time.Sleep(6 * 24 * time.Hour)
				if row := p.store.row(1); row.State != pool.Pending {
					t.Errorf("%s after %d attempts", row.State, len(p.of(1)))
				}
				time.Sleep(25 * time.Hour)
				p.stop()
				if row := p.store.row(1); row.State != pool.GivenUp {
					t.Errorf("%s after %d attempts", row.State, len(p.of(1)))
				}
			})
		})
	}
}

// TestShorterLimit gives up within a minute what a new configuration lets wait for less time.
func TestShorterLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, 4, func(context.Context, *Parcel) Result { return Result{Verdict: Refused, Note: "422"} })
		p.deliver(1)
		time.Sleep(2 * time.Hour)
		d := p.f.lines["crm"].Destination
		d.GiveUpAfter = time.Hour
		p.f.SetDestinations([]Destination{d})
		time.Sleep(75 * time.Second)
		p.stop()
		if row := p.store.row(1); row.State != pool.GivenUp {
			t.Errorf("%s after %d attempts", row.State, len(p.of(1)))
		}
	})
}

// TestHeldIsNotGivenUp holds what is older than give_up_after, too; its time begins with
// the resume, after a restart, too.
func TestHeldIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))) // a clock that may be right
		p := newPost(t, 4, func(context.Context, *Parcel) Result { return Result{Verdict: Refused, Note: "422"} })
		p.stop()
		p.store.rows[1] = pool.Delivery{Event: 1, Destination: "crm", State: pool.Pending, Since: time.Now().Add(-30 * 24 * time.Hour)}
		p.store.states = []pool.DestinationState{{Name: "crm", Held: 1}}
		p.start(t, 4)
		time.Sleep(10 * 24 * time.Hour)
		if row := p.store.row(1); row.State != pool.Pending || len(p.of(1)) != 0 {
			t.Errorf("%s after %d attempts", row.State, len(p.of(1)))
		}
		p.f.Pause("crm", false, "")
		resumed := time.Now()
		time.Sleep(3 * 24 * time.Hour)
		p.stop()
		p.store.states = []pool.DestinationState{{Name: "crm", Released: 1, ReleasedAt: resumed}}
		p.start(t, 4)
		time.Sleep(3 * 24 * time.Hour)
		if row := p.store.row(1); row.State != pool.Pending || len(p.of(1)) < 10 {
			t.Errorf("%s after %d attempts", row.State, len(p.of(1)))
		}
		time.Sleep(2 * 24 * time.Hour)
		p.stop()
		if row := p.store.row(1); row.State != pool.GivenUp {
			t.Errorf("%s", row.State)
		}
	})
}
