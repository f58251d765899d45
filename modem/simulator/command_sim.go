package simulator

import (
	"fmt"
	"strconv"
	"time"
)

// reset boots the modem once the OK is through.
func (m *Modem) reset() ([]string, string) {
	m.setAlarm(alarmReboot, time.Now().Add(20*time.Millisecond), m.restart)
	return nil, finalOK
}

// identity answers who the modem is.
func (m *Modem) identity(r request) ([]string, string, bool) {
	var line string
	switch r.name {
	case "+CGMI", "+GMI":
		line = m.prof.Manufacturer
	case "+CGMM", "+GMM":
		line = m.prof.Model
	case "+CGMR", "+GMR":
		if m.prof.Revision == "" {
			return nil, finalError, true
		}
		line = m.prof.Revision
	case "+CGSN", "+GSN":
		if r.form == write {
			return nil, m.prof.unknown(), true
		}
		line = m.imei
	default:
		return nil, "", false
	}
	if r.form == test {
		return nil, finalOK, true
	}
	return []string{line}, finalOK, true
}

// simFault is why the SIM can't be used now; "" when it can.
func (m *Modem) simFault() string {
	switch {
	case m.boot.stage < simReady && m.prof.InitError:
		return m.cme(515)
	case m.boot.stage < simReady:
		return m.cme(14)
	case !m.present:
		return m.cme(10)
	case m.card.lock() == "SIM PIN":
		return m.cme(11)
	case m.card.lock() == "SIM PUK":
		return m.cme(12)
	default:
		return ""
	}
}

// simCommand answers what the card knows.
func (m *Modem) simCommand(r request) ([]string, string, bool) {
	switch r.name {
	case "+CPIN":
		return m.pinCommand(r)
	case "+CPINR":
		if !m.present {
			return nil, m.cme(10), true
		}
		return []string{
			fmt.Sprintf("+CPINR: SIM PIN,%d,%d", m.card.pin, pinTries), fmt.Sprintf("+CPINR: SIM PUK,%d,%d", m.card.puk, pukTries),
		}, finalOK, true
	case "+CSIM":
		if r.arg(1) != "0020000100" { // VERIFY without a PIN tells the tries left (ETSI TS 102 221 clause 11.1.9)
			return nil, m.cme(4), true
		}
		return []string{fmt.Sprintf(`+CSIM: 4,"63C%X"`, m.card.pin)}, finalOK, true
	case "+CLCK":
		if r.form == test {
			return []string{`+CLCK: ("SC")`}, finalOK, true
		}
		if r.arg(0) != "SC" || r.arg(1) != "2" {
			return nil, m.cme(4), true
		}
		locked := 0
		if m.card.sim.PIN != "" {
			locked = 1
		}
		return []string{"+CLCK: " + strconv.Itoa(locked)}, finalOK, true
	case "+CRSM":
		return m.fileCommand(r)
	case "+CIMI", "+CNUM", "+CPBS", "+CPBR":
		if fault := m.simFault(); fault != "" {
			return nil, fault, true
		}
		return m.unlockedCommand(r)
	default:
		return nil, "", false
	}
}

func (m *Modem) pinCommand(r request) ([]string, string, bool) {
	switch {
	case r.form == test:
		return nil, finalOK, true
	case m.boot.stage < simReady || !m.present:
		return nil, m.simFault(), true
	case r.form == read:
		return []string{"+CPIN: " + m.card.lock()}, finalOK, true
	}
	c := m.card
	switch c.lock() {
	case "SIM PIN":
		if r.arg(0) != c.sim.PIN {
			c.pin--
			return nil, m.cme(16), true
		}
	case "SIM PUK":
		if len(r.args) < 2 || r.arg(0) != c.sim.PUK {
			c.puk = max(c.puk-1, 0)
			return nil, m.cme(16), true
		}
		c.sim.PIN = r.arg(1)
	default:
		return nil, m.cme(3), true
	}
	c.pin, c.puk, c.verified = pinTries, pukTries, true
	return nil, finalOK, true
}

// fileCommand answers READ BINARY of EF-ICCID; of other files that they are not there.
func (m *Modem) fileCommand(r request) ([]string, string, bool) {
	if m.boot.stage < simReady || !m.present {
		return nil, m.simFault(), true
	}
	if r.arg(0) != "176" || r.arg(1) != "12258" {
		return []string{"+CRSM: 106,130"}, finalOK, true
	}
	digits := m.card.sim.ICCID
	return []string{fmt.Sprintf(`+CRSM: 144,0,"%X"`, bcd(digits))}, finalOK, true
}

// unlockedCommand answers what needs a SIM in use.
func (m *Modem) unlockedCommand(r request) ([]string, string, bool) {
	s := m.card.sim
	switch r.name {
	case "+CIMI":
		return []string{s.IMSI}, finalOK, true
	case "+CNUM":
		switch {
		case r.form == test, !s.NumberInCNUM && m.prof.EmptyCNUM == "":
			return nil, finalOK, true
		case !s.NumberInCNUM:
			return []string{m.prof.EmptyCNUM}, finalOK, true
		}
		return []string{fmt.Sprintf(`+CNUM: "",%q,145`, s.MSISDN)}, finalOK, true
	case "+CPBS":
		switch r.form {
		case test:
			return []string{`+CPBS: ("SM","ON")`}, finalOK, true
		case read:
			return []string{fmt.Sprintf("+CPBS: %q,%d,%d", m.set.book, len(m.bookEntry()), 1)}, finalOK, true
		}
		if r.arg(0) != "SM" && r.arg(0) != "ON" {
			return nil, m.cme(4), true
		}
		m.set.book = r.arg(0)
		return nil, finalOK, true
	default: // +CPBR
		if r.form == test {
			return []string{"+CPBR: (1-1),20,14"}, finalOK, true
		}
		if r.number(0, 0) != 1 {
			return nil, m.cme(22), true
		}
		return m.bookEntry(), finalOK, true
	}
}

// bookEntry is the only entry of the chosen phone book, if it has one.
func (m *Modem) bookEntry() []string {
	if m.set.book != "ON" || !m.card.sim.NumberInBook {
		return nil
	}
	return []string{fmt.Sprintf(`+CPBR: 1,%q,145,""`, m.card.sim.MSISDN)}
}
