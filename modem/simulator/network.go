package simulator

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// retryAfter is when the network tries again once a modem can take messages.
const retryAfter = 10 * time.Millisecond

// network is what the network knows of a modem, and what the modem owes it.
type network struct {
	stat int // of CREG, as far as the network decides it
	told int // last stat that was reported

	awaiting *message // put on the line as +CMT or +CDS, not yet acknowledged
	full     bool     // the storage-full indication was given since there was room

	silentFull bool // fault: no +CMTI once a storage is full
	muted      bool // and now it is so, until that storage is empty
}

// Message is one PDU in a modem's storage or held by the network.
type Message struct {
	ID      uint64
	Storage string // "" while the network holds it
	Index   int    // as the modem numbers it
	Read    bool
	Raw     []byte // SMSC part and TPDU
}

// Deliver sends an SMS to the SIM in the modem (or last in it), as the PDUs it
// takes, and returns their ids in the order they were sent. It works whatever
// state the modem is in.
func (m *Modem) Deliver(s SMS) []uint64 { return m.deliver(s.PDUs()) }

// DeliverPDU sends exactly these bytes, SMSC part and TPDU, which need not be
// a PDU at all. A status report is routed as one.
func (m *Modem) DeliverPDU(raw []byte) uint64 {
	return m.deliver([][]byte{bytes.Clone(raw)})[0]
}

func (m *Modem) deliver(raws [][]byte) []uint64 {
	ids := m.rack.newIDs(len(raws))
	m.do(func(now time.Time) {
		for i, raw := range raws {
			m.card.held = append(m.card.held, &message{id: ids[i], raw: raw})
		}
		m.offer(now)
	})
	return ids
}

// Stored lists what the storages hold, the SIM's first.
func (m *Modem) Stored() []Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Message
	for _, s := range []*storage{m.card.sm, m.me, m.sr} {
		for i, msg := range s.slots {
			if msg != nil {
				all = append(all, Message{
					ID: msg.id, Storage: s.name, Index: i + m.prof.IndexBase, Read: msg.stat == 1, Raw: bytes.Clone(msg.raw),
				})
			}
		}
	}
	return all
}

// Held lists what the network holds, oldest first. A +CMT that waits for its
// acknowledgement is the first of them.
func (m *Modem) Held() []Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.card.held
	if m.net.awaiting != nil {
		held = append([]*message{m.net.awaiting}, held...)
	}
	all := make([]Message, 0, len(held))
	for _, msg := range held {
		all = append(all, Message{ID: msg.id, Raw: bytes.Clone(msg.raw)})
	}
	return all
}

// reachable says whether the network can deliver to the modem.
func (m *Modem) reachable() bool {
	return m.present && m.boot.on && m.boot.stage == smsReady && m.card.lock() == "READY" &&
		slices.Contains([]int{1, 5, 6, 7, 9, 10}, m.registration())
}

// offer lets the network deliver what it holds, in order, until the modem takes no more.
func (m *Modem) offer(now time.Time) {
	for len(m.card.held) > 0 && m.net.awaiting == nil && m.reachable() {
		msg := m.card.held[0]
		if !m.take(msg, now) {
			break
		}
		m.card.held = m.card.held[1:]
	}
	for _, msg := range m.card.held {
		if !msg.told {
			msg.told = true
			m.log(Held, msg, now)
		}
	}
}

// offerSoon lets the network try again in a while.
func (m *Modem) offerSoon(now time.Time) {
	if len(m.card.held) > 0 {
		m.setAlarm(alarmNetwork, now.Add(retryAfter), m.offer)
	}
}

func (m *Modem) log(kind EventKind, msg *message, at time.Time) {
	m.rack.log(kind, m.index, msg.id, at)
}

// take accepts a message from the network, by CNMI (3GPP TS 27.005 clause
// 3.4.1), or refuses it because there is no room.
func (m *Modem) take(msg *message, now time.Time) bool {
	r := routeOf(msg.raw)
	mode, mt, ds := m.set.cnmi[0], m.set.cnmi[1], m.set.cnmi[3]
	switch {
	case r.report && ds == 1 && mode != 0:
		m.pass(fmt.Sprintf("+CDS: %d", r.length), msg, now)
		return true
	case r.report && ds != 2:
		m.log(Acked, msg, now) // nobody wants it: the modem acknowledges and forgets
		return true
	case r.report:
		return m.store(msg, m.reports(), "+CDSI", now)
	case mode != 0 && m.direct(r, mt):
		m.pass(fmt.Sprintf("+CMT: %s%d", m.prof.alpha(), r.length), msg, now)
		return true
	case r.class == Class2 || r.store:
		return m.store(msg, m.card.sm, "+CMTI", now)
	default:
		return m.store(msg, m.storages(m.set.mem[2])[0], "+CMTI", now)
	}
}

// direct says whether a message goes to the host without being stored.
func (m *Modem) direct(r route, mt int) bool {
	switch {
	case r.class == Class2 || r.store:
		return false
	case mt == 2, mt == 3 && r.class == Class3:
		return true
	default:
		return mt > 0 && r.class == Class0 && m.prof.RouteClass0
	}
}

// reports is where status reports go.
func (m *Modem) reports() *storage {
	if len(m.sr.slots) > 0 {
		return m.sr
	}
	return m.storages(m.set.mem[2])[0]
}

// pass puts a message on the line. With CSMS=1 it is the network's until CNMA comes.
func (m *Modem) pass(header string, msg *message, now time.Time) {
	m.log(Available, msg, now)
	if m.urc(header, m.hex(msg.raw)) {
		m.log(Announced, msg, now)
	}
	if m.set.csms == 0 {
		m.log(Acked, msg, now)
		return
	}
	m.net.awaiting = msg
	m.setAlarm(alarmAck, now.Add(m.rack.opts.AckTimeout), m.refuse)
}

// refuse gives an unacknowledged message back to the network and switches
// direct delivery off, so that the next try is stored (3GPP TS 27.005 clause 3.4.4).
func (m *Modem) refuse(now time.Time) {
	m.set.cnmi[1], m.set.cnmi[3] = 0, 0
	m.giveBack(now)
	m.offerSoon(now)
}

// giveBack makes an unacknowledged message the network's again.
func (m *Modem) giveBack(now time.Time) {
	msg := m.net.awaiting
	if msg == nil {
		return
	}
	m.cancel(alarmAck)
	m.net.awaiting = nil
	m.card.held = append([]*message{msg}, m.card.held...)
	m.log(Refused, msg, now)
}

// acknowledge is CNMA; false when nothing waits for it.
func (m *Modem) acknowledge(ok bool, now time.Time) bool {
	if m.net.awaiting == nil {
		return false
	}
	if !ok {
		m.giveBack(now)
		m.offerSoon(now)
		return true
	}
	m.cancel(alarmAck)
	m.log(Acked, m.net.awaiting, now)
	m.net.awaiting = nil
	m.offerSoon(now)
	return true
}

// store puts a message into a free slot and announces it.
func (m *Modem) store(msg *message, s *storage, urc string, now time.Time) bool {
	at := s.put(msg)
	if at < 0 {
		if !m.net.full && m.prof.FullURC != "" {
			m.urc(strings.ReplaceAll(m.prof.FullURC, "{mem}", s.name))
		}
		m.net.full = true
		return false
	}
	m.log(Available, msg, now)
	if s.full() && m.net.silentFull {
		m.net.muted = true
	}
	wanted := m.set.cnmi[1] != 0
	if urc == "+CDSI" {
		wanted = m.set.cnmi[3] == 2
	}
	if !wanted || m.net.muted {
		return true
	}
	name := s.name
	if s == m.sr && m.prof.ReportsAs != "" {
		name = m.prof.ReportsAs
	}
	line := fmt.Sprintf("%s: %q,%d", urc, name, at+m.prof.IndexBase)
	switch {
	case m.set.cnmi[0] == 0: // kept in the modem until a mode is chosen that passes it
		m.set.bufferedAnnounce = append(m.set.bufferedAnnounce, line)
	case m.urc(line):
		m.log(Announced, msg, now)
	}
	return true
}

// flushAnnounced passes on what mode 0 held back, right after OK.
func (m *Modem) flushAnnounced() {
	if m.set.cnmi[0] == 0 || m.set.bufferedAnnounce == nil {
		return
	}
	m.urc(m.set.bufferedAnnounce...)
	m.set.bufferedAnnounce = nil
}

// free empties a slot; the network may deliver again then.
func (m *Modem) free(s *storage, at int, now time.Time) {
	m.log(Deleted, s.slots[at], now)
	s.slots[at] = nil
	m.net.full = false
	if s.used() == 0 {
		m.net.muted = false
	}
	m.offerSoon(now)
}

// storages are what a name of CPMS means, in the order of their indexes; nil for
// a name the family has not.
func (m *Modem) storages(name string) []*storage {
	if !slices.Contains(m.prof.Memories, name) {
		return nil
	}
	switch name {
	case "SM":
		return []*storage{m.card.sm}
	case "ME":
		return []*storage{m.me}
	case "MT":
		return []*storage{m.card.sm, m.me}
	case "SR":
		return []*storage{m.sr}
	default: // BM and such: never anything in it
		return []*storage{newStorage(name, 5)}
	}
}

// hex is how the family writes a PDU.
func (m *Modem) hex(raw []byte) string {
	s := hex.EncodeToString(raw)
	if m.prof.LowerHex {
		return s
	}
	return strings.ToUpper(s)
}

// registration is the stat of CREG now (3GPP TS 27.007 clause 7.2).
func (m *Modem) registration() int {
	switch {
	case !m.boot.on || m.boot.stage < simReady || m.set.cfun != 1:
		return 0
	case !m.present && m.prof.detectsSIM(), m.present && m.card.lock() != "READY":
		return 0
	default:
		return m.net.stat
	}
}

// noteRegistration reports a change of registration, and lets the network try.
func (m *Modem) noteRegistration() {
	stat := m.registration()
	if stat == m.net.told || m.boot.stage < simReady {
		return
	}
	m.net.told = stat
	if m.set.creg > 0 {
		m.urc("+CREG: " + strconv.Itoa(stat) + m.cell(m.set.creg))
	}
	if m.set.cereg > 0 && m.prof.LTE {
		m.urc("+CEREG: " + strconv.Itoa(stat) + m.cell(m.set.cereg))
	}
	m.offerSoon(time.Now())
}

// cell is the location that mode 2 of CREG adds.
func (m *Modem) cell(mode int) string {
	if mode < 2 || m.net.told == 0 {
		return ""
	}
	if m.prof.LTE {
		return `,"00A8","05355E8D",7`
	}
	return `,"00A8","5E8D"`
}
