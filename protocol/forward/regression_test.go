package forward

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"modemgate/pool"
)

// Each of these was broken once.

// TestResendWhileTried keeps the success of an event that was sent again by hand while
// its first attempt hung.
func TestResendWhileTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first atomic.Bool
		p := newPost(t, 4, func(ctx context.Context, _ *Parcel) Result {
			if first.CompareAndSwap(false, true) {
				<-ctx.Done()
				return Result{Verdict: Failed, Note: "timeout"}
			}
			return Result{Verdict: Delivered, Note: "200"}
		})
		p.deliver(1)
		time.Sleep(time.Second)
		again := pool.Delivery{Event: 1, Destination: "crm", State: pool.Pending, Replay: true, Since: time.Now()}
		p.store.Submit(&pool.Change{Deliveries: []pool.Delivery{again}}, func(error) {})
		p.f.Deliver([]pool.Job{{Delivery: again, What: pool.Event{ID: 1}}})
		time.Sleep(time.Hour)
		p.stop()
		if row := p.store.row(1); row.State != pool.Done || len(p.of(1)) != 2 {
			t.Errorf("%s after %d attempts", row.State, len(p.of(1)))
		}
	})
}

// TestClockStep gives nothing up because the wall's clock was wrong, and makes all that
// waits due when it becomes right.
func TestClockStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var right, up atomic.Bool
		p := newPost(t, 4, func(context.Context, *Parcel) Result {
			if up.Load() {
				return Result{Verdict: Delivered, Note: "200"}
			}
			return Result{Verdict: Refused, Note: "400"}
		})
		p.stop()
		for event, since := range map[pool.ID]time.Time{1: time.Now().Add(-10 * 24 * time.Hour), 2: time.Unix(100, 0)} {
			p.store.rows[event] = pool.Delivery{Event: event, Destination: "crm", State: pool.Pending, Since: since}
		}
		p.synchronised = right.Load
		p.start(t, 4)
		time.Sleep(50 * time.Minute) // the next attempts are an hour away
		for event := range pool.ID(2) {
			if row := p.store.row(event + 1); row.State != pool.Pending || row.Attempts < 3 {
				t.Errorf("event %d: %s after %d attempts", event+1, row.State, row.Attempts)
			}
		}
		up.Store(true)
		right.Store(true)
		time.Sleep(30 * time.Second)
		p.stop()
		if row := p.store.row(2); row.State != pool.Done {
			t.Errorf("what waits is not due when the clock becomes right: %s", row.State)
		}
		if row := p.store.row(1); row.State == pool.Pending {
			t.Errorf("event 1 of ten days ago: %s", row.State)
		}
	})
}

// TestGoneAndEmpty forgets a destination that is taken out when nothing waits for it.
func TestGoneAndEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, 4, func(context.Context, *Parcel) Result { return Result{Verdict: Delivered, Note: "200"} })
		p.deliver(1)
		synctest.Wait()
		p.f.SetDestinations(nil)
		if got := p.f.Status(); len(got) != 0 {
			t.Errorf("%+v", got)
		}
		p.stop()
	})
}

// TestLocalDecisions leaves an outage as it is when an attempt has not asked the destination.
func TestLocalDecisions(t *testing.T) {
	t.Parallel()
	l := newLine(Destination{Name: "crm"})
	l.down, l.streak = true, 20
	l.answered(&item{}, &Result{Verdict: Refused, Local: true, Note: "the template can't be rendered"}, time.Now())
	if !l.down || l.streak != 20 {
		t.Error("a template that fails counts as an answer")
	}
}
