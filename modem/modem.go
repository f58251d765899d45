package modem

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"modemgate/modem/line"
)

// State is where a modem is on its way to service.
type State string

// States of a modem, in the order in which it passes them.
const (
	Opening   State = "opening"
	Probing   State = "probing"
	Setup     State = "setup"
	NoSIM     State = "no_sim"
	PINLocked State = "pin_locked"
	Searching State = "searching"
	Denied    State = "denied"
	Ready     State = "ready"
	Failed    State = "failed"
)

// Reason says by a closed code why a modem is not ready; empty when it is.
type Reason string

// Reasons.
const (
	NoAnswer      Reason = "no_answer"
	PortBusy      Reason = "port_busy"
	PortGone      Reason = "port_gone"
	NotAModem     Reason = "not_a_modem"
	NoSMS         Reason = "no_sms"
	SIMAbsent     Reason = "sim_absent"
	SIMPIN        Reason = "sim_pin"
	SIMPUK        Reason = "sim_puk"
	SIMBusy       Reason = "sim_busy"
	SIMFailure    Reason = "sim_failure"
	NotRegistered Reason = "not_registered"
	AccessDenied  Reason = "denied"
	Duplicate     Reason = "duplicate"
	IMEIChanged   Reason = "imei_changed"
	OtherReason   Reason = "other"
)

// Status is what is known of one modem. Values are copies.
type Status struct {
	Slot         string // stable: the USB path, or the name of the port
	Port         string
	State        State
	Reason       Reason
	Detail       string // for a person
	Family       string
	Manufacturer string
	Model        string
	Revision     string
	IMEI         string
	ICCID        string
	IMSI         string
	Number       string // what the card says, E.164 with "+"
	NumberSource string // "cnum" or "phonebook"
	Registration string
	Roaming      bool
	Operator     string // name of the network it is registered on
	PLMN         string // its MCC and MNC
	SignalDBm    int    // 0: not known
	StorageUsed  int
	StorageTotal int
	Since        time.Time // of State
	HeardAt      time.Time // of the last good answer
	Swept        bool      // every storage was listed in full since the card was found
}

// Found says how a message came to be read.
type Found int

// Ways in which a message is found.
const (
	Announced      Found = iota // by +CMTI or +CMT
	Sweep                       // by a listing in the middle of a session
	SweepAtConnect              // by the first listing of a session
)

// Message is one PDU that a modem has received.
type Message struct {
	Slot    string
	IMEI    string
	ICCID   string // of the card in the modem
	PDU     []byte // service-centre part and TPDU; never empty; maybe undecodable
	HalfHex bool   // the modem gave an odd number of hex digits: the last one was dropped
	Network string // PLMN the modem is registered on; empty when not known
	Storage string // "SM", "ME", ...; empty: never stored
	Found   Found
	At      time.Time // announcement, else reading; with its monotonic clock
}

// Call is what is known of one incoming call. Call objects of one call have the same Started.
type Call struct {
	Slot    string
	ICCID   string
	From    string // empty: withheld or not said
	Started time.Time
	Ended   time.Time // zero: it rings
	Rings   int
}

// Sink takes what modems receive. Its methods are called by the goroutine that owns
// the modem and must not block.
type Sink interface {
	// Message takes a message over. done is called exactly once, from any goroutine:
	// with nil when the message is on disk, so that the modem's copy may go; with an
	// error when it can't be kept now, so that it stays in the modem.
	Message(m Message, done func(error))
	// Deleted is called when a message that was kept has been deleted from the modem, or
	// was never held by it: what comes from then on is no reading of that copy.
	Deleted(iccid string, pdu []byte)
	// Call is called at the first ring, with the caller's number where that is told,
	// and again when the call has ended.
	Call(c Call)
}

// Options configures a Rack. Ports and Sink are required. Its functions are called by
// the modems' goroutines, so by several at once.
type Options struct {
	Ports   []string          // "auto": sysfs scan; else globs of device nodes
	Ignore  []string          // globs of nodes that are never opened
	Rescan  time.Duration     // 0: 2 s
	Baud    int               // 0: 115200
	Sysfs   string            // "": /sys
	Dev     string            // "": /dev
	Proc    string            // "": /proc; read to name programs that hold ports
	Sweep   time.Duration     // how often every storage is listed in full; 0: 60 s
	Health  time.Duration     // how often an idle modem is asked how it is; 0: 8 s
	Names   map[string]string // the operator's names for USB paths
	LetRing bool              // calls are not rejected

	// Region is the ISO 3166 code of a country by MCC, to read national numbers; "" when unknown. nil: none is known.
	Region func(mcc string) string

	Sink Sink
	// Changed is called with each new Status of a modem, in order per slot. It must not
	// block. gone is true when the slot has left the rack. nil: nobody listens.
	Changed func(s Status, gone bool)

	Logger     *slog.Logger          // nil: discarded
	Registerer prometheus.Registerer // nil: metrics are kept but not exported

	begun time.Time // of the rack; see together

	// Open opens a port, for one session alone; nil: a serial port. Tests give ports in memory.
	Open func(node string, baud int) (line.Port, error)
}
