package pool

import (
	"slices"
	"strings"
	"time"
)

// Modem is one modem of the rack, as its session tells. Values are copies.
type Modem struct {
	Slot         string
	Port         string
	State        string
	Reason       string
	Detail       string
	Family       string
	Manufacturer string
	Model        string
	Revision     string
	IMEI         string
	ICCID        string
	IMSI         string
	CardNumber   string // what the card says
	Registration string
	Roaming      bool
	Operator     string
	PLMN         string
	SignalDBm    int // 0: not known
	StorageUsed  int
	StorageTotal int
	Since        time.Time
	Ready        bool // can receive
}

// sim is a card with all that is known of it now. Guarded by Pool.mu.
type sim struct {
	SIM
	file *FileSIM

	// Derived from the above.
	name     string // never empty: the ICCID where none is given
	number   string
	tags     []string
	enabled  bool
	listed   bool // the file or a stored fact names it
	country  string
	operator string
	opName   string

	slot        string // of the modem that it is in; empty: in none
	live        bool
	sickSince   time.Time // when it was last live, while it is not; zero: never
	sick        []span    // earlier times in which it was not
	stored      bool      // what the card says is in the store
	reservation *booking  // open or quiet; nil: neither
	recent      []*booking
	lastUsed    ID                   // newest reservation
	items       []*testItem          // of tests that are open or late
	lastTested  ID                   // newest test
	attended    string               // slot that is asked every second for its tests; empty: none
	messages    []MessageIndex       // ascending
	lastAt      time.Time            // arrival of the newest message
	lastSeen    map[string]time.Time // arrival of the newest message by holder that it sees; "": nobody's
}

// derive works out what the sources together say: the file, then what was set, then the card.
func (s *sim) derive(n *Networks) {
	facts := s.Set
	s.listed = facts != SIMFacts{}
	if s.file != nil {
		s.listed = true
		facts = s.file.Facts.over(facts)
	}
	s.name, s.number, s.tags, s.enabled = s.ICCID, s.CardSays, nil, true
	if facts.Name != nil && *facts.Name != "" {
		s.name = *facts.Name
	}
	if facts.Number != nil && *facts.Number != "" {
		s.number = *facts.Number
	}
	if facts.Tags != nil {
		s.tags = *facts.Tags
	}
	if facts.Enabled != nil {
		s.enabled = *facts.Enabled
	}
	s.country, s.operator, s.opName = n.Home(s.IMSI)
}

// over lays f over other.
func (f SIMFacts) over(other SIMFacts) SIMFacts {
	if f.Name == nil {
		f.Name = other.Name
	}
	if f.Number == nil {
		f.Number = other.Number
	}
	if f.Tags == nil {
		f.Tags = other.Tags
	}
	if f.Enabled == nil {
		f.Enabled = other.Enabled
	}
	if f.Note == nil {
		f.Note = other.Note
	}
	return f
}

// numberSet says whether the operator has said the number, so that it counts without the card.
func (s *sim) numberSet() bool {
	return s.Set.Number != nil || s.file != nil && s.file.Facts.Number != nil
}

func (s *sim) hasTag(tags []string) bool {
	return slices.ContainsFunc(tags, func(t string) bool { return slices.Contains(s.tags, t) })
}

// is says whether a name of the file means this card: its name, ICCID or number.
func (s *sim) is(name string) bool {
	return name != "" && (name == s.name || name == s.number || SameICCID(name, s.ICCID))
}

// SameICCID compares ICCIDs with or without the check digit and a filler F.
func SameICCID(a, b string) bool {
	a, b = strings.TrimRight(strings.ToUpper(a), "F"), strings.TrimRight(strings.ToUpper(b), "F")
	if a == b {
		return a != ""
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) >= 18 && len(b) == len(a)+1 && b[:len(a)] == a
}

// in says whether a country filter means the card: ISO code or the MCC's digits.
func (s *sim) in(country string) bool {
	return strings.EqualFold(country, s.country) || len(country) == 3 && strings.HasPrefix(s.IMSI, country)
}

// selected says whether the card is among those that an application is given.
func (a *App) selected(s *sim) bool {
	q := &a.Select
	if q.All {
		return true
	}
	if len(q.Tags) == 0 && len(q.Countries) == 0 && len(q.Names) == 0 {
		return false
	}
	return (len(q.Tags) == 0 || s.hasTag(q.Tags)) &&
		(len(q.Countries) == 0 || slices.ContainsFunc(q.Countries, s.in)) &&
		(len(q.Names) == 0 || slices.ContainsFunc(q.Names, s.is))
}

// Down says by a closed code why a number can't be used.
type Down string

// Reasons of Down.
const (
	NotLive         Down = "not_live"
	NoNumber        Down = "no_number"
	DuplicateNumber Down = "duplicate_number"
	DisabledSIM     Down = "disabled"
	HeldSIM         Down = "held"
)

// NumberState is what can be done with a number.
type NumberState string

// States of numbers.
const (
	Free     NumberState = "free"
	Reserved NumberState = "reserved"
	QuietNow NumberState = "quiet"
	DownNow  NumberState = "down"
)

// down is the one place that says whether a card can be used, and why not.
func (p *Pool) down(s *sim) Down {
	switch {
	case !s.enabled:
		return DisabledSIM
	case p.config.HoldUnlisted && !s.listed:
		return HeldSIM
	case s.number == "" && s.live:
		return NoNumber
	case s.number != "" && p.claims(s.number) > 1 && p.claimsIt(s):
		return DuplicateNumber
	case !s.live:
		return NotLive
	}
	return ""
}

// claimsIt says whether a card's claim to its number counts: it is in the rack, or the
// operator has said so. A card in a drawer claims nothing.
func (p *Pool) claimsIt(s *sim) bool { return s.slot != "" || s.numberSet() }

func (p *Pool) claims(number string) int { return p.numbers[number] }

// state of a number, with the reason when it is down.
func (p *Pool) state(s *sim, now time.Time) (NumberState, Down) {
	if d := p.down(s); d != "" {
		return DownNow, d
	}
	switch b := s.reservation; {
	case b == nil || b.over(now):
		return Free, ""
	case b.EndedAt.IsZero():
		return Reserved, ""
	}
	return QuietNow, ""
}

// MaxTTL is the longest time for which an application may reserve a number.
func (p *Pool) MaxTTL(app string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.apps[app]; a != nil {
		return a.MaxTTL
	}
	return 0
}
