package pool

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// booking is a reservation with its times on this process's clock.
type booking struct {
	Reservation
	created  time.Time
	expires  time.Time
	quietEnd time.Time // zero while it is open
	unplaced bool      // of an earlier boot, and no clock tells how much has passed
}

// over says whether it no longer keeps its number from others.
func (b *booking) over(now time.Time) bool {
	return !b.EndedAt.IsZero() && !now.Before(b.quietEnd)
}

// covers says whether what was announced at t belongs to it.
func (b *booking) covers(t time.Time) bool {
	return !t.Before(b.created) && (b.EndedAt.IsZero() || !t.After(b.quietEnd))
}

const (
	keepBookings  = 10 * time.Minute // after its quiet time, for what is read late
	unsyncedLimit = 10 * time.Minute // after the start: from then on a full time from the start is given
)

// restore takes a reservation that the store has.
func (p *Pool) restore(r Reservation, now time.Time) {
	b := &booking{Reservation: r}
	p.place(b, now)
	s := p.simOf(r.ICCID)
	s.lastUsed = max(s.lastUsed, r.ID)
	if b.over(now.Add(-keepBookings)) {
		return
	}
	p.bookings[r.ID], p.current[r.ID] = b, b // the next tick sees what has passed
	s.recent = append(s.recent, b)
	if !b.over(now) {
		s.reservation = b
	}
	if b.EndedAt.IsZero() {
		p.open[r.ID] = b
		p.openOf[r.App]++
	}
}

// place puts a booking's times on this process's clock. Those of an earlier boot wait
// until the wall's clock is known to be right; without that, the full time is given
// from the start of the process.
func (p *Pool) place(b *booking, now time.Time) {
	sync := p.o.Synchronised()
	b.unplaced = false
	at := func(m Moment, length time.Duration) time.Time {
		t, ok := p.boot.local(m, sync, now)
		if !ok {
			b.unplaced, p.unplaced = true, true
			return p.began.Add(max(length, unsyncedLimit))
		}
		return earliest(t, now.Add(length)) // a clock that was ahead keeps nothing for years
	}
	if t, ok := p.boot.local(b.CreatedAt, sync, now); ok {
		b.created = t
	}
	b.expires = at(b.ExpiresAt.Moment, b.ExpiresAt.Length)
	if !b.EndedAt.IsZero() {
		b.quietEnd = at(b.EndedAt, b.Quiet)
		if !b.unplaced {
			b.quietEnd = b.quietEnd.Add(b.Quiet)
		}
	}
}

func (p *Pool) placeAll(now time.Time) {
	p.unplaced = false
	for _, b := range p.bookings {
		if b.unplaced {
			p.place(b, now)
		}
	}
	for _, t := range p.tests {
		if t.unplaced {
			p.placeTest(t, now)
		}
	}
}

// ReserveRequest says which number an application wants. All selectors that are given
// must hold.
type ReserveRequest struct {
	Number, Country, Operator, Tag string
	TTL                            time.Duration
	Purpose                        string
	Wait                           time.Duration
	Idempotency                    Idempotency
}

// queued is a call that waits for a number.
type queued struct {
	app *App
	req *ReserveRequest
	ks  *keyState
	ch  chan answer
}

type answer struct {
	t   ticket
	r   Reservation // as it was made
	err *Error
}

// Reserve gives an application a number, or says why not. replayed is true when the
// same request was answered before.
func (p *Pool) Reserve(ctx context.Context, app string, req ReserveRequest) (r *ReservationView, replayed bool, err error) {
	return idempotent(ctx, p, app, req.Idempotency, func(ks *keyState) (*ReservationView, error) {
		return p.reserve(ctx, app, &req, ks)
	}, func(id ID) (*ReservationView, error) { return p.Reservation(app, id) })
}

func (p *Pool) reserve(ctx context.Context, name string, req *ReserveRequest, ks *keyState) (*ReservationView, error) {
	p.mu.Lock()
	app, now := p.apps[name], time.Now()
	if app == nil { // a reload has taken it out while the request was read
		p.mu.Unlock()
		return nil, refuse(Unauthorized, "")
	}
	p.serveQueue() // a number may have become free that nobody was told of yet
	a := p.tryReserve(app, req, ks, now)
	var q *queued
	if a.err != nil && a.err.Code == NoNumberFree && req.Wait > 0 && !p.Stopping() {
		q = &queued{app: app, req: req, ks: ks, ch: make(chan answer, 1)}
		p.queue = append(p.queue, q)
	}
	p.mu.Unlock()
	if q != nil {
		a = p.awaitNumber(ctx, q)
	}
	if a.err != nil {
		return nil, a.err
	}
	if err := a.t.wait(); err != nil {
		return nil, err
	}
	return p.view(&a.r), nil
}

// awaitNumber waits for the turn of a queued call.
func (p *Pool) awaitNumber(ctx context.Context, q *queued) answer {
	timer := time.NewTimer(q.req.Wait)
	defer timer.Stop()
	stopping := false
	select {
	case a := <-q.ch:
		return a
	case <-timer.C:
	case <-ctx.Done():
	case <-p.stopping:
		stopping = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case a := <-q.ch: // its turn came meanwhile
		return a
	default:
	}
	p.queue = slices.DeleteFunc(p.queue, func(o *queued) bool { return o == q })
	if stopping {
		return answer{err: refuse(Stopping, "")}
	}
	a := p.tryReserve(q.app, q.req, q.ks, time.Now())
	return a
}

// serveQueue gives what has become free to those who wait for it, oldest first. It is
// called whenever a number may have become free, so a newcomer never finds one free
// that somebody waits for. The time is taken here, under the lock: a reservation begins
// when it is made, not when its caller began to wait for the lock.
func (p *Pool) serveQueue() {
	now := time.Now()
	for i := 0; i < len(p.queue); i++ {
		q := p.queue[i]
		a := p.tryReserve(q.app, q.req, q.ks, now)
		if a.err != nil && a.err.Code == NoNumberFree {
			continue
		}
		p.queue = slices.Delete(p.queue, i, i+1)
		i--
		q.ch <- a
	}
}

// matches says whether a card is among those that a request means.
func (r *ReserveRequest) matches(app *App, s *sim) bool {
	return app.selected(s) &&
		(r.Number == "" || r.Number == s.number) &&
		(r.Country == "" || s.in(r.Country)) &&
		(r.Operator == "" || r.Operator == s.operator) &&
		(r.Tag == "" || slices.Contains(s.tags, r.Tag))
}

// tryReserve reserves the number of those that match that was used longest ago. It is
// the only place that does.
func (p *Pool) tryReserve(app *App, req *ReserveRequest, ks *keyState, now time.Time) answer {
	var best *sim
	matched, live := false, false
	var soonest time.Time
	for _, s := range p.sims {
		if !req.matches(app, s) {
			continue
		}
		matched = true
		live = live || s.live
		state, down := p.state(s, now)
		switch state {
		case Free:
			if best == nil || cmp.Or(cmp.Compare(s.lastUsed, best.lastUsed), cmp.Compare(s.ICCID, best.ICCID)) < 0 {
				best = s
			}
		case Reserved, QuietNow:
			soonest = soonestOf(soonest, s.reservation)
		case DownNow:
			if down == NotLive && s.reservation != nil && !s.reservation.over(now) {
				soonest = soonestOf(soonest, s.reservation)
			}
		}
	}
	switch {
	case !matched:
		return answer{err: refuse(NoNumberMatches, "no number of the application's selection is like this")}
	case p.openOf[app.Name] >= app.MaxReservations:
		return answer{err: refuse(TooManyReservations, "the application has as many open reservations as it may")}
	case best != nil:
	case !live:
		return answer{err: refuse(ReceiversDown, "none of the matching receivers is live")}
	default:
		err := refuse(NoNumberFree, "all matching numbers are busy or can't be used")
		if !soonest.IsZero() {
			err.RetryAfter = max(soonest.Sub(now), time.Second)
		}
		return answer{err: err}
	}
	if err := p.store.Room(); err != nil {
		return answer{err: refuse(NoRoom, "the disk is nearly full")}
	}
	b := p.book(app, best, req, now)
	c := &Change{
		Reservations: []Reservation{b.Reservation},
		Audit:        []Audit{{At: now.UTC().Round(0), Who: "app " + app.Name, What: "reservation.created", Subject: best.ICCID, Why: req.Purpose}},
	}
	p.keep(ks, b.ID, c, now)
	return answer{t: p.submit(c, nil), r: b.Reservation}
}

func soonestOf(t time.Time, b *booking) time.Time {
	at := b.quietEnd
	if b.EndedAt.IsZero() {
		at = b.expires.Add(b.Quiet)
	}
	if t.IsZero() || at.Before(t) {
		return at
	}
	return t
}

func (p *Pool) book(app *App, s *sim, req *ReserveRequest, now time.Time) *booking {
	b := &booking{created: now, expires: now.Add(req.TTL), Reservation: Reservation{
		ID: p.draw(), App: app.Name, ICCID: s.ICCID, Number: s.number, Country: s.country, Operator: s.operator, Purpose: req.Purpose,
		CreatedAt: p.boot.moment(now), ExpiresAt: deadline{p.boot.moment(now.Add(req.TTL)), req.TTL}, Quiet: app.Quiet,
	}}
	s.reservation, s.lastUsed = b, b.ID
	s.recent = append(s.recent, b)
	p.bookings[b.ID], p.current[b.ID], p.open[b.ID] = b, b, b
	p.openOf[app.Name]++
	p.kick()
	return b
}

// own returns a reservation of the application; NotFound for others', as for what never was.
func (p *Pool) own(app string, id ID) (*booking, bool) {
	b := p.bookings[id]
	if b != nil {
		return b, b.App == app
	}
	r, ok := p.store.Reservation(id)
	if !ok || r.App != app {
		return nil, false
	}
	b = &booking{Reservation: *r}
	return b, true
}

// Release ends a reservation; one that has ended is left as it is.
func (p *Pool) Release(app string, id ID) error {
	p.mu.Lock()
	b, ok := p.own(app, id)
	if !ok {
		p.mu.Unlock()
		return refuse(NotFound, "")
	}
	c := &Change{}
	var then func()
	now := time.Now()
	ends := b.EndedAt.IsZero()
	if ends {
		then = p.endBooking(b, Released, now, c, Audit{Who: "app " + app})
	}
	t := p.submit(c, then)
	if ends { // only now: the next one's must not be on disk before the end of this one
		p.serveQueue()
	}
	p.mu.Unlock()
	return t.wait()
}

// EndReservation ends a reservation by the operator's decision.
func (p *Pool) EndReservation(id ID, why string) (*ReservationView, error) {
	p.mu.Lock()
	b := p.open[id]
	if b == nil {
		p.mu.Unlock()
		if r, ok := p.store.Reservation(id); ok {
			return p.view(r), nil
		}
		return nil, refuse(NotFound, "no such reservation")
	}
	c := &Change{}
	now := time.Now()
	then := p.endBooking(b, ByOperator, now, c, Audit{Who: "operator", Why: why})
	t := p.submit(c, then)
	p.serveQueue()
	r := b.Reservation
	p.mu.Unlock()
	if err := t.wait(); err != nil {
		return nil, err
	}
	return p.view(&r), nil
}

// endBooking ends an open reservation in c; the function it returns is to run when that is on disk.
func (p *Pool) endBooking(b *booking, end End, now time.Time, c *Change, a Audit) func() {
	b.EndedAt, b.End = p.boot.moment(now), end
	b.quietEnd = now.Add(b.Quiet)
	delete(p.open, b.ID)
	p.openOf[b.App]--
	a.At, a.What, a.Subject = now.UTC().Round(0), "reservation."+string(end), b.ICCID
	c.Audit = append(c.Audit, a)
	c.Reservations = append(c.Reservations, b.Reservation)
	r := b.Reservation
	ev := Event{ID: p.draw(), Type: ReservationEnded, At: now.UTC().Round(0), Reservation: &r}
	jobs := p.broadcast(ev, c, "")
	p.o.Count.Ended(b.App, end)
	p.kick()
	return func() {
		p.deliver(jobs)
		p.told(ev, nil)
	}
}

// Extend gives an open reservation a new time from now.
func (p *Pool) Extend(app string, id ID, ttl time.Duration) (*ReservationView, error) {
	p.mu.Lock()
	b, ok := p.own(app, id)
	switch {
	case !ok:
		p.mu.Unlock()
		return nil, refuse(NotFound, "")
	case !b.EndedAt.IsZero():
		p.mu.Unlock()
		return nil, refuse(AlreadyEnded, "the reservation has ended")
	}
	now := time.Now()
	b.expires = now.Add(ttl)
	b.ExpiresAt = deadline{p.boot.moment(b.expires), ttl}
	b.unplaced = false
	r := b.Reservation
	t := p.submit(&Change{Reservations: []Reservation{r},
		Audit: []Audit{{At: now.UTC().Round(0), Who: "app " + app, What: "reservation.extended", Subject: b.ICCID}}}, nil)
	p.mu.Unlock()
	p.kick()
	if err := t.wait(); err != nil {
		return nil, err
	}
	return p.view(&r), nil
}

// endBookings ends what has expired and frees what is quiet no longer. It returns when
// the next of them is due.
func (p *Pool) endBookings(now time.Time) (next time.Time) {
	freed := false
	for id, b := range p.current {
		if b.EndedAt.IsZero() && !now.Before(b.expires) {
			c := &Change{}
			then := p.endBooking(b, Expired, now, c, Audit{Who: "modemgate"})
			p.submit(c, then)
		}
		switch {
		case b.EndedAt.IsZero():
			next = soonestTime(next, b.expires)
		case !b.over(now):
			next = soonestTime(next, b.quietEnd)
		default:
			if s := p.sims[b.ICCID]; s != nil && s.reservation == b {
				s.reservation = nil
				freed = true
			}
			delete(p.current, id)
			p.past = append(p.past, b)
		}
	}
	for len(p.past) > 0 && p.past[0].over(now.Add(-keepBookings)) {
		p.forgetBooking(p.past[0])
		p.past = p.past[1:]
	}
	if freed {
		p.serveQueue()
	}
	return next
}

// forgetBooking leaves a reservation to the store.
func (p *Pool) forgetBooking(b *booking) {
	delete(p.bookings, b.ID)
	if s := p.sims[b.ICCID]; s != nil {
		s.recent = slices.DeleteFunc(s.recent, func(o *booking) bool { return o == b })
	}
}

func soonestTime(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// ReservationView is a reservation as it is shown.
type ReservationView struct {
	ID                                             ID
	App, ICCID, Number, Country, Operator, Purpose string
	CreatedAt, ExpiresAt, EndedAt                  time.Time // EndedAt zero: open
	End                                            End
}

// view shows a reservation. A time is now and what is left when the wall's clock was set.
func (p *Pool) view(r *Reservation) *ReservationView {
	now := time.Now()
	at := func(m Moment) time.Time {
		t, ok := p.boot.local(m, p.o.Synchronised(), now)
		if !ok {
			return m.Wall
		}
		return p.boot.shown(m, t, now)
	}
	v := &ReservationView{
		ID: r.ID, App: r.App, ICCID: r.ICCID, Number: r.Number, Country: r.Country, Operator: r.Operator, Purpose: r.Purpose,
		CreatedAt: at(r.CreatedAt), ExpiresAt: at(r.ExpiresAt.Moment), End: r.End,
	}
	if !r.EndedAt.IsZero() {
		v.EndedAt = at(r.EndedAt)
	}
	return v
}

// View shows a reservation as an event holds it.
func (p *Pool) View(r *Reservation) *ReservationView { return p.view(r) }

// Reservation shows one of the application's.
func (p *Pool) Reservation(app string, id ID) (*ReservationView, error) {
	p.mu.Lock()
	b, ok := p.own(app, id)
	var r Reservation
	if ok {
		r = b.Reservation
	}
	t := p.submit(&Change{}, nil) // it may have changed just now
	p.mu.Unlock()
	if !ok {
		return nil, refuse(NotFound, "")
	}
	if err := t.wait(); err != nil {
		return nil, err
	}
	return p.view(&r), nil
}
