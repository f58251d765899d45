package answer

import (
	"strings"
	"time"
)

// Signal is the answer to AT+CSQ (TS 27.007 8.5).
type Signal struct {
	RSSI  int // 0 to 31; 99 when it is not known
	BER   int // 0 to 7; 99 when it is not known
	Known bool
}

// DBm returns the signal strength in dBm; 0 when it is not known.
func (s Signal) DBm() int {
	if !s.Known {
		return 0
	}
	return -113 + 2*s.RSSI
}

// CSQ reads the answer to AT+CSQ.
func CSQ(lines []string) (Signal, error) {
	list, _, err := find(lines, "+CSQ")
	if err != nil {
		return Signal{}, err
	}
	var space [2]field
	values := fields(list, space[:0])
	rssi, ok := values[0].number()
	if !ok {
		return Signal{}, ErrMalformed
	}
	s := Signal{RSSI: rssi, BER: at(values, 1).numberOr(99), Known: rssi <= 31}
	if !s.Known {
		s.RSSI = 99
	}
	return s, nil
}

// Quality is the answer to AT+CESQ (TS 27.007 8.69), as coded there: 99 (of
// RxLev and BER) and 255 (of the others) mean not known.
type Quality struct {
	RxLev, BER, RSCP, EcN0, RSRQ, RSRP int
}

// DBm returns the level of the received signal in dBm, of the newest
// technology that has one; 0 when it is not known.
func (q Quality) DBm() int {
	switch {
	case q.RSRP <= 97:
		return q.RSRP - 141
	case q.RSCP <= 96:
		return q.RSCP - 121
	case q.RxLev <= 63:
		return q.RxLev - 111
	}
	return 0
}

// CESQ reads the answer to AT+CESQ.
func CESQ(lines []string) (Quality, error) {
	list, _, err := find(lines, "+CESQ")
	if err != nil {
		return Quality{}, err
	}
	var q Quality
	var space [8]field
	values := fields(list, space[:0])
	for i, to := range [...]*int{&q.RxLev, &q.BER, &q.RSCP, &q.EcN0, &q.RSRQ, &q.RSRP} {
		n, ok := at(values, i).number()
		if !ok {
			return Quality{}, ErrMalformed
		}
		*to = n
	}
	return q, nil
}

// Operator is the answer to AT+COPS? (TS 27.007 7.3).
type Operator struct {
	Mode   int    // 0 automatic, 1 manual, 2 deregistered, 4 manual then automatic
	Format int    // of Name: 0 long, 1 short, 2 MCC and MNC; -1: no name
	Name   string // empty: not registered
	UCS2   bool   // the modem gave the name as hex of UCS2
	Tech   AccessTech
}

// COPS reads the answer to AT+COPS?. When there are several lines, as after
// chained commands, it reads the first.
func COPS(lines []string) (Operator, error) {
	list, _, err := find(lines, "+COPS")
	if err != nil {
		return Operator{}, err
	}
	var space [6]field
	values := fields(list, space[:0])
	mode, ok := values[0].number()
	if !ok {
		return Operator{}, ErrMalformed
	}
	o := Operator{Mode: mode, Format: at(values, 1).numberOr(-1), Tech: techOf(at(values, 3))}
	o.Name, o.UCS2 = name(at(values, 2).text)
	return o, nil
}

// Network is one of the networks that AT+COPS=? finds.
type Network struct {
	Status string // unknown, available, current, forbidden
	Long   string
	Short  string
	Code   string // MCC and MNC
	Tech   AccessTech
	UCS2   bool // the modem gave names and code as hex of UCS2
}

// Networks reads the answer to AT+COPS=?, which may go over several lines. What
// follows the networks there is left out.
func Networks(lines []string) ([]Network, error) {
	list, at, err := find(lines, "+COPS")
	if err != nil {
		return nil, err
	}
	for _, line := range lines[at+1:] {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "(") {
			list += line
		}
	}
	var out []Network
	for element := range elements(list) {
		if n, ok := network(element); ok {
			out = append(out, n)
		}
	}
	return out, nil
}

// elements yields what stands between one opening bracket outside quotes and
// the next. Closing ones are not looked at: in some answers they come early.
func elements(list string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := -1, false
		for i := range len(list) {
			switch c := list[i]; {
			case c == '"':
				quoted = !quoted
			case c == '(' && !quoted:
				if start >= 0 && !yield(list[start:i]) {
					return
				}
				start = i + 1
			}
		}
		if start >= 0 {
			yield(list[start:])
		}
	}
}

// network reads <stat>,<long>,<short>,<code>[,<AcT>], brackets behind any of them.
func network(element string) (Network, bool) {
	statuses := [...]string{"unknown", "available", "current", "forbidden"}
	var space [8]field
	values := fields(strings.ReplaceAll(element, `")`, `"`), space[:0])
	for i := range values {
		if !values[i].quoted {
			values[i].text = strings.Trim(values[i].text, " )")
		}
	}
	status, ok := values[0].number()
	if !ok || status >= len(statuses) {
		return Network{}, false
	}
	n := Network{Status: statuses[status], Tech: techOf(at(values, 4))}
	var ucs2 [3]bool
	n.Long, ucs2[0] = name(at(values, 1).text)
	n.Short, ucs2[1] = name(at(values, 2).text)
	n.Code, ucs2[2] = name(at(values, 3).text)
	n.UCS2 = ucs2[0] || ucs2[1] || ucs2[2]
	digits := len(n.Code) >= 5 && strings.Trim(n.Code, "0123456789") == ""
	return n, digits
}

// CCLK reads the answer to AT+CCLK?, the modem's clock (TS 27.007 8.15).
func CCLK(lines []string) (time.Time, error) {
	list, _, err := find(lines, "+CCLK")
	if err != nil {
		return time.Time{}, err
	}
	if t, ok := clock(strings.Trim(list, `"`)); ok {
		return t, nil
	}
	return time.Time{}, ErrMalformed
}

// clock reads "yy/MM/dd,hh:mm:ss±zz", zz in quarters of an hour; without it the
// time is taken as UTC.
func clock(s string) (time.Time, bool) {
	var n [6]int
	for i, end := range [...]byte{'/', '/', ',', ':', ':', 0} {
		digits := 0
		for digits < len(s) && isDigit(s[digits]) {
			digits++
		}
		v, ok := field{text: s[:digits]}.number()
		if !ok {
			return time.Time{}, false
		}
		n[i], s = v, s[digits:]
		if end != 0 {
			if s == "" || s[0] != end {
				return time.Time{}, false
			}
			s = s[1:]
		}
	}
	if n[0] < 100 {
		n[0] += 2000
	}
	zone := time.UTC
	if s != "" && (s[0] == '+' || s[0] == '-') {
		quarters, ok := field{text: strings.TrimSpace(s[1:])}.number()
		if !ok || quarters > 96 {
			return time.Time{}, false
		}
		seconds := quarters * 15 * 60
		if s[0] == '-' {
			seconds = -seconds
		}
		zone = time.FixedZone("", seconds)
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, zone)
	ok := t.Month() == time.Month(n[1]) && t.Day() == n[2] && n[3] < 24 && n[4] < 60 && n[5] < 60
	return t, ok
}

// CTZU reads the answer to AT+CTZU=?: the values that can be set.
func CTZU(lines []string) ([]int, error) {
	list, _, err := find(lines, "+CTZU")
	if err != nil {
		return nil, err
	}
	for _, g := range groups(list) {
		if n := g.numbers(); len(n) > 0 {
			return n, nil
		}
	}
	return nil, ErrMalformed
}
