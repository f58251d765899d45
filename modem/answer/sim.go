package answer

import "strings"

// Lock is what the SIM waits for, as +CPIN says (TS 27.007 8.3): in lower case
// with underscores, also values that are not among the constants.
type Lock string

// Values of Lock.
const (
	LockReady       Lock = "ready"
	LockPIN         Lock = "sim_pin"
	LockPUK         Lock = "sim_puk"
	LockPIN2        Lock = "sim_pin2" // the SIM works
	LockPUK2        Lock = "sim_puk2" // the SIM works
	LockNotInserted Lock = "not_inserted"
	LockNotReady    Lock = "not_ready" // passes
	LockUnknown     Lock = "unknown"
)

// CPIN reads the answer to AT+CPIN?, also one without the prefix.
func CPIN(lines []string) (Lock, error) {
	if list, _, err := find(lines, "+CPIN"); err == nil {
		if lock := lockOf(list); lock != "" {
			return lock, nil
		}
		return LockUnknown, ErrMalformed
	}
	for _, line := range lines {
		switch lock := lockOf(line); lock {
		case LockReady, LockPIN, LockPUK, LockPIN2, LockPUK2:
			return lock, nil
		}
	}
	return LockUnknown, ErrAbsent
}

func lockOf(text string) Lock {
	text = strings.ToLower(strings.Trim(text, ` "`))
	return Lock(strings.NewReplacer(" ", "_", "-", "_").Replace(text))
}

// LockOf tells what the error that answered a command says of the SIM.
func LockOf(err error) Lock {
	switch {
	case IsCME(err, CMESIMNotInserted), IsCMS(err, CMSSIMNotInserted):
		return LockNotInserted
	case IsCME(err, CMESIMPIN), IsCMS(err, CMSSIMPIN):
		return LockPIN
	case IsCME(err, CMESIMPUK), IsCMS(err, CMSSIMPUK):
		return LockPUK
	case IsCME(err, CMESIMBusy, CMEPleaseWait), IsCMS(err, CMSSIMBusy):
		return LockNotReady
	}
	return LockUnknown
}

// ICCID reads a SIM's identity as a command gave it: quotes and padding off,
// nibbles swapped if they come as stored in EF-ICCID (TS 31.102 4.2.2), letters
// in upper case. It has 18 to 20 hexadecimal digits, not all of them decimal:
// a key, never a number.
func ICCID(s string) (iccid string, ok bool) {
	s = strings.ToUpper(strings.Trim(s, ` "`))
	if strings.HasPrefix(s, "98") && len(s)%2 == 0 {
		swapped := []byte(s)
		for i := 0; i < len(swapped); i += 2 {
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		}
		s = string(swapped)
	}
	for len(s) > 18 && s[len(s)-1] == 'F' {
		s = s[:len(s)-1]
	}
	ok = len(s) >= 18 && len(s) <= 20 && strings.HasPrefix(s, "89") && isHex(s)
	if !ok {
		return "", false
	}
	return s, true
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'A' || c > 'F') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// CCID reads the answer to any of the commands that give the ICCID: AT+CCID,
// AT+QCCID, AT^ICCID?, AT+ICCID, AT#CCID, AT+CICCID, AT+ZGETICCID. The prefix
// differs from the command on some modems and lacks on others.
func CCID(lines []string) (iccid string, err error) {
	err = ErrAbsent
	for _, line := range lines {
		text := strings.TrimSpace(line)
		if prefix, rest, ok := strings.Cut(text, ":"); ok {
			if !strings.HasSuffix(prefix, "CCID") {
				continue
			}
			text = rest
			err = ErrMalformed
		}
		text, _, _ = strings.Cut(strings.TrimSpace(text), ",")
		if iccid, ok := ICCID(text); ok {
			return iccid, nil
		}
	}
	return "", err
}

// CRSM reads the answer to AT+CRSM (TS 27.007 8.18): the SIM's status word, 0x9000
// for success, and what it returned, in hex.
func CRSM(lines []string) (status int, data string, err error) {
	list, _, err := find(lines, "+CRSM")
	if err != nil {
		return 0, "", err
	}
	var space [3]field
	values := fields(list, space[:0])
	sw1, ok1 := values[0].number()
	sw2, ok2 := at(values, 1).number()
	data = at(values, 2).text
	if !ok1 || !ok2 || sw1 > 0xFF || sw2 > 0xFF || !isHex(data) {
		return 0, "", ErrMalformed
	}
	return sw1<<8 | sw2, data, nil
}

// CIMI reads the answer to AT+CIMI: the IMSI, 6 to 15 digits.
func CIMI(lines []string) (string, error) { return digits(lines, "+CIMI", 6, 15) }

// CGSN reads the answer to AT+CGSN: the IMEI, 14 to 17 digits with or without
// check digit and software version.
func CGSN(lines []string) (string, error) { return digits(lines, "+CGSN", 14, 17) }

// digits finds a line that is a number of low to high digits, with or without
// the prefix of the command or another word and a colon before it.
func digits(lines []string, prefix string, low, high int) (string, error) {
	err := ErrAbsent
	for _, line := range lines {
		text, prefixed := after(line, prefix)
		if !prefixed {
			text = strings.TrimSpace(line)
			if word, rest, ok := strings.Cut(text, ":"); ok && strings.EqualFold(word, "IMEI") {
				text = rest
			}
		}
		text = strings.Trim(text, ` "`)
		if len(text) >= low && len(text) <= high && isDecimal(text) {
			return text, nil
		}
		if prefixed {
			err = ErrMalformed
		}
	}
	return "", err
}

// CNUM reads the answer to AT+CNUM (TS 27.007 7.1): the SIM's own numbers as
// stored, in order. Most SIMs hold none; that is no error.
func CNUM(lines []string) []string {
	var out []string
	for _, line := range lines {
		list, ok := after(line, "+CNUM")
		if !ok {
			continue
		}
		var space [6]field
		values := fields(list, space[:0])
		if n := number(at(values, 1).text); isNumber(n) {
			out = append(out, n)
		}
	}
	return out
}

// PhonebookEntry is a line of the answer to AT+CPBR (TS 27.007 8.12).
type PhonebookEntry struct {
	Index  int
	Number string
	Type   int // 145: international; 0: not said
	Name   string
}

// CPBR reads the answer to AT+CPBR=.... No entry is no error.
func CPBR(lines []string) []PhonebookEntry {
	var out []PhonebookEntry
	for _, line := range lines {
		list, ok := after(line, "+CPBR")
		if !ok {
			continue
		}
		var space [8]field
		values := fields(list, space[:0])
		index, ok := values[0].number()
		if !ok {
			continue
		}
		values = values[1:]
		if at(values, 0).text == "" && at(values, 1).quoted && !at(values, 2).quoted {
			values = values[1:] // an empty value before the number, seen in the wild
		}
		e := PhonebookEntry{Index: index, Number: number(at(values, 0).text), Type: at(values, 1).numberOr(0)}
		e.Name, _ = name(at(values, 2).text)
		out = append(out, e)
	}
	return out
}

// CSIM reads the answer to AT+CSIM (TS 27.007 8.17) with a VERIFY command
// without PIN, which costs no try: how many are left (TS 102 221 11.1.9).
func CSIM(lines []string) (retries int, err error) {
	list, _, err := find(lines, "+CSIM")
	if err != nil {
		return 0, err
	}
	var space [2]field
	response := strings.ToUpper(at(fields(list, space[:0]), 1).text)
	if len(response) < 4 || !isHex(response) {
		return 0, ErrMalformed
	}
	switch sw := response[len(response)-4:]; {
	case sw[:3] == "63C":
		return int(field{text: sw[3:]}.hex(8)), nil
	case sw == "6983": // authentication method blocked
		return 0, nil
	}
	return 0, ErrMalformed
}

// CPINR reads the answer to AT+CPINR (TS 27.007 8.65): how many tries are left
// for a code, such as "SIM PIN".
func CPINR(lines []string, code string) (retries int, err error) {
	err = ErrAbsent
	for _, line := range lines {
		list, ok := after(line, "+CPINR")
		if !ok {
			continue
		}
		var space [3]field
		values := fields(list, space[:0])
		if values[0].text != code {
			continue
		}
		if n, ok := at(values, 1).number(); ok {
			return n, nil
		}
		err = ErrMalformed
	}
	return 0, err
}

// SIMPresence is what an unsolicited line tells of the SIM.
type SIMPresence string

// Values of SIMPresence.
const (
	SIMRemoved  SIMPresence = "sim_removed"
	SIMInserted SIMPresence = "sim_inserted"
	SIMUnlocked SIMPresence = "sim_inserted_and_unlocked"
	SIMReady    SIMPresence = "sim_inserted_and_ready"
	SIMChanged  SIMPresence = "sim_changed" // something happened to it: read it anew
)

// QSS reads #QSS of Telit, the answer to AT#QSS? or an unsolicited line.
func QSS(lines []string) (SIMPresence, error) {
	list, _, err := find(lines, "#QSS")
	if err != nil {
		return "", err
	}
	var space [3]field
	values := fields(list, space[:0])
	stat, ok := values[len(values)-1].number() // <mode>,<stat> or <stat>
	states := [...]SIMPresence{SIMRemoved, SIMInserted, SIMUnlocked, SIMReady}
	if !ok || stat >= len(states) || len(values) > 2 {
		return "", ErrMalformed
	}
	return states[stat], nil
}

// SIMChange reads an unsolicited line that tells of the SIM coming, going or
// being initialised anew.
func SIMChange(line string) (p SIMPresence, ok bool) {
	head, list, ok := strings.Cut(strings.TrimLeft(line, " "), ":")
	if !ok {
		if strings.HasPrefix(head, "+SIM DROP") { // Fibocom
			return SIMRemoved, true
		}
		return "", false
	}
	var space [6]field
	values := fields(list, space[:0])
	first := values[0]
	switch head {
	case "#QSS":
		p, err := QSS([]string{line})
		return p, err == nil
	case "+QSIMSTAT": // <enable>,<inserted>
		switch at(values, 1).text {
		case "0":
			return SIMRemoved, true
		case "1":
			return SIMInserted, true
		}
		return SIMChanged, true
	case "+SIM": // Fibocom
		switch strings.ToLower(first.text) {
		case "removed", "drop":
			return SIMRemoved, true
		case "inserted":
			return SIMInserted, true
		}
		return SIMChanged, true
	case "^SCKS": // Cinterion
		if first.text == "0" {
			return SIMRemoved, true
		}
		return SIMInserted, true
	case "+QUSIM", "^SIMST":
		return SIMChanged, true
	case "^SIND":
		return SIMChanged, first.text == "simlocal"
	case "+CPIN":
		switch lockOf(list) {
		case LockNotInserted:
			return SIMRemoved, true
		case LockReady:
			return SIMReady, true
		}
		return SIMChanged, true
	}
	return "", false
}
