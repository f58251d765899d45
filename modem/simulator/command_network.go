package simulator

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// networkCommand answers what concerns the network.
func (m *Modem) networkCommand(r request) ([]string, string, bool) {
	switch r.name {
	case "+CREG":
		return m.registrationCommand(r, &m.set.creg)
	case "+CGREG":
		return m.registrationCommand(r, new(int))
	case "+CEREG":
		if !m.prof.LTE {
			return nil, m.prof.unknown(), true
		}
		return m.registrationCommand(r, &m.set.cereg)
	case "+CSQ":
		if m.registration() == 0 {
			return []string{"+CSQ: 99,99"}, finalOK, true
		}
		return []string{fmt.Sprintf("+CSQ: %d,99", 14+m.index%12)}, finalOK, true
	case "+CESQ":
		if !m.prof.LTE {
			return nil, m.prof.unknown(), true
		}
		return []string{"+CESQ: 99,99,255,255,20,60"}, finalOK, true
	case "+COPS":
		return m.operatorCommand(r)
	case "+CUSD":
		return m.ussdCommand(r)
	default:
		return nil, "", false
	}
}

func (m *Modem) registrationCommand(r request, mode *int) ([]string, string, bool) {
	if r.form != read {
		return m.setting(r, r.name, "(0-2)", mode, 2)
	}
	m.net.told = m.registration()
	return []string{fmt.Sprintf("%s: %d,%d%s", r.name, *mode, m.net.told, m.cell(*mode))}, finalOK, true
}

func (m *Modem) operatorCommand(r request) ([]string, string, bool) {
	s := m.card.sim
	switch r.form {
	case read:
		stat := m.registration()
		if stat == 0 || stat == 2 || stat == 3 {
			return []string{"+COPS: 0"}, finalOK, true
		}
		name := s.Operator
		if m.set.copsFormat == 2 {
			name = s.PLMN
		}
		act := ""
		if m.prof.LTE {
			act = ",7"
		}
		return []string{fmt.Sprintf("+COPS: 0,%d,%q%s", m.set.copsFormat, name, act)}, finalOK, true
	case write:
		if r.arg(0) == "3" {
			m.set.copsFormat = r.number(1, 0)
		}
	}
	return nil, finalOK, true
}

// USSDForm is how a family writes the text of +CUSD.
type USSDForm int

// Forms of USSD text.
const (
	PlainUSSD  USSDForm = iota
	PackedUSSD          // packed septets as hex, in requests too
	UCS2USSD            // answers as UCS2 hex, whatever dcs says
)

// ussdCommand sends a code to the network and its answer later (3GPP TS 27.007 clause 7.15).
func (m *Modem) ussdCommand(r request) ([]string, string, bool) {
	switch {
	case r.form == test:
		return []string{"+CUSD: (0-2)"}, finalOK, true
	case r.form == read:
		return []string{"+CUSD: 0"}, finalOK, true
	case r.arg(0) == "2":
		m.cancel(alarmUSSD)
		return nil, finalOK, true
	case r.arg(1) == "":
		return nil, finalOK, true
	}
	if fault := m.simFault(); fault != "" {
		return nil, fault, true
	}
	if m.registration() == 0 {
		return nil, m.cme(30), true
	}
	code := r.arg(1)
	if m.prof.USSD == PackedUSSD {
		raw, err := hex.DecodeString(code)
		if err != nil {
			return nil, m.cme(50), true
		}
		code = strings.TrimRight(fromGSM7(unpack7(raw)), "@\r")
	}
	answer := "+CUSD: 4"
	if text, found := m.card.sim.USSD[code]; found {
		answer = m.ussdAnswer(text)
	}
	m.setAlarm(alarmUSSD, time.Now().Add(m.latency()), func(time.Time) { m.urc(answer) })
	return nil, finalOK, true
}

func (m *Modem) ussdAnswer(text string) string {
	septets, isGSM := toGSM7(text)
	switch {
	case m.prof.USSD == PackedUSSD && isGSM:
		text = fmt.Sprintf("%X", packUSSD(septets))
	case m.prof.USSD == UCS2USSD || !isGSM:
		var b strings.Builder
		for _, u := range utf16.Encode([]rune(text)) {
			fmt.Fprintf(&b, "%04X", u)
		}
		text = b.String()
	}
	return `+CUSD: 0,"` + text + `",` + strconv.Itoa(15)
}
