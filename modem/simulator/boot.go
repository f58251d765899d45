package simulator

import "time"

// stage is how far a modem has booted.
type stage int

const (
	silent   stage = iota // no answer to anything
	atReady               // commands are answered, the SIM is not read yet
	simReady              // no SMS commands yet
	smsReady              // all
)

type boot struct {
	on    bool // it has power
	stage stage
	line  int // next of Profile.Boot
}

// BootLine is one step of a boot.
type BootLine struct {
	After time.Duration // since the step before
	Line  string        // unsolicited result, "" for none

	stage stage // reached by this step, when later than the one before
}

// start boots a modem that has just got power.
func (m *Modem) start(now time.Time) {
	m.set = m.prof.defaults()
	m.boot = boot{on: true}
	m.net.told = 0
	if m.faults.loop > 0 {
		m.setAlarm(alarmReboot, now.Add(m.faults.loop), m.restart)
	}
	m.bootSoon(now)
}

func (m *Modem) bootSoon(now time.Time) {
	if m.boot.line < len(m.prof.Boot) {
		m.setAlarm(alarmBoot, now.Add(m.prof.Boot[m.boot.line].After), m.bootOn)
		return
	}
	if !m.set.quiet {
		m.setAlarm(alarmNoise, now.Add(m.noisePause()), m.makeNoise)
	}
}

func (m *Modem) bootOn(now time.Time) {
	step := m.prof.Boot[m.boot.line]
	m.boot.line++
	m.boot.stage = max(m.boot.stage, step.stage)
	if m.boot.stage == smsReady {
		m.offerSoon(now)
	}
	switch step.Line {
	case "":
	case cpinReady:
		m.urc("+CPIN: " + m.bootPIN())
	default:
		m.urc(step.Line)
	}
	m.bootSoon(now)
}

// cpinReady in a boot stands for whatever state the SIM is in.
const cpinReady = "+CPIN: READY"

func (m *Modem) bootPIN() string {
	if !m.present {
		return "NOT INSERTED"
	}
	return m.card.lock()
}

// powerDown stops everything but the port.
func (m *Modem) powerDown() {
	now := time.Now()
	m.giveBack(now)
	m.boot = boot{}
	m.ans = answering{}
	m.call = call{}
	m.card.verified = false
	m.wire.in, m.wire.out, m.wire.sending = nil, nil, 0
	m.cancel(alarmTransmit, alarmCommand, alarmBoot, alarmReboot, alarmNetwork, alarmRing, alarmNoise, alarmUSSD)
}

func (m *Modem) restart(now time.Time) {
	if m.port == nil {
		return
	}
	m.powerDown()
	m.start(now)
}

// noisePause is the time between two lines of vendor noise.
func (m *Modem) noisePause() time.Duration {
	return 3*time.Second + time.Duration(m.rand.Int64N(int64(4*time.Second)))
}

// makeNoise says one of the lines the family says all the time.
func (m *Modem) makeNoise(now time.Time) {
	if m.set.quiet {
		return
	}
	m.urc(m.prof.Noise[m.rand.IntN(len(m.prof.Noise))])
	m.setAlarm(alarmNoise, now.Add(m.noisePause()), m.makeNoise)
}
