package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// smsFault is why SMS commands fail now; "" when they don't.
func (m *Modem) smsFault() string {
	switch {
	case m.boot.stage < smsReady && m.prof.InitError:
		return m.cme(515)
	case m.boot.stage < smsReady && m.prof.PlainInitError:
		return finalError
	case m.boot.stage < smsReady:
		return m.cms(314)
	case !m.present:
		return m.cms(310)
	case m.card.lock() == "SIM PIN":
		return m.cms(311)
	case m.card.lock() == "SIM PUK":
		return m.cms(316)
	default:
		return ""
	}
}

// smsSettings answers how messages are received (3GPP TS 27.005 clause 3).
func (m *Modem) smsSettings(r request) ([]string, string, bool) {
	if !slices.Contains([]string{"+CMGF", "+CSMS", "+CSCA", "+CNMI", "+CPMS"}, r.name) {
		return nil, "", false
	}
	if fault := m.smsFault(); fault != "" && r.form != test {
		return nil, fault, true
	}
	switch r.name {
	case "+CMGF":
		return m.setting(r, "+CMGF", "(0,1)", &m.set.cmgf, 1)
	case "+CSMS":
		switch r.form {
		case test:
			return []string{"+CSMS: (0,1)"}, finalOK, true
		case read:
			return []string{fmt.Sprintf("+CSMS: %d,1,1,1", m.set.csms)}, finalOK, true
		}
		if n := r.number(0, -1); n != 0 && n != 1 {
			return nil, m.cms(303), true
		}
		m.set.csms = r.number(0, 0)
		return []string{"+CSMS: 1,1,1"}, finalOK, true
	case "+CSCA":
		if r.form == read {
			return []string{fmt.Sprintf("+CSCA: %q,145", smsc)}, finalOK, true
		}
		return nil, finalOK, true
	case "+CNMI":
		return m.indications(r)
	default:
		return m.memories(r)
	}
}

func (m *Modem) indications(r request) ([]string, string, bool) {
	switch r.form {
	case test:
		return []string{"+CNMI: " + m.prof.CNMI}, finalOK, true
	case read:
		c := m.set.cnmi
		return []string{fmt.Sprintf("+CNMI: %d,%d,%d,%d,%d", c[0], c[1], c[2], c[3], c[4])}, finalOK, true
	}
	wanted := m.set.cnmi
	allowed := ranges(m.prof.CNMI)
	for i := range wanted {
		wanted[i] = r.number(i, wanted[i])
		if i < len(r.args) && !slices.Contains(allowed[i], wanted[i]) {
			return nil, m.cms(303), true
		}
	}
	if len(r.args) > len(wanted) {
		return nil, m.cms(303), true
	}
	m.set.cnmi = wanted
	if wanted[4] == 1 {
		m.set.bufferedAnnounce = nil
	}
	return nil, finalOK, true
}

// ranges reads the groups of a test answer: "(0-2),(0,3)".
func ranges(s string) [5][]int {
	var groups [5][]int
	for i, g := range strings.SplitN(strings.Trim(s, "()"), "),(", len(groups)) {
		for item := range strings.SplitSeq(g, ",") {
			low, high, isRange := strings.Cut(item, "-")
			a, _ := strconv.Atoi(low)
			b := a
			if isRange {
				b, _ = strconv.Atoi(high)
			}
			for ; a <= b; a++ {
				groups[i] = append(groups[i], a)
			}
		}
	}
	return groups
}

func (m *Modem) memories(r request) ([]string, string, bool) {
	count := 3
	if m.prof.TwoMemories {
		count = 2
	}
	switch r.form {
	case test:
		return []string{"+CPMS: " + m.prof.CPMS}, finalOK, true
	case read:
		var fields []string
		for _, name := range m.set.mem[:count] {
			fields = append(fields, strconv.Quote(name)+","+m.usage(name))
		}
		return []string{"+CPMS: " + strings.Join(fields, ",")}, finalOK, true
	}
	if len(r.args) > count {
		return nil, m.cms(302), true
	}
	wanted := m.set.mem
	for i, name := range r.args {
		if m.storages(name) == nil || i == 2 && m.prof.NoReceiveME && name == "ME" {
			return nil, m.cms(302), true
		}
		wanted[i] = name
	}
	m.set.mem = wanted
	var fields []string
	for _, name := range wanted[:count] {
		fields = append(fields, m.usage(name))
	}
	return []string{"+CPMS: " + strings.Join(fields, ",")}, finalOK, true
}

// usage is "used,total" of a storage.
func (m *Modem) usage(name string) string {
	used, total := 0, 0
	for _, s := range m.storages(name) {
		used += s.used()
		total += len(s.slots)
	}
	return fmt.Sprintf("%d,%d", used, total)
}

// slot finds an index of the storage for reading.
func (m *Modem) slot(index int) (s *storage, at int, found bool) {
	at = index - m.prof.IndexBase
	for _, s := range m.storages(m.set.mem[0]) {
		if at >= 0 && at < len(s.slots) {
			return s, at, true
		}
		at -= len(s.slots)
	}
	return nil, 0, false
}

// smsCommand answers what concerns messages (3GPP TS 27.005 clauses 3.4 and 3.5).
func (m *Modem) smsCommand(r request) ([]string, string, bool) {
	if !slices.Contains([]string{"+CMGL", "+CMGR", "+CMGD", "+CNMA", "+CMGS", "+CMGW"}, r.name) {
		return nil, "", false
	}
	if fault := m.smsFault(); fault != "" && r.form != test {
		return nil, fault, true
	}
	if m.set.cmgf == 1 && r.name != "+CMGD" { // text mode is nobody's here
		return nil, m.cms(303), true
	}
	switch r.name {
	case "+CMGL":
		return m.list(r)
	case "+CMGR":
		return m.readOne(r)
	case "+CMGD":
		return m.remove(r)
	case "+CNMA":
		switch {
		case r.form == test:
			return []string{"+CNMA: (0-2)"}, finalOK, true
		case m.acknowledge(r.number(0, 0) != 2, time.Now()):
			return nil, finalOK, true
		}
		return nil, m.cms(340), true
	default:
		if r.form == test {
			return nil, finalOK, true
		}
		length, keep := r.number(0, 0), r.name == "+CMGW"
		m.ask(func(text string) { m.submit(text, length, keep) })
		return nil, finalPrompt, true
	}
}

func (m *Modem) list(r request) ([]string, string, bool) {
	if r.form == test {
		return []string{"+CMGL: (0-4)"}, finalOK, true
	}
	stat := r.number(0, 0)
	if stat < 0 || stat > 4 {
		return nil, m.cms(304), true
	}
	var info []string
	index, now := m.prof.IndexBase, time.Now()
	for _, s := range m.storages(m.set.mem[0]) {
		for i, msg := range s.slots {
			if msg == nil || stat != 4 && msg.stat != stat {
				continue
			}
			info = append(info, fmt.Sprintf("+CMGL: %d,%d,%s%d", index+i, msg.stat, m.prof.alpha(), routeOf(msg.raw).length), m.hex(msg.raw))
			m.markRead(msg, now)
		}
		index += len(s.slots)
	}
	return info, finalOK, true
}

func (m *Modem) readOne(r request) ([]string, string, bool) {
	if r.form == test {
		return nil, finalOK, true
	}
	s, at, found := m.slot(r.number(0, -1))
	if !found {
		return nil, m.cms(321), true
	}
	msg := s.slots[at]
	if msg == nil {
		switch m.prof.EmptySlot {
		case EmptyOK:
			return nil, finalOK, true
		case EmptyZero:
			return []string{"+CMGR: 0,,0"}, finalOK, true
		}
		return nil, m.cms(321), true
	}
	stat := strconv.Itoa(msg.stat)
	if m.prof.NoStatus {
		stat = ""
	}
	info := []string{fmt.Sprintf("+CMGR: %s,%s%d", stat, m.prof.alpha(), routeOf(msg.raw).length), m.hex(msg.raw)}
	m.markRead(msg, time.Now())
	return info, finalOK, true
}

func (m *Modem) markRead(msg *message, now time.Time) {
	if msg.stat == 0 {
		msg.stat = 1
	}
	m.log(Read, msg, now)
}

// remove is CMGD; flags 1 to 4 take away by status, whatever the index
// (3GPP TS 27.005 clause 3.5.4).
func (m *Modem) remove(r request) ([]string, string, bool) {
	if r.form == test {
		return []string{"+CMGD: " + m.deletable()}, finalOK, true
	}
	if m.faults.keeps {
		return nil, m.cms(500), true
	}
	now, flag := time.Now(), r.number(1, 0)
	if flag == 0 {
		s, at, found := m.slot(r.number(0, -1))
		if !found {
			return nil, m.cms(321), true
		}
		if s.slots[at] != nil {
			m.free(s, at, now)
		}
		return nil, finalOK, true
	}
	if m.prof.NoDeleteFlags || flag < 0 || flag > 4 {
		return nil, m.cms(303), true
	}
	stats := map[int][]int{1: {1}, 2: {1, 3}, 3: {1, 2, 3}, 4: {0, 1, 2, 3}}[flag]
	for _, s := range m.storages(m.set.mem[0]) {
		for at, msg := range s.slots {
			if msg != nil && slices.Contains(stats, msg.stat) {
				m.free(s, at, now)
			}
		}
	}
	return nil, finalOK, true
}

// deletable is the answer of CMGD=?.
func (m *Modem) deletable() string {
	var used []string
	index := m.prof.IndexBase
	for _, s := range m.storages(m.set.mem[0]) {
		for at, msg := range s.slots {
			if msg != nil {
				used = append(used, strconv.Itoa(index+at))
			}
		}
		index += len(s.slots)
	}
	return "(" + strings.Join(used, ",") + "),(0-4)"
}
