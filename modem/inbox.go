package modem

import (
	"errors"
	"strings"
	"sync"
	"time"

	"modemgate/modem/answer"
	"modemgate/modem/line"
)

const (
	maxIndex = 9999 // no modem has so many places
	maxURCs  = 256  // that wait for the owner; more are worth a sweep
)

// place is where a modem holds a message.
type place struct {
	storage string
	index   int
}

// announcement is a modem's word that a message has come in.
type announcement struct {
	place
	at time.Time
}

// kept is the sink's word on a message that was handed over.
type kept struct {
	place
	ticket uint64 // of the reading
	err    error
}

// inbox is what the reading goroutine and the sink leave for the owner of a modem:
// flags and facts, never work.
type inbox struct {
	wake chan struct{} // has a token when there is something to look at

	mu        sync.Mutex
	announced []announcement
	direct    []line.URC // +CMT and +CDS with their PDU
	rings     []line.URC
	kept      []kept
	checks    []func(error) // that wait to be taken up
	attended  bool          // a test waits for what this modem receives: it is asked every second
	flags     flags
}

// flags is a set of what a modem said that needs a look.
type flags uint8

const (
	flagSweep   flags = 1 << iota // a message may be anywhere
	flagRestart                   // the modem has booted: set up anew
	flagCard                      // the SIM may be another
	flagNetwork                   // the registration may have changed
	flagAttend                    // how often it is asked has changed
)

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// change runs f locked and wakes the owner.
func (b *inbox) change(f func()) {
	b.mu.Lock()
	f()
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// clear forgets what an earlier connection left. What came with its PDU stays:
// nobody else has it.
func (b *inbox) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.announced, b.rings, b.kept, b.flags = nil, nil, nil, 0
}

// unsolicited sorts a URC. It is called by the goroutine that reads the port. Of a
// registration or a SIM state nothing is believed that was not asked for: some
// modems send them in the form of an answer.
func (b *inbox) unsolicited(u line.URC) {
	name, rest, _ := strings.Cut(u.Line, ":")
	switch name {
	case "+CMTI", "+CDSI":
		n, err := answer.CMTI("+CMTI:" + rest)
		b.change(func() {
			if err != nil || n.Index < 0 || n.Index > maxIndex || n.Storage == "" || !isStorage(n.Storage) || len(b.announced) >= maxURCs {
				b.flags |= flagSweep
				return
			}
			b.announced = append(b.announced, announcement{place{n.Storage, n.Index}, u.At})
		})
	case "+CMT", "+CDS":
		b.change(func() {
			if len(b.direct) < maxURCs {
				b.direct = append(b.direct, u)
			}
		})
	case "RING", "+CRING", "+CLIP", "NO CARRIER", "*ECAV", "^CEND", "+CLCC":
		b.change(func() {
			if len(b.rings) < maxURCs {
				b.rings = append(b.rings, u)
			}
		})
	case "+CREG", "+CEREG", "+CGREG":
		b.change(func() { b.flags |= flagNetwork })
	default:
		if f := meaning(u.Line); f != 0 {
			b.change(func() { b.flags |= f })
		}
	}
}

// meaning is what a URC of any family says that needs a look.
func meaning(l string) (f flags) {
	if _, ok := answer.SIMChange(l); ok {
		f |= flagCard
	}
	if _, ok := answer.StorageFull(l); ok {
		f |= flagSweep
	}
	if answer.SMSReady(l) {
		f |= flagRestart
	}
	for _, boot := range [...]string{"RDY", "Call Ready", "*ATREADY", "+PBREADY", "+AT: READY", "^SYSSTART", "PB DONE"} {
		if strings.HasPrefix(l, boot) {
			f |= flagRestart
		}
	}
	return f
}

func isStorage(name string) bool {
	return len(name) >= 2 && len(name) <= 4 && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}

// attendedEvery is how often a modem is asked while a test waits for what it receives.
const attendedEvery = time.Second

// errGap means that a storage, or a message in one, could not be read.
var errGap = errors.New("not everything that is stored could be read")

// endChecks tells those who wait for a sweep how it went.
func (s *session) endChecks(err error) {
	b := s.inbox
	if err != nil { // also those that were not taken up
		b.mu.Lock()
		s.checks = append(s.checks, b.checks...)
		b.checks = nil
		b.mu.Unlock()
	}
	checks := s.checks
	s.checks = nil
	for _, done := range checks {
		done(err)
	}
}
