package modem

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
	NoNumber  State = "no_number"
	Ready     State = "ready"
	Failed    State = "failed"
	Disabled  State = "disabled"
)

// States lists every State, for metrics and pages.
func States() []State {
	return []State{Opening, Probing, Setup, NoSIM, PINLocked, Searching, Denied, NoNumber, Ready, Failed, Disabled}
}

// Status is what is known of one modem now. Values are copies.
type Status struct {
	Slot         string    `json:"slot"` // stable: the USB path, or the port's name
	Port         string    `json:"port"`
	State        State     `json:"state"`
	Reason       string    `json:"reason"` // why it is not ready, for a person; empty when ready
	Family       string    `json:"family"`
	Manufacturer string    `json:"manufacturer"`
	Model        string    `json:"model"`
	Revision     string    `json:"revision"`
	IMEI         string    `json:"imei"`
	ICCID        string    `json:"iccid"`
	IMSI         string    `json:"imsi"`
	Number       string    `json:"number"` // E.164 with "+"
	NumberSource string    `json:"number_source"`
	Operator     string    `json:"operator"`
	PLMN         string    `json:"plmn"` // MCC+MNC of the network it is registered on
	Registration string    `json:"registration"`
	SignalDBm    int       `json:"signal_dbm"` // 0: not known
	StorageUsed  int       `json:"storage_used"`
	StorageTotal int       `json:"storage_total"`
	Recoveries   int       `json:"recoveries"`
	Voice        bool      `json:"voice"`
	Since        time.Time `json:"since"` // of State
}

// Received is one message as it lies in a modem's storage.
type Received struct {
	Raw       []byte    // SMSC part and TPDU; never empty; may be undecodable
	ArrivedAt time.Time // when the modem announced it; for one found by a sweep the best estimate
	ReadAt    time.Time
}

// Sink takes what modems receive. Its methods are called by the goroutine that
// owns the modem, so a slow Sink slows only that modem.
type Sink interface {
	// Messages keeps what a SIM received. nil means that all of it is on disk:
	// the modem's copies are deleted then, and only then. The slice belongs to the Sink.
	Messages(ctx context.Context, slot, iccid string, received []Received) error
}

// Options configures a Rack. Ports and Sink are required.
type Options struct {
	Ports  []string      // "auto": sysfs scan; else globs of device nodes
	Ignore []string      // globs of nodes never opened
	Rescan time.Duration // 0: 2 s
	Baud   int           // 0: 115200
	Sysfs  string        // "": /sys
	Dev    string        // "": /dev
	Sweep  time.Duration // how often every storage is listed in full; 0: 60 s
	Health time.Duration // how often an idle modem is asked how it is; 0: 30 s

	// Number is what the operator or an earlier run knows of a SIM's own number:
	// it is asked before the SIM is. source is "config" or "learnt".
	Number func(iccid string) (number, source string, ok bool)
	// Region is the ISO 3166 code of a country by MCC, to read national numbers; "" when unknown.
	Region func(mcc string) string

	Sink Sink
	// Changed is called with each new Status of a modem, in order per slot. It must
	// not block. gone is true when the slot has left the rack. nil: nobody listens.
	Changed func(s Status, gone bool)

	Logger     *slog.Logger          // nil: discarded
	Registerer prometheus.Registerer // nil: metrics are kept but not exported
}
