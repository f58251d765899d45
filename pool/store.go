package pool

// Change is one event: everything of it is on disk, or nothing.
type Change struct {
	SIMs         []SIM
	ForgetSIMs   []string          // ICCIDs
	Modems       map[string]string // IMEI: the card that is in it
	Parts        []Part
	DropParts    []ID
	Messages     []Message
	Calls        []Call
	Reservations []Reservation
	Seen         []Seen
	Keys         []Key
	DropKeys     []Key
	Events       []Event
	Deliveries   []Delivery
	Destinations []DestinationState
	Tests        []Test
	Items        []Item
	Monitors     []MonitorState
	Alarms       []Alarm // those that were cleared are kept no longer
	Audit        []Audit
}

// Store is what a pool needs to keep.
type Store interface {
	// Submit queues a change and returns at once. Changes are committed in the order of
	// submission, those that wait together in one transaction. done is called when the
	// change is on disk, in that order too, from the committing goroutine: it must not
	// block. An error means that the store has failed for good: nothing is committed
	// any more, and the process should end. An empty change is a barrier: done is called
	// when all that was submitted before it is on disk. The store keeps nothing of c.
	Submit(c *Change, done func(error))
	// Load reads what a pool begins with.
	Load() (*Snapshot, error)
	// Room says whether there is room on the disk for more; nil when there is.
	Room() error

	// Destinations is what is kept of each.
	Destinations() []DestinationState
	Seen(iccid string, d Digest) (Seen, bool)
	// Message, Call, Reservation, Test and Items look in the archive, too; LiveMessage
	// does not: what is archived changes no more.
	Message(id ID) (*Message, bool)
	LiveMessage(id ID) (*Message, bool)
	Call(id ID) (*Call, bool)
	Reservation(id ID) (*Reservation, bool)
	Test(id ID) (*Test, bool)
	// Items are those of a test, in their order.
	Items(test ID) []Item
	Event(id ID) (*Event, bool)
	// OldestEvent is the event from which on every one is kept; 0: none is.
	OldestEvent() ID
	// Events walks from after on (exclusive), oldest first, until yield returns false.
	Events(after ID, yield func(*Event) bool)
	// Messages, Calls, Reservations and Tests walk from after on (exclusive; 0: from the end
	// or, ascending, the beginning) until yield returns false.
	Messages(after ID, ascending bool, yield func(*Message) bool)
	// LiveMessages and LiveCalls walk those that are not archived, oldest first.
	LiveMessages(yield func(*Message) bool)
	LiveCalls(yield func(*Call) bool)
	// ForgetArchived erases what a number has sent or received from the archive.
	ForgetArchived(number string) (int, error)
	// Parts walks parts of long messages, oldest first, until yield returns false.
	Parts(yield func(*Part) bool)
	Calls(after ID, ascending bool, yield func(*Call) bool)
	Reservations(after ID, ascending bool, yield func(*Reservation) bool)
	Tests(after ID, ascending bool, yield func(*Test) bool)
}

// Snapshot is what a pool begins with.
type Snapshot struct {
	NextID       ID // above all that was ever used
	SIMs         []SIM
	Modems       map[string]string
	Parts        []Part
	Reservations []Reservation // open ones, and those that ended within a day
	LastReserved map[string]ID // ICCID: its newest reservation
	Keys         []Key
	Messages     []MessageIndex // ascending
	Incomplete   []Message      // that went out without some parts, of the last day
	Calls        []Call         // without an end
	Alarms       []Alarm        // raised
	Tests        []FinishedTest // open and late ones, and those of the last day
	Monitors     []MonitorState
}

// MessageIndex is what the pool keeps of each message in memory.
type MessageIndex struct {
	ID          ID
	ICCID       string
	App         string
	From        string
	Reservation ID
	Test        ID
	CompletedAt int64 // Unix ms
}
