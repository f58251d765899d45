package simulator

import (
	"errors"
	"path/filepath"
	"strings"
	"time"
)

// faults are the troubles a modem has now.
type faults struct {
	hang  bool
	late  time.Duration
	noise bool
	away  bool
	keeps bool
	rate  uint32        // Bxxx constant the line runs at; 0: any
	loop  time.Duration // from boot to boot
}

// Hang makes the modem read and do nothing that shows: no echo, no answer, no
// unsolicited results. Commands it gets then, or has not answered yet, are
// lost. Its radio works: messages are still stored, silently.
func (m *Modem) Hang(on bool) {
	m.do(func(time.Time) {
		m.faults.hang = on
		if on {
			m.ans = answering{}
			m.wire.in, m.wire.out, m.wire.sending = nil, nil, 0
			m.cancel(alarmCommand, alarmUSSD)
		}
	})
}

// HangWrites makes the client's writes block, as when a modem drops CTS.
func (m *Modem) HangWrites(on bool) error {
	var err error
	m.do(func(time.Time) {
		if m.port == nil {
			err = errUnplugged
			return
		}
		err = m.port.stopClient(on)
	})
	return err
}

var errUnplugged = errors.New("simulator: the modem is unplugged")

// LateAnswers delays every answer by d beyond its latency; 0 ends it. Commands
// that wait already keep their time.
func (m *Modem) LateAnswers(d time.Duration) {
	m.do(func(time.Time) { m.faults.late = d })
}

// Garbage puts bytes on the line as they are.
func (m *Modem) Garbage(b []byte) {
	m.do(func(time.Time) { m.put(b) })
}

// Noise damages what the modem says from now on: bytes that belong to nothing
// between lines, and now and then a byte over 0x7f in the middle of one. No
// damage is such that a line looks right and is not.
func (m *Modem) Noise(on bool) {
	m.do(func(time.Time) { m.faults.noise = on })
}

// noisy is a line as the line's noise leaves it.
func (m *Modem) noisy(line string) string {
	if !m.faults.noise {
		return line
	}
	if m.rand.IntN(4) == 0 {
		junk := make([]byte, 1+m.rand.IntN(8))
		for i := range junk {
			junk[i] = byte(0x80 + m.rand.IntN(0x80))
		}
		m.put(append(junk, m.prof.eol()...))
	}
	if len(line) > 0 && m.rand.IntN(64) == 0 {
		at := m.rand.IntN(len(line))
		return line[:at] + string([]byte{byte(0x80 + m.rand.IntN(0x80))}) + line[at:]
	}
	return line
}

// URC puts an unsolicited line on the wire, whatever the modem's settings; of
// several lines, separated by "\n", each is one.
func (m *Modem) URC(line string) {
	m.do(func(time.Time) { m.urc(strings.Split(line, "\n")...) })
}

// InjectInAnswer puts lines into the middle of the next answer: behind its
// first information line, which in CMGR and CMGL is between header and PDU.
func (m *Modem) InjectInAnswer(lines ...string) {
	m.do(func(time.Time) { m.ans.inject = append(m.ans.inject, lines...) })
}

// RouteURCsAway sends unsolicited results to another port of the modem, where
// nobody sees them.
func (m *Modem) RouteURCsAway(on bool) {
	m.do(func(time.Time) { m.faults.away = on })
}

// SetSilentFull makes the modem say nothing of new messages from the one that
// fills a storage on, until that storage has been emptied.
func (m *Modem) SetSilentFull(on bool) {
	m.do(func(time.Time) {
		m.net.silentFull = on
		m.net.muted = m.net.muted && on
	})
}

// RefuseDeletes makes the modem delete nothing: its card does not take the writing
// (CMS 500, 3GPP TS 27.005 clause 3.2.5).
func (m *Modem) RefuseDeletes(on bool) {
	m.do(func(time.Time) { m.faults.keeps = on })
}

// SwitchStorage makes mem the storage of all three uses of CPMS, as some modems
// do by themselves.
func (m *Modem) SwitchStorage(mem string) error {
	var err error
	m.do(func(time.Time) {
		if m.storages(mem) == nil {
			err = errors.New("simulator: the family has no storage " + mem)
			return
		}
		m.set.mem = [3]string{mem, mem, mem}
	})
	return err
}

// SetFunctionality makes the modem fall to that CFUN by itself.
func (m *Modem) SetFunctionality(cfun int) {
	m.do(func(time.Time) { m.set.cfun = cfun })
}

// SetBaud fixes the line's rate: a client at another rate is not understood.
// rate is one of 9600, 19200, 38400, 57600, 115200; 0: any.
func (m *Modem) SetBaud(rate int) error {
	constant, ok := baudConstant(rate)
	if !ok {
		return errors.New("simulator: no such rate")
	}
	m.do(func(time.Time) { m.faults.rate = constant })
	return nil
}

// hears says whether what the client writes gets into the modem.
func (m *Modem) hears() bool {
	if !m.boot.on || m.boot.stage == silent {
		return false
	}
	if m.faults.rate == 0 || m.port == nil {
		return true
	}
	rate, err := m.port.rate()
	return err == nil && rate == m.faults.rate
}

// SetIMEI makes the modem another one, as when somebody exchanges it in its slot.
func (m *Modem) SetIMEI(imei string) {
	m.do(func(time.Time) { m.imei = imei })
}

// Register sets what the network grants: the stat of CREG. 3 is denied.
func (m *Modem) Register(stat int) {
	m.do(func(time.Time) { m.net.stat = stat })
}

// Deregister makes the modem search for a network in vain.
func (m *Modem) Deregister() { m.Register(2) }

// RemoveSIM takes the card out, with what it stores and what the network holds
// for it, and returns it.
func (m *Modem) RemoveSIM() SIM {
	var s SIM
	m.do(func(now time.Time) {
		m.giveBack(now)
		s = m.card.value()
		if m.present {
			m.present = false
			m.card.verified = false
			m.simURC(m.prof.SIMRemoved)
		}
	})
	return s
}

// InsertSIM puts a card in, in place of any other. A SIM that RemoveSIM
// returned, here or in another modem, still has what it had.
func (m *Modem) InsertSIM(s SIM) {
	m.do(func(now time.Time) {
		m.giveBack(now)
		m.card, m.present = cardOf(s, m.rack.opts.Capacity), true
		m.card.verified = false
		m.net.full, m.net.muted = false, false
		m.simURC(m.prof.SIMInserted)
		m.offerSoon(now)
	})
}

func (m *Modem) simURC(lines []string) {
	if m.set.simURC && len(lines) > 0 {
		m.urc(lines...)
	}
}

// PIN locks the card in the modem with code; "" takes the lock away.
func (m *Modem) PIN(code string) {
	m.do(func(time.Time) {
		m.card.sim.PIN, m.card.verified, m.card.pin = code, false, pinTries
	})
}

// PUK locks the card so that only its PUK opens it.
func (m *Modem) PUK() {
	m.do(func(time.Time) {
		if m.card.sim.PIN == "" {
			m.card.sim.PIN = "0000"
		}
		m.card.verified, m.card.pin = false, 0
	})
}

// Reboot makes the modem lose every setting and boot.
func (m *Modem) Reboot() {
	m.do(m.restart)
}

// RebootLoop reboots the modem every d; 0 ends it.
func (m *Modem) RebootLoop(d time.Duration) {
	m.do(func(now time.Time) {
		m.faults.loop = d
		if d == 0 {
			m.cancel(alarmReboot)
			return
		}
		m.restart(now)
	})
}

// PowerOff takes the modem's power; its port stays, as that of a USB bridge does.
func (m *Modem) PowerOff() {
	m.do(func(time.Time) { m.powerDown() })
}

// PowerOn boots a modem without power.
func (m *Modem) PowerOn() {
	m.do(func(now time.Time) {
		if !m.boot.on && m.port != nil {
			m.start(now)
		}
	})
}

// Unplug takes the port away, under the client's hands, and the modem's power with it.
func (m *Modem) Unplug() error {
	var err error
	m.do(func(time.Time) { err = m.unplug() })
	return errors.Join(err, m.rack.updateSysfs(m))
}

// Replug gives an unplugged modem a new pty and boots it. name is that of the
// port; "": as before.
func (m *Modem) Replug(name string) error {
	if name == "" {
		name = filepath.Base(m.Port())
	}
	if err := m.plug(name, true); err != nil {
		return err
	}
	return m.rack.updateSysfs(m)
}
