package simulator

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Modem is one simulated modem. Its methods may be called from any goroutine;
// they return when the modem's state has changed and what the line takes at
// once has been written.
type Modem struct {
	rack  *Rack
	index int
	prof  Profile

	mu     sync.Mutex
	rand   *rand.Rand
	closed bool
	name   string // of the port, kept while it is unplugged
	port   port   // nil while unplugged
	imei   string

	timer  *time.Timer // the earliest alarm; its callback is counted in rack.wg
	alarms [alarmCount]alarm

	wire    wire
	ans     answering
	faults  faults
	set     settings
	boot    boot
	card    *card
	present bool // card is in the holder
	me      *storage
	sr      *storage
	net     network
	call    call
}

// alarm is something a modem does later; a zero at is none.
type alarm struct {
	at time.Time
	do func(now time.Time)
}

// A modem has at most one alarm of each kind.
const (
	alarmTransmit = iota // the bytes under way have left the line, or the pty may take bytes again
	alarmCommand         // the command at the head of the queue is to be answered
	alarmBoot            // next line of the boot
	alarmReboot          // reboot loop
	alarmNetwork         // the network tries again what it holds
	alarmAck             // no CNMA came in time
	alarmRing
	alarmNoise
	alarmUSSD
	alarmCount
)

// settings are what a reboot loses.
type settings struct {
	echo             bool
	verbose          bool
	cmee             int
	cmgf             int
	charset          string
	cnmi             [5]int
	csms             int
	mem              [3]string
	creg, cereg      int
	cfun             int
	clip, crc        bool
	copsFormat       int
	book             string // phone book chosen by CPBS
	quiet            bool   // vendor noise was switched off
	simURC           bool   // vendor SIM indications were switched on
	bufferedAnnounce []string
}

func (p Profile) defaults() settings {
	return settings{
		echo: true, verbose: true, charset: "GSM", cfun: 1, book: "SM", quiet: len(p.Noise) == 0, simURC: p.SIMSwitch == "",
		mem: p.Memory,
	}
}

func newModem(r *Rack, index int) *Modem {
	prof := r.opts.Profiles[index%len(r.opts.Profiles)]
	m := &Modem{
		rack: r, index: index, prof: prof,
		rand:    rand.New(rand.NewPCG(r.opts.Seed, uint64(index))),
		imei:    withLuhn(fmt.Sprintf("86100000%06d", index+1)),
		set:     prof.defaults(),
		boot:    boot{stage: smsReady, on: true},
		card:    cardOf(DefaultSIM(index), r.opts.Capacity),
		present: true,
		me:      newStorage("ME", prof.MECapacity),
		sr:      newStorage("SR", prof.SRCapacity),
	}
	m.net.stat = prof.stat()
	m.net.told = m.net.stat
	m.timer = time.AfterFunc(time.Hour, m.tick)
	m.timer.Stop()
	if !m.set.quiet {
		m.setAlarm(alarmNoise, time.Now().Add(m.noisePause()), m.makeNoise)
	}
	return m
}

// Index is the modem's place in its rack.
func (m *Modem) Index() int { return m.index }

// Profile is the family it speaks as.
func (m *Modem) Profile() Profile { return m.prof }

// Port is the path of the port, also while it is unplugged.
func (m *Modem) Port() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return filepath.Join(m.rack.opts.Dir, m.name)
}

// SIM is the card in the modem; false when there is none.
func (m *Modem) SIM() (SIM, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.card.value(), m.present
}

// IMEI is the modem's serial number.
func (m *Modem) IMEI() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.imei
}

// do runs f with the modem locked, then whatever became due by it.
func (m *Modem) do(f func(now time.Time)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	f(time.Now())
	m.step()
}

// step runs due alarms, writes what the line takes and sets the timer.
func (m *Modem) step() {
	now := time.Now()
	m.noteRegistration()
	for again := true; again; {
		again = false
		for i := range m.alarms {
			a := &m.alarms[i]
			if a.at.IsZero() || a.at.After(now) {
				continue
			}
			do := a.do
			*a = alarm{}
			do(now)
			m.noteRegistration()
			again = true
		}
		m.transmit(now)
	}
	m.arm(now)
}

// arm sets the timer for the earliest alarm.
func (m *Modem) arm(now time.Time) {
	var next time.Time
	for _, a := range m.alarms {
		if !a.at.IsZero() && (next.IsZero() || a.at.Before(next)) {
			next = a.at
		}
	}
	m.disarm()
	if !next.IsZero() {
		m.rack.wg.Add(1)
		m.timer.Reset(next.Sub(now))
	}
}

// disarm takes back a callback that has not begun.
func (m *Modem) disarm() {
	if m.timer.Stop() {
		m.rack.wg.Done()
	}
}

func (m *Modem) tick() {
	defer m.rack.wg.Done()
	m.do(func(time.Time) {})
}

func (m *Modem) setAlarm(kind int, at time.Time, do func(now time.Time)) {
	m.alarms[kind] = alarm{at: at, do: do}
}

func (m *Modem) cancel(kinds ...int) {
	for _, k := range kinds {
		m.alarms[k] = alarm{}
	}
}

// plug gives the modem a new pty under name, and boots it when power has just come.
func (m *Modem) plug(name string, powerUp bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errors.New("simulator: the rack is closed")
	}
	if m.port != nil {
		return errors.New("simulator: the modem is plugged in already")
	}
	p, err := m.rack.newPort(name)
	if err != nil {
		return err
	}
	m.name, m.port = name, p
	m.wire = wire{}
	m.rack.wg.Go(func() { m.read(p) })
	if powerUp {
		m.start(time.Now())
	}
	m.step()
	return nil
}

// unplug takes the pty and its link away; the modem has no power then.
func (m *Modem) unplug() error {
	if m.port == nil {
		return nil
	}
	p := m.port
	m.port = nil
	m.powerDown()
	err := os.Remove(filepath.Join(m.rack.opts.Dir, m.name))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, p.close())
}

func (m *Modem) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.disarm()
	return m.unplug()
}
