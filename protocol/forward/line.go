package forward

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"modemgate/pool"
)

const (
	probeEvery    = 10 * time.Second
	noteProbes    = 5 * time.Minute // between two probes of an outage that are written down
	downFailures  = 20              // in a row
	downEvents    = 10              // different ones among them
	downTime      = 5 * time.Minute
	downTimeFloor = 3 // different events within it
	keepAttempts  = 10
	minRetryAfter = time.Second
	maxRetryAfter = time.Hour
)

// item is one pending delivery in memory: an id and times. Its event is kept only until
// its first attempt.
type item struct {
	pool.Delivery
	job     *pool.Job // nil: loaded from the store when its turn comes
	readAt  time.Time
	born    time.Time // when this process took it, on the monotonic clock; zero: it was loaded, Since counts
	next    time.Time
	place   int  // in the heap; -1: not in it
	running bool // an attempt is under way
	probe   bool // it is an outage's probe
	done    bool // out of the outbox
	held    bool // it was pending in a restored backup, and nobody has said that it should go
	// released is when somebody has, in an earlier run: its time counts from then.
	released time.Time
}

// line is everything that waits for one destination. Guarded by Forwarder.mu.
type line struct {
	Destination
	gone   bool               // no longer configured; rows are held
	stop   context.CancelFunc // of its sender; nil: it does not run
	paused bool
	why    string

	rows     map[pool.ID]*item
	live     []*item // first attempts of new events, in the order of ids
	backlog  []*item // first attempts after an outage or a restart, in the order of ids
	retries  retryHeap
	running  int
	retrying int
	tokens   float64 // of the backlog's pace
	tokensAt time.Time

	down      bool
	downSince time.Time
	probeAt   time.Time
	probing   bool
	notedAt   time.Time // when a failed attempt was last written down
	streak    int       // failures in a row
	streakAt  time.Time
	streakOf  map[pool.ID]bool
	last      string // newest result
	lastAt    time.Time
	gaveUp    int // deliveries that were given up since the last success
	gaveUpAt  time.Time
	oldAt     time.Time // when a row may have waited for too long, at the earliest
}

func newLine(d Destination) *line {
	return &line{Destination: d, rows: map[pool.ID]*item{}, streakOf: map[pool.ID]bool{}, tokensAt: time.Now()}
}

// retryHeap orders by the next attempt.
type retryHeap []*item

func (h retryHeap) Len() int           { return len(h) }
func (h retryHeap) Less(i, j int) bool { return h[i].next.Before(h[j].next) }
func (h retryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push implements heap.Interface.
func (h *retryHeap) Push(x any) {
	it := x.(*item)
	it.place = len(*h)
	*h = append(*h, it)
}

// Pop implements heap.Interface.
func (h *retryHeap) Pop() any {
	old := *h
	it := old[len(old)-1]
	*h = old[:len(old)-1]
	it.place = -1
	return it
}

// add takes a new delivery.
func (l *line) add(j pool.Job) {
	if old := l.rows[j.Event]; old != nil {
		old.done = true // sent again by hand while it waits: the new row stands for both
		l.drop(old)
	}
	it := &item{Delivery: j.Delivery, job: &j, readAt: j.ReadAt, born: time.Now(), place: -1}
	l.rows[j.Event] = it
	if l.down || l.paused || l.gone {
		it.job = nil
		l.backlog = append(l.backlog, it)
		return
	}
	l.live = append(l.live, it)
}

func (l *line) drop(it *item) {
	if it.place >= 0 {
		heap.Remove(&l.retries, it.place)
	}
	if l.rows[it.Event] == it {
		delete(l.rows, it.Event)
	}
}

// pick returns what is to be tried now; nil: nothing. next says when to ask again, zero:
// when something changes.
func (l *line) pick(now time.Time) (it *item, next time.Time) {
	if l.gone || l.paused || l.running >= l.Workers {
		return nil, time.Time{}
	}
	if l.down {
		if l.probing {
			return nil, time.Time{}
		}
		if now.Before(l.probeAt) {
			return nil, l.probeAt
		}
		if it = l.newest(); it != nil {
			l.probing, it.probe = true, true
		}
		return it, time.Time{}
	}
	for len(l.live) > 0 {
		it, l.live[0] = l.live[0], nil // an array keeps what it names
		l.live = l.live[1:]
		if !it.done && !it.running {
			return it, time.Time{}
		}
	}
	if len(l.retries) > 0 && l.retrying < max(1, l.Workers/2) {
		if first := l.retries[0]; !first.next.After(now) {
			heap.Pop(&l.retries)
			if first.done || first.running {
				return l.pick(now)
			}
			return first, time.Time{}
		}
		next = l.retries[0].next
	}
	l.refill(now)
	for len(l.backlog) > 0 {
		if l.tokens < 1 {
			at := now.Add(time.Duration((1 - l.tokens) / l.BacklogRate * float64(time.Second)))
			if next.IsZero() || at.Before(next) {
				next = at
			}
			break
		}
		it, l.backlog[0] = l.backlog[0], nil
		l.backlog = l.backlog[1:]
		if !it.done && !it.running && it.place < 0 {
			l.tokens--
			return it, time.Time{}
		}
	}
	return nil, next
}

// refill adds to the backlog's pace what time has brought: never more than a worker's worth at once.
func (l *line) refill(now time.Time) {
	l.tokens = min(l.tokens+now.Sub(l.tokensAt).Seconds()*l.BacklogRate, max(1, l.BacklogRate/10))
	l.tokensAt = now
}

// newest is the pending delivery of the newest event that is not under way. What comes
// during an outage stands at the backlog's end; only where nothing has come is all looked at.
func (l *line) newest() (it *item) {
	for n := len(l.backlog); n > 0; n-- {
		switch o := l.backlog[n-1]; {
		case o.done && n == len(l.backlog):
			l.backlog = l.backlog[:n-1]
		case o.done:
		case !o.running && o.place < 0:
			return o
		}
	}
	for _, o := range l.rows {
		if !o.running && !o.held && (it == nil || o.Event > it.Event) {
			it = o
		}
	}
	if it != nil && it.place >= 0 {
		heap.Remove(&l.retries, it.place)
	}
	return it
}

// answered takes note of what an attempt says about the destination as a whole.
func (l *line) answered(it *item, r *Result, now time.Time) {
	l.last, l.lastAt = r.Note, now
	if r.Local {
		return // says nothing of it
	}
	if r.Verdict != Failed {
		l.streak = 0
		clear(l.streakOf)
		if l.down {
			l.rise(now)
		}
		return
	}
	if l.streak == 0 {
		l.streakAt = now
	}
	l.streak++
	if len(l.streakOf) < downEvents {
		l.streakOf[it.Event] = true
	}
	switch {
	case l.down:
		l.probeAt = now.Add(probeEvery)
	case l.streak >= downFailures && len(l.streakOf) >= downEvents,
		now.Sub(l.streakAt) >= downTime && len(l.streakOf) >= downTimeFloor:
		l.down, l.downSince, l.probeAt = true, now, now.Add(probeEvery)
		for _, o := range l.live { // they wait as all others do
			o.job = nil
		}
		l.backlog = append(l.backlog, l.live...)
		l.live = nil
	}
}

// rise ends an outage: live events first, all that waits at the backlog's pace.
func (l *line) rise(now time.Time) {
	l.down, l.probing = false, false
	l.tokens, l.tokensAt = 1, now
	l.requeue()
}

// requeue makes everything that waits due, in the order of ids.
func (l *line) requeue() {
	l.retries, l.live = nil, nil
	l.backlog = l.backlog[:0]
	for _, it := range l.rows {
		it.place = -1
		if !it.running && !it.held {
			l.backlog = append(l.backlog, it)
		}
	}
	slices.SortFunc(l.backlog, func(a, b *item) int {
		switch {
		case a.Event < b.Event:
			return -1
		case a.Event > b.Event:
			return 1
		}
		return 0
	})
}

// later schedules the next attempt: by the answer's own word or the schedule, never
// before the attempt has ended.
func (l *line) later(it *item, r *Result, begun, ended time.Time) {
	delay := l.Retry[min(max(it.Attempts-it.Before, 1), len(l.Retry))-1]
	next := begun.Add(delay - delay/5 + rand.N(2*delay/5+1))
	if r.RetryAfter >= minRetryAfter && r.RetryAfter <= maxRetryAfter {
		next = ended.Add(r.RetryAfter + rand.N(r.RetryAfter/5+1))
	}
	if next.Before(ended) {
		next = ended
	}
	it.next = next
	heap.Push(&l.retries, it)
}

// ended takes note of how a delivery has ended.
func (l *line) ended(row *pool.Delivery) {
	if row.State == pool.GivenUp {
		l.gaveUp++
		l.gaveUpAt = row.DoneAt
		return
	}
	l.gaveUp = 0
}

// rest ends its sender.
func (l *line) rest() {
	if l.stop != nil {
		l.stop()
		l.stop = nil
	}
}

// state is how the destination is, in a word.
func (l *line) state() string {
	switch {
	case l.gone:
		return "gone"
	case l.paused:
		return "paused"
	case l.down:
		return "down"
	}
	return "up"
}
