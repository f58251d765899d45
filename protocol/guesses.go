package protocol

import (
	"net/netip"
	"sync"
	"time"
)

// GuessTime is the time for which requests without a valid token are counted.
const GuessTime = time.Minute

const (
	guessLimit = 10    // requests without a valid token that an address may make in GuessTime
	maxGuesser = 10000 // addresses that are remembered
)

// Guesses counts requests without a valid token by address. The zero value is ready; it
// may be used by several goroutines.
type Guesses struct {
	mu     sync.Mutex
	at     map[netip.Addr]*guess
	overAt time.Time // when an address was last over the limit
}

type guess struct {
	since time.Time
	count int
}

// TooMany counts one more; true when there were too many.
func (g *Guesses) TooMany(addr netip.Addr, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.at == nil || len(g.at) >= maxGuesser {
		g.at = map[netip.Addr]*guess{}
	}
	e := g.at[addr]
	if e == nil || now.Sub(e.since) >= GuessTime {
		e = &guess{since: now}
		g.at[addr] = e
	}
	e.count++
	if e.count > guessLimit {
		g.overAt = now
	}
	return e.count > guessLimit
}

// Over says whether within the last GuessTime an address was over the limit.
func (g *Guesses) Over(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.overAt.IsZero() && now.Sub(g.overAt) < GuessTime
}
