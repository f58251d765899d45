package api

import (
	"crypto/sha256"
	"sync"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
)

const (
	maxStreams      = 64
	maxStreamsOfApp = 8
	streamBehind    = 256 // events that a stream may be behind before it is closed
)

// flash is one event on its way to the streams: it is written once for all of them.
type flash struct {
	ev    pool.Event
	m     *pool.Message
	write func() ([]byte, error)
}

// stream is one client that listens.
type stream struct {
	app   string
	token [sha256.Size]byte
	ch    chan *flash
	slow  chan struct{} // closed when it is too far behind, or its token is good no longer
}

// hub hands events to the streams.
type hub struct {
	mu      sync.Mutex
	streams map[*stream]struct{}
	of      map[string]int // by application
	count   int
}

// enter counts a stream that begins; refused are those over the bounds.
func (b *hub) enter(app string) (leave func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count >= maxStreams || b.of[app] >= maxStreamsOfApp {
		return nil, &pool.Error{Code: pool.TooManyStreams}
	}
	b.count++
	b.of[app]++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.count--
		b.of[app]--
	}, nil
}

// listen begins to hand events to a stream.
func (b *hub) listen(app string, token [sha256.Size]byte) (s *stream, leave func()) {
	s = &stream{app: app, token: token, ch: make(chan *flash, streamBehind), slow: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streams[s] = struct{}{}
	return s, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.streams, s)
	}
}

// revoke closes the streams whose tokens are good no longer.
func (b *hub) revoke(good func(app string, token [sha256.Size]byte) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.streams {
		if !good(s.app, s.token) {
			close(s.slow)
			delete(b.streams, s)
		}
	}
}

// tell hands an event to every stream. It does not block: one that is too far behind is closed.
func (b *hub) tell(f *flash) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.streams {
		select {
		case s.ch <- f:
		default:
			close(s.slow)
			delete(b.streams, s)
		}
	}
}

// getEvents streams what happens, as server-sent events of the WHATWG have it.
func getEvents(x *exchange) error {
	q := x.query()
	after := q.id("after", protocol.EventID)
	if err := q.done(); err != nil {
		return err
	}
	if last := x.r.Header.Get("Last-Event-ID"); last != "" && after == 0 {
		n, ok := protocol.ParseID(protocol.EventID, last)
		if !ok {
			return &protocol.Invalid{Name: "Last-Event-ID", Why: "not an id such as evt_1234"}
		}
		after = pool.ID(n)
	}
	if after != 0 {
		if err := x.h.pool.Resumable(after); err != nil {
			return err
		}
	}
	leave, err := x.h.hub.enter(x.app())
	if err != nil {
		return err
	}
	defer leave()
	stream, err := protocol.NewEventStream(x.w)
	if err != nil {
		return nil //nolint:nilerr // the client has gone
	}
	out := &eventStream{EventStream: stream, x: x, last: after}
	if after != 0 && !out.catchUp() { // most of it, while nothing queues up
		return nil
	}
	s, leave := x.h.hub.listen(x.app(), x.token)
	defer leave()
	if !x.h.good(x.app(), x.token) { // revoked meanwhile
		return nil
	}
	if after != 0 && !out.catchUp() {
		return nil
	}
	out.follow(s)
	return nil
}

// eventStream sends to one client what it may see.
type eventStream struct {
	*protocol.EventStream
	x    *exchange
	last pool.ID // newest event that was looked at; 0: none yet
}

// catchUp sends what is on disk and was not sent; false when the client has gone.
func (o *eventStream) catchUp() bool {
	ok := true
	o.x.h.pool.Events(o.last, func(ev *pool.Event, m *pool.Message) bool {
		ok = o.send(&flash{ev: *ev, m: m, write: func() ([]byte, error) { return o.x.h.o.Writer.Bytes(ev, m) }}) && o.x.r.Context().Err() == nil
		return ok
	})
	return ok
}

// follow sends what happens, until somebody has enough.
func (o *eventStream) follow(s *stream) {
	timer := time.NewTimer(protocol.StreamComment)
	defer timer.Stop()
	for {
		select {
		case f := <-s.ch:
			if f.ev.ID > o.last && !o.send(f) {
				return
			}
		case <-timer.C:
			if o.Comment() != nil {
				return
			}
		case <-s.slow:
			return // it comes back with its id
		case <-o.x.r.Context().Done():
			return
		case <-o.x.h.pool.StopBegun():
			return
		}
		timer.Reset(protocol.StreamComment)
	}
}

// send sends one event if the application sees it now; false when the client has gone.
func (o *eventStream) send(f *flash) bool {
	o.last = f.ev.ID
	if !o.x.h.pool.SeesEvent(o.x.app(), &f.ev, f.m) {
		return true
	}
	body, err := f.write()
	if err != nil {
		o.x.h.log.Error("an event can't be written", "event", f.ev.ID, "error", err)
		return true
	}
	if f.m != nil {
		o.x.h.pool.Reads(o.x.app(), f.m.ICCID)
	}
	return o.Send(protocol.ID(protocol.EventID, uint64(f.ev.ID)), "", body) == nil
}
