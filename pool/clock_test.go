package pool

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestOtherBoot places the deadline of a reservation of an earlier boot: by the wall's
// clock as soon as that is known to be right, and nothing ends before. When it never is,
// ten minutes after the start, or the full time if that is longer.
func TestOtherBoot(t *testing.T) {
	for name, c := range map[string]struct {
		age    time.Duration // since the reservation was made, by a clock that is right
		ttl    time.Duration
		syncAt time.Duration // after the start; 0: never
		ends   time.Duration // after the start
		unsure bool          // it was made by a clock that nobody vouched for
	}{
		"clock right from the start":      {4 * time.Minute, 10 * time.Minute, time.Nanosecond, 6 * time.Minute, false},
		"expired long ago":                {time.Hour, 10 * time.Minute, time.Nanosecond, 0, false},
		"clock right after 30 s":          {4 * time.Minute, 10 * time.Minute, 30 * time.Second, 6 * time.Minute, false},
		"expired, seen after 30 s":        {time.Hour, 10 * time.Minute, 30 * time.Second, 30 * time.Second, false},
		"never right, a short time":       {time.Hour, time.Minute, 0, 10 * time.Minute, false},
		"never right, a long time":        {time.Hour, 40 * time.Minute, 0, 40 * time.Minute, false},
		"made in the future by its clock": {-6 * 365 * 24 * time.Hour, time.Minute, 0, 10 * time.Minute, false},
		"made in 1970, right since":       {56 * 365 * 24 * time.Hour, 40 * time.Minute, time.Nanosecond, 40 * time.Minute, true},
		"made in 1970, a short time":      {56 * 365 * 24 * time.Hour, time.Minute, time.Nanosecond, 10 * time.Minute, true},
		"made years ahead, right since":   {-6 * 365 * 24 * time.Hour, time.Hour, 30 * time.Second, time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				made := start.Add(-c.age)
				m := newMemory()
				m.books[1] = Reservation{
					ID: 1, App: "shop", ICCID: "A", Number: "+4915112345678", CreatedAt: Moment{Boot: "before", Wall: made, Unsure: c.unsure},
					ExpiresAt: deadline{Moment{Boot: "before", Wall: made.Add(c.ttl), Unsure: c.unsure}, c.ttl},
				}
				m.next = 2
				p, err := New(Options{
					Store: m, Decoder: plain{}, Boot: Boot{ID: "now", At: start, Clock: time.Second},
					Config:       &Config{Apps: []App{{Name: "shop", Scopes: []Scope{ScopeReserve}}}, PartialAfter: time.Minute},
					Synchronised: func() bool { return c.syncAt != 0 && time.Since(start) >= c.syncAt-time.Nanosecond },
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					if err := p.Run(ctx); err != nil {
						t.Error(err)
					}
				}()
				open := func() bool {
					synctest.Wait()
					m.mu.Lock()
					defer m.mu.Unlock()
					r := m.books[1]
					return r.EndedAt.IsZero()
				}
				if c.ends > 0 {
					time.Sleep(c.ends - time.Second)
					if !open() {
						t.Errorf("it ended before %v", c.ends)
					}
				}
				time.Sleep(3 * time.Second)
				if open() {
					t.Errorf("it is open after %v", c.ends)
				}
				cancel()
				<-done
				m.close()
			})
		})
	}
}
