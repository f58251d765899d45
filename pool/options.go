package pool

import (
	"errors"
	"log/slog"
	"time"
)

// Errors that callers tell apart.
var (
	// ErrNoNumbers means that no eligible number is left for the request.
	ErrNoNumbers = errors.New("no numbers")
	// ErrUnknownActivation means that this upstream never got an activation with that id.
	ErrUnknownActivation = errors.New("unknown activation")
	// ErrStore means that the store failed: nothing was promised, the caller should answer so that it is asked again.
	ErrStore = errors.New("store unavailable")
)

// Options is what a Pool is made of. Store, Decoder and Place are required.
type Options struct {
	Store   Store
	Decoder Decoder
	// Place says where a SIM stands in an upstream's words, by its IMSI. ok is
	// false when the tables have no words for it: then it is not offered there.
	Place func(upstream, imsi string) (country, operator string, ok bool)
	// Register says what the operator's register holds of a SIM. nil: nothing is registered.
	Register func(iccid string) Registration
	// Canonical maps an upstream's service code to the code under which the
	// ledger knows it, so that upstreams share locks. nil: codes are the same everywhere.
	Canonical    func(upstream, service string) string
	Upstreams    []Upstream
	PartialAfter time.Duration // how long a long message waits for its parts; 0: 2 minutes
	// Committed is called once for each message after it is on disk, with its new
	// outbox rows, in order of commit per SIM. It must not block. nil: nobody listens.
	Committed func(Message, []Delivery)
	Retry     time.Duration // Next of a new delivery is this far ahead: its first push is under way; 0: 10 s
	Logger    *slog.Logger  // nil: discarded
}

// Registration is an entry of the SIM register, as the configuration has it.
type Registration struct {
	Holder    string    // empty: not registered, never offered
	Until     time.Time // zero: no end; not offered after it
	Upstreams []string  // nil: all
	Services  []string  // nil: the upstream's
}

// Upstream is one activation server's rules, in that server's words.
type Upstream struct {
	Name            string
	Services        []string // nothing else is offered
	AnyOperator     bool     // offer under "any" instead of operator names
	MaxOpen         int      // open activations a number may have at once; 0: one per service
	Cooldown        time.Duration
	ExclusiveGroups [][]string       // services that one number never serves at the same time
	MinSum          map[string]Money // by service
	ForwardTail     time.Duration
}

// Request is a GET_NUMBER in the upstream's words, already trimmed and lower-cased.
type Request struct {
	Upstream string
	Country  string
	Operator string // "any": whichever
	Service  string
	Sum      Money
	Currency int
	Except   []string // prefixes of numbers, digits only, not empty
	Voice    bool     // only numbers whose modem takes calls
}

// Count is how many numbers an upstream could lease now, one row per service.
type Count struct {
	Country  string
	Operator string
	Service  string
	Numbers  int
}
