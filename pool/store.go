package pool

// Changes is everything one event changes, committed together or not at all.
// The slices are puts by key: what is there already is replaced.
type Changes struct {
	SIMs        []SIM
	Activations []Activation
	Ledger      []LedgerEntry
	Parts       []StoredPart
	DropParts   []uint64 // ids of parts that went into a message
	Messages    []Message
	Seen        []Seen
	Deliveries  []Delivery // DoneAt zero: (re)scheduled at Next; set: leaves the outbox, the receipt stays
	Calls       []Call
}

// Seen remembers a PDU so that reading it again makes no second message. ID is
// that of its message, 0 while the part waits for others.
type Seen struct {
	Digest string `json:"-"` // key: over ICCID and PDU
	ID     uint64 `json:"id"`
}

// Snapshot is what the pool keeps in memory, as the store has it.
type Snapshot struct {
	SIMs        []SIM
	Activations []Activation // open ones, and those ended within Options.Recent
	Ledger      []LedgerEntry
	Parts       []StoredPart
	LastID      uint64 // the highest id ever committed, of any kind
}

// Store keeps the pool's state. The pool calls Submit while it holds its lock
// and waits after it has let go, so Submit must not block on the disk.
type Store interface {
	// Load returns the state as committed.
	Load() (Snapshot, error)
	// Submit queues c for the next commit. Changes are committed in the order of
	// submission, none without those before it. The returned function waits until
	// c is on disk (synced); after an error of the disk it and every later one
	// fail, and nothing more is written. c belongs to the store from the call on.
	Submit(c Changes) (wait func() error)
	// Activation finds one by id in any state; ok is false when it was never issued.
	Activation(id uint64) (a Activation, ok bool, err error)
	// Seen says whether a PDU with this digest was committed before.
	Seen(digest string) (s Seen, ok bool, err error)
}
