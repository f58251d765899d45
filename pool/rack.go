package pool

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// ModemChanged takes what is now known of a modem. heard is when it last gave a good
// answer, swept says that all its storages were listed since the card was found, gone
// that it has left the rack.
func (p *Pool) ModemChanged(m Modem, heard time.Time, swept, gone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	st := p.modems[m.Slot]
	if st == nil {
		st = &modemState{}
		p.modems[m.Slot] = st
	}
	was := st.Modem
	if m.ICCID != "" {
		m.ICCID = p.known(m.ICCID)
	}
	if gone {
		m.State, m.Reason, m.Detail, m.Ready = "failed", "port_gone", "the port has gone", false
	}
	st.Modem = m
	c := &Change{}
	if m.ICCID != "" {
		p.noteCard(st, &was, c)
	}
	if swept && m.ICCID != "" {
		st.before = m.ICCID
	}
	if was.ICCID != "" && was.ICCID != m.ICCID {
		p.leaveSlot(was.ICCID, m.Slot, heard, now)
	}
	if m.ICCID != "" {
		s := p.simOf(m.ICCID)
		if gone {
			p.leaveSlot(m.ICCID, m.Slot, heard, now)
		} else {
			s.slot = m.Slot
			s.setLive(m.Ready, heard, now)
		}
	}
	for _, iccid := range []string{was.ICCID, m.ICCID} {
		if s := p.sims[iccid]; s != nil && len(s.items) > 0 {
			p.attend(s)
		}
	}
	p.countNumbers()
	p.serveQueue()
	p.watchModem(st, heard, now)
	if len(c.SIMs) > 0 || len(c.Modems) > 0 {
		p.submit(c, nil)
	}
	for w := range p.waiters[m.ICCID] {
		w.notify()
	}
}

// noteCard keeps what a card says of itself, and which card a modem has.
func (p *Pool) noteCard(st *modemState, was *Modem, c *Change) {
	m := &st.Modem
	if m.IMEI != "" && (was.ICCID != m.ICCID || was.IMEI != m.IMEI) {
		st.before = p.cards[m.IMEI]
		if st.before != m.ICCID {
			p.cards[m.IMEI] = m.ICCID
			c.Modems = map[string]string{m.IMEI: m.ICCID}
		}
	}
	s := p.simOf(m.ICCID)
	imsi, number := s.IMSI, s.CardSays
	if m.IMSI != "" {
		imsi = m.IMSI
	}
	if m.CardNumber != "" {
		number = m.CardNumber
	}
	if imsi != s.IMSI || number != s.CardSays || !s.stored {
		s.IMSI, s.CardSays, s.stored = imsi, number, true
		s.derive(p.networks)
		c.SIMs = append(c.SIMs, s.SIM)
	}
}

// leaveSlot notes that a card is no longer in a modem; another may have it.
func (p *Pool) leaveSlot(iccid, slot string, heard, now time.Time) {
	s := p.sims[iccid]
	if s == nil || s.slot != slot {
		return
	}
	s.slot = ""
	for other, m := range p.modems {
		if other != slot && m.ICCID == iccid && m.State != "failed" {
			s.slot = other
			s.setLive(m.Ready, heard, now)
			return
		}
	}
	s.setLive(false, heard, now)
}

// Modems lists every modem, ordered by slot, with the state that its card's number gives it.
func (p *Pool) Modems() []ModemRow {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]ModemRow, 0, len(p.modems))
	for _, slot := range slices.Sorted(maps.Keys(p.modems)) {
		m := p.modems[slot]
		row := ModemRow{Modem: m.Modem}
		if s := p.sims[m.ICCID]; s != nil {
			row.Number, row.SIM, row.NumberFrom = s.number, s.name, s.numberFrom()
			if m.Ready && s.number == "" {
				row.State, row.Reason, row.Detail = "no_number", "no_number", "the SIM does not say its number: set it for this ICCID"
			}
		}
		out = append(out, row)
	}
	return out
}

// ModemRow is a modem with what is known of its card.
type ModemRow struct {
	Modem
	Number     string
	NumberFrom string // file, set, card; empty: not known
	SIM        string // the card's name
}

func (s *sim) numberFrom() string {
	switch {
	case s.number == "":
		return ""
	case s.file != nil && s.file.Facts.Number != nil:
		return "file"
	case s.Set.Number != nil:
		return "set"
	}
	return "card"
}

// NumberRow is one number as an application sees it.
type NumberRow struct {
	Number, SIM, ICCID, Country, Operator, OperatorName string
	Tags                                                []string
	State                                               NumberState
	Reason                                              Down
	Detail                                              string
	Roaming                                             bool
	RoamingKnown                                        bool
	Network                                             string
	LastMessageAt                                       time.Time
	ReservedUntil                                       time.Time
}

// NumberQuery filters numbers. Empty fields filter nothing.
type NumberQuery struct {
	Country, Operator, Tag string
	State                  NumberState
}

// Numbers lists the numbers of an application's selection, ordered by ICCID. It answers
// from memory, whatever the disk does.
func (p *Pool) Numbers(name string, q NumberQuery) []NumberRow {
	p.mu.Lock()
	defer p.mu.Unlock()
	app := p.apps[name]
	if app == nil {
		return nil
	}
	now := time.Now()
	var out []NumberRow
	for _, iccid := range slices.Sorted(maps.Keys(p.sims)) {
		s := p.sims[iccid]
		if !app.selected(s) || q.Country != "" && !s.in(q.Country) || q.Operator != "" && q.Operator != s.operator ||
			q.Tag != "" && !slices.Contains(s.tags, q.Tag) {
			continue
		}
		row := p.numberRow(s, now)
		if q.State != "" && q.State != row.State {
			continue
		}
		row.LastMessageAt = s.lastSeen[""]
		if own := s.lastSeen[app.Name]; own.After(row.LastMessageAt) {
			row.LastMessageAt = own
		}
		out = append(out, row)
	}
	return out
}

func (p *Pool) numberRow(s *sim, now time.Time) NumberRow {
	row := NumberRow{
		Number: s.number, SIM: s.name, ICCID: s.ICCID, Country: s.country, Operator: s.operator, OperatorName: s.opName,
		Tags: append([]string{}, s.tags...),
	}
	row.State, row.Reason = p.state(s, now)
	if m := p.modems[s.slot]; m != nil && m.ICCID == s.ICCID {
		row.Network, row.Roaming, row.RoamingKnown = m.PLMN, m.Roaming, m.Registration != ""
		if row.State == DownNow {
			row.Detail = m.Detail
		}
	}
	if row.State == DownNow && row.Detail == "" {
		row.Detail = downDetail(row.Reason)
	}
	if b := s.reservation; b != nil && b.EndedAt.IsZero() {
		row.ReservedUntil = p.boot.shown(b.ExpiresAt.Moment, b.expires, now)
	}
	return row
}

func downDetail(d Down) string {
	switch d {
	case NotLive:
		return "the card is in no modem that can receive"
	case NoNumber:
		return "nobody has said the card's number"
	case DuplicateNumber:
		return "another card has the same number"
	case DisabledSIM:
		return "the operator has disabled the card"
	case HeldSIM:
		return "no list names the card"
	}
	return ""
}

// Count is a row of availability.
type Count struct {
	Country, Operator, OperatorName    string
	Total, Free, Reserved, Quiet, Down int
}

// Availability counts the numbers of an application's selection by country and operator.
func (p *Pool) Availability(name string) []Count {
	p.mu.Lock()
	defer p.mu.Unlock()
	app := p.apps[name]
	if app == nil {
		return nil
	}
	return p.count(app.selected)
}

// AllNumbers counts every number, for metrics.
func (p *Pool) AllNumbers() []Count {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count(func(*sim) bool { return true })
}

func (p *Pool) count(of func(*sim) bool) []Count {
	now := time.Now()
	rows := map[[2]string]*Count{}
	for _, s := range p.sims {
		if !of(s) {
			continue
		}
		key := [2]string{s.country, s.operator}
		row := rows[key]
		if row == nil {
			row = &Count{Country: s.country, Operator: s.operator, OperatorName: s.opName}
			rows[key] = row
		}
		row.Total++
		switch state, _ := p.state(s, now); state {
		case Free:
			row.Free++
		case Reserved:
			row.Reserved++
		case QuietNow:
			row.Quiet++
		case DownNow:
			row.Down++
		}
	}
	out := make([]Count, 0, len(rows))
	for _, row := range rows {
		out = append(out, *row)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return strings.Compare(a.Country+" "+a.Operator, b.Country+" "+b.Operator)
	})
	return out
}
