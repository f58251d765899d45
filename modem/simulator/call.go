package simulator

import (
	"fmt"
	"time"
)

// call is the one call a modem can have.
type call struct {
	from     string // "" is a caller that withholds its number
	on       bool
	answered bool
	left     int // rings to come
}

// Ring calls the modem: it rings that often unless the host ends the call or
// answers it first. from "" withholds the number. False: the line is busy or
// the modem can't be reached.
func (m *Modem) Ring(from string, rings int) bool {
	var taken bool
	m.do(func(now time.Time) {
		if m.call.on || rings < 1 || !m.reachable() {
			return
		}
		taken = true
		m.call = call{from: from, on: true, left: rings}
		m.urcs(m.prof.CallBegin)
		m.ringOnce(now)
	})
	return taken
}

// HangUp ends the call from the caller's side.
func (m *Modem) HangUp() {
	m.do(func(time.Time) { m.endCall(true) })
}

func (m *Modem) urcs(lines []string) {
	if len(lines) > 0 {
		m.urc(lines...)
	}
}

func (m *Modem) ringOnce(now time.Time) {
	if m.call.left == 0 {
		m.endCall(true)
		return
	}
	m.call.left--
	ring := "RING"
	if m.set.crc {
		ring = "+CRING: VOICE"
	}
	m.urc(ring)
	if m.set.clip {
		m.urc(m.clip())
	}
	m.setAlarm(alarmRing, now.Add(m.rack.opts.RingInterval), m.ringOnce)
}

// clip is the caller's line (3GPP TS 27.007 clause 7.11); CLI validity 1 is withheld.
func (m *Modem) clip() string {
	if m.call.from == "" {
		return `+CLIP: "",128,,,,1`
	}
	return fmt.Sprintf("+CLIP: %q,%d,,,,0", m.call.from, numberType(m.call.from))
}

func numberType(number string) int {
	if len(number) > 0 && number[0] == '+' {
		return 145
	}
	return 129
}

// endCall ends the call; remote says that the host is to be told so.
func (m *Modem) endCall(remote bool) {
	if !m.call.on {
		return
	}
	m.call = call{}
	m.cancel(alarmRing)
	if remote {
		m.urc("NO CARRIER")
	}
	m.urcs(m.prof.CallEnd)
}

func (m *Modem) answerCall() string {
	if !m.call.on || m.call.answered {
		return "NO CARRIER"
	}
	m.call.answered = true
	m.cancel(alarmRing)
	return finalOK
}

// callCommand answers what concerns calls.
func (m *Modem) callCommand(r request) ([]string, string, bool) {
	switch r.name {
	case "+CLIP":
		return m.toggle(r, "+CLIP", &m.set.clip)
	case "+CRC":
		return m.toggle(r, "+CRC", &m.set.crc)
	case "+CHUP":
		m.endCall(false)
		return nil, finalOK, true
	case "+CLCC":
		if !m.call.on || r.form != exec {
			return nil, finalOK, true
		}
		stat := 4
		if m.call.answered {
			stat = 0
		}
		return []string{fmt.Sprintf(`+CLCC: 1,1,%d,0,0,%q,%d`, stat, m.call.from, numberType(m.call.from))}, finalOK, true
	default:
		return nil, "", false
	}
}

func (m *Modem) toggle(r request, name string, value *bool) ([]string, string, bool) {
	n := 0
	if *value {
		n = 1
	}
	info, final, known := m.setting(r, name, "(0,1)", &n, 1)
	*value = n == 1
	return info, final, known
}
