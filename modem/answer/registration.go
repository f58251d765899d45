package answer

import (
	"fmt"
	"strings"
)

// RegStat is a <stat> of +CREG, +CGREG, +CEREG and +C5GREG (TS 27.007 7.2).
type RegStat int

// Values of RegStat.
const (
	NotRegistered RegStat = iota // and not searching
	Home
	Searching
	Denied
	Unknown // out of coverage, for one
	Roaming
	HomeSMSOnly
	RoamingSMSOnly
	EmergencyOnly
	HomeCSFBNotPreferred
	RoamingCSFBNotPreferred
	AttachedRLOS // restricted local operator services
)

// String returns the name of the state, in lower case with hyphens.
func (s RegStat) String() string {
	switch s {
	case NotRegistered:
		return "not-registered"
	case Home:
		return "home"
	case Searching:
		return "searching"
	case Denied:
		return "denied"
	case Unknown:
		return "unknown"
	case Roaming:
		return "roaming"
	case HomeSMSOnly:
		return "home-sms-only"
	case RoamingSMSOnly:
		return "roaming-sms-only"
	case EmergencyOnly:
		return "emergency-only"
	case HomeCSFBNotPreferred:
		return "home-csfb-not-preferred"
	case RoamingCSFBNotPreferred:
		return "roaming-csfb-not-preferred"
	case AttachedRLOS:
		return "attached-rlos"
	}
	return fmt.Sprintf("stat-%d", int(s))
}

// SMS says whether the network takes SMS to a modem in this state.
func (s RegStat) SMS() bool {
	switch s {
	case Home, Roaming, HomeSMSOnly, RoamingSMSOnly, HomeCSFBNotPreferred, RoamingCSFBNotPreferred:
		return true
	default:
		return false
	}
}

// AccessTech is an <AcT> (TS 27.007 7.3); UnknownTech when it was not said.
type AccessTech int

// UnknownTech is the AccessTech of an answer without one.
const UnknownTech AccessTech = -1

// Names returns what the technology is called. One that combines two has both
// names, one that is not known is "unknown".
func (a AccessTech) Names() []string {
	names := [...][]string{
		{"gsm"},
		{"gsm-compact"},
		{"umts"},
		{"edge"},
		{"hsdpa"},
		{"hsupa"},
		{"hsdpa", "hsupa"},
		{"lte"},
		{"gsm"}, // EC-GSM-IoT
		{"lte-nb-iot"},
		{"lte"}, // on a 5G core
		{"5gnr"},
		{"5gnr"}, // NG-RAN
		{"lte", "5gnr"},
	}
	if a < 0 || int(a) >= len(names) {
		return []string{"unknown"}
	}
	return names[a]
}

// Registration is what +CREG and its kin say.
type Registration struct {
	Domain string // "+CREG", "+CGREG", "+CEREG" or "+C5GREG"
	Stat   RegStat
	Area   uint32 // location or tracking area code; 0: not said or not readable
	Cell   uint64 // cell identity; 0: not said or not readable
	Tech   AccessTech
}

// isRegistration says whether a command is one of the registration commands.
func isRegistration(id string) bool {
	switch id {
	case "+CREG", "+CGREG", "+CEREG", "+C5GREG":
		return true
	}
	return false
}

// CREG reads the answer to AT+CREG? or to another registration command, named
// by domain. An unsolicited line is passed over, unless there is no other.
func CREG(lines []string, domain string) (Registration, error) {
	err := ErrAbsent
	var other Registration // in the form of an unsolicited line: what some modems answer
	for _, line := range lines {
		list, ok := after(line, domain)
		if !ok {
			continue
		}
		r, asked, ok := registration(domain, list)
		switch {
		case ok && asked:
			return r, nil
		case ok && other.Domain == "":
			other = r
		}
		err = ErrMalformed
	}
	if other.Domain != "" {
		return other, nil
	}
	return Registration{}, err
}

// CREGURC reads an unsolicited registration line of any domain.
func CREGURC(line string) (r Registration, ok bool) {
	domain, list, ok := strings.Cut(strings.TrimLeft(line, " "), ":")
	if !ok || !isRegistration(domain) {
		return Registration{}, false
	}
	r, _, ok = registration(domain, list)
	return r, ok
}

// registration reads the values behind the prefix, in the form of an answer
// (<n>,<stat>[,<lac>,<ci>[,<AcT>]]) or of an unsolicited line (the same without
// <n>), and says which it was.
func registration(domain, list string) (r Registration, asked, ok bool) {
	var space [12]field
	values := fields(list, space[:0])
	if _, ok := values[0].number(); !ok {
		return Registration{}, false, false
	}
	if asked = hasMode(values); asked {
		values = values[1:]
	}
	stat, ok := values[0].number()
	if !ok {
		return Registration{}, asked, false
	}
	values = values[1:]
	area, cell, tech := at(values, 0), at(values, 1), at(values, 2)
	if hasRouting(values) {
		cell, tech = values[2], values[3]
	}
	return Registration{
		Domain: domain,
		Stat:   RegStat(stat),
		Area:   uint32(area.hex(32)),
		Cell:   cell.hex(64),
		Tech:   techOf(tech),
	}, asked, true
}

// hasMode says whether the first of two or more values is <n>, so that the
// second one is <stat>. The forms are told apart by the second value: a short
// decimal number is a state, anything else an area code.
func hasMode(values []field) bool {
	if len(values) < 2 {
		return false
	}
	second := values[1]
	if n, ok := second.number(); !ok || second.quoted || n > int(AttachedRLOS) {
		return false
	}
	if at(values, 2).quoted {
		return true // area and cell are quoted alike, so second is neither
	}
	switch len(second.text) {
	case 1:
		return true
	case 2:
		return len(values) != 3 // <stat>,<lac>,<ci> of a modem that leaves zeros out
	case 3:
		return second.text[0] == '0' && len(values) != 3 // 001: seen from modems that pad numbers
	default:
		return false
	}
}

// hasRouting says whether a routing area code stands between area and cell:
// <lac>,<rac>,<ci>,<AcT>. Where it follows <AcT>, <AcT> is third.
func hasRouting(values []field) bool {
	if len(values) != 4 || values[3].quoted || techOf(values[3]) == UnknownTech {
		return false
	}
	rac, cell := values[1].text, values[2].text
	return len(rac) > 0 && len(rac) <= 2 && len(cell) > len(rac)
}

// techOf reads an <AcT>.
func techOf(f field) AccessTech {
	n, ok := f.number()
	if !ok || n > 15 || f.quoted {
		return UnknownTech
	}
	return AccessTech(n)
}
