package simulator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options describes a rack. Dir is required; it must exist.
type Options struct {
	Dir      string    // where the ports appear, as links to ptys
	Modems   int       // 0: 1
	Profiles []Profile // modem i is Profiles[i%len(Profiles)]; nil: Generic

	// Baud paces the line byte by byte both ways, as a UART of that rate would;
	// 0: bytes take no time.
	Baud int
	// LatencyMin and LatencyMax bound the time from a command to its answer.
	LatencyMin, LatencyMax time.Duration

	Capacity     int           // slots of a SIM's storage; 0: 20
	AckTimeout   time.Duration // how long a +CMT waits for AT+CNMA; 0: 15 s
	RingInterval time.Duration // from one RING to the next; 0: 5 s
	Seed         uint64        // of all that is random

	// Memory makes ports without ptys: they appear as empty files, and are opened by Open.
	Memory bool

	// USB names the ports ttyUSB<n>, as a kernel would number the ttys of that
	// many USB modems; otherwise they are slot01, slot02 and so on. See WriteSysfs.
	USB bool

	// OnEvent is told of every Event, in order. It is called with a modem locked:
	// it must not block, nor call the rack or its modems.
	OnEvent func(Event)
	// OnCommand is told of every command line a modem is sent, when it has come,
	// also by one that hangs, under the same rule.
	OnCommand func(modem int, line string)
}

func (o Options) withDefaults() Options {
	if o.Modems == 0 {
		o.Modems = 1
	}
	if len(o.Profiles) == 0 {
		o.Profiles = []Profile{Generic()}
	}
	if o.Capacity == 0 {
		o.Capacity = 20
	}
	if o.AckTimeout == 0 {
		o.AckTimeout = 15 * time.Second
	}
	if o.RingInterval == 0 {
		o.RingInterval = 5 * time.Second
	}
	o.LatencyMax = max(o.LatencyMin, o.LatencyMax)
	return o
}

// Rack is a set of modems that are powered, registered and idle when New
// returns. Its methods may be called from any goroutine.
type Rack struct {
	opts   Options
	modems []*Modem
	wg     sync.WaitGroup // readers of ptys and pending alarms

	mu     sync.Mutex
	events []Event
	nextID uint64

	sysfs    sysfs
	releases *releases
}

// New makes the ptys of a rack and starts its modems.
func New(o Options) (*Rack, error) {
	o = o.withDefaults()
	if o.Dir == "" {
		return nil, errors.New("simulator: no directory for the ports")
	}
	r := &Rack{opts: o}
	for i := range o.Modems {
		r.modems = append(r.modems, newModem(r, i))
	}
	var err error
	if !o.Memory {
		if r.releases, err = newReleases(); err != nil {
			return nil, err
		}
	}
	names := r.portNames()
	for i, m := range r.modems {
		if err := m.plug(names[i], false); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, nil
}

// Close takes all ports away and waits until nothing of the rack runs.
func (r *Rack) Close() error {
	var errs []error
	for _, m := range r.modems {
		errs = append(errs, m.close())
	}
	r.wg.Wait()
	if r.releases != nil {
		errs = append(errs, r.releases.close())
	}
	return errors.Join(errs...)
}

// Len is the number of modems.
func (r *Rack) Len() int { return len(r.modems) }

// Modem is the i-th modem, from 0.
func (r *Rack) Modem(i int) *Modem { return r.modems[i] }

// Dir is where the ports are.
func (r *Rack) Dir() string { return r.opts.Dir }

// portNames are the names the ports have at first.
func (r *Rack) portNames() []string {
	names := make([]string, len(r.modems))
	tty := 0
	for i, m := range r.modems {
		if !r.opts.USB {
			names[i] = fmt.Sprintf("slot%02d", i+1)
			continue
		}
		names[i] = fmt.Sprintf("ttyUSB%d", tty+m.prof.USB.AT)
		tty += m.prof.USB.TTYs
	}
	return names
}

// newPort makes a port that appears as Dir/name.
func (r *Rack) newPort(name string) (port, error) {
	if r.opts.Memory {
		return newMemoryPort(), os.WriteFile(filepath.Join(r.opts.Dir, name), nil, 0o600)
	}
	p, err := openPTY()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(r.releases.watch(p), r.link(name, p.node)); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// link points Dir/name at a pty. A link that an earlier rack left is replaced.
func (r *Rack) link(name, node string) error {
	path := filepath.Join(r.opts.Dir, name)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("simulator: replacing a port: %w", err)
	}
	if err := os.Symlink(node, path); err != nil {
		return fmt.Errorf("simulator: linking a port: %w", err)
	}
	return nil
}

// newIDs draws n message ids.
func (r *Rack) newIDs(n int) []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := make([]uint64, n)
	for i := range ids {
		r.nextID++
		ids[i] = r.nextID
	}
	return ids
}
