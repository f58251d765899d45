package modem

import (
	"strconv"
	"strings"
	"time"

	"modemgate/modem/answer"
	"modemgate/modem/line"
)

// Time limits of commands, from the write to the final result.
const (
	quick  = 2 * time.Second  // what a modem knows by itself
	normal = 5 * time.Second  // what it must ask its SIM for
	slow   = 20 * time.Second // what takes it many questions to its SIM
)

// The table of commands: all that is ever written to a modem, resync's questions
// apart. None writes an identity, none sends anything over the air.

// set is a command whose answer is its final result, with or without a line of its own.
func set(cmd string) line.Spec {
	name, _, _ := strings.Cut(strings.TrimPrefix(cmd, "AT"), "=")
	return line.Spec{Cmd: cmd, Prefix: name, Lines: line.Many, Timeout: normal}
}

// ask is a command that is answered by one line of its own name.
func ask(name, form string) line.Spec {
	return line.Spec{Cmd: "AT" + name + form, Prefix: name, Lines: line.One, Timeout: quick}
}

// words is a command that is answered in free words, with or without its name.
func words(name string) line.Spec {
	return line.Spec{Cmd: "AT" + name, Prefix: name, Bare: line.IsText, Lines: line.Many, Timeout: normal}
}

// digits is a command that is answered by a bare number, with or without its name.
func digits(name string) line.Spec {
	isNumber := func(l string) bool {
		l = strings.Trim(l, `" `)
		return len(l) >= 6 && strings.Trim(l, "0123456789ABCDEFabcdef") == "" && l[0] >= '0' && l[0] <= '9'
	}
	return line.Spec{Cmd: "AT" + name, Prefix: name, Bare: isNumber, Lines: line.One, Timeout: normal}
}

// iccid is a command that gives the ICCID; families name its answer as they like.
func iccid(name string) line.Spec {
	s := digits(name)
	bare := s.Bare
	s.Bare = func(l string) bool {
		prefix, rest, ok := strings.Cut(l, ":")
		if ok && strings.HasSuffix(prefix, "CCID") {
			l = strings.TrimSpace(rest)
		}
		return bare(l)
	}
	return s
}

// registration is +CREG? or +CEREG?. A URC of the same name has another shape: one
// value, or the second one quoted or of three and more hex digits (TS 27.007 clause 7.2).
func registration(name string) line.Spec {
	s := ask(name, "?")
	s.Shape = func(rest string) bool {
		values := strings.Split(rest, ",")
		if len(values) < 2 {
			return false
		}
		stat := strings.TrimSpace(values[1])
		_, err := strconv.Atoi(stat)
		return err == nil && (len(stat) <= 2 || len(values) == 2 && len(stat) == 3 && stat[0] == '0')
	}
	return s
}

func cpin() line.Spec {
	s := ask("+CPIN", "?")
	s.Bare = func(l string) bool { return l == "READY" }
	s.NoFinal = true // Wavecom
	s.Timeout = normal
	return s
}

// list is AT+CMGL=4: every message of the storage that is selected, in PDU mode.
func list() line.Spec {
	return line.Spec{Cmd: "AT+CMGL=4", Prefix: "+CMGL", Lines: line.Many, PDU: true, Timeout: slow}
}

func read(index int) line.Spec {
	return line.Spec{Cmd: "AT+CMGR=" + strconv.Itoa(index), Prefix: "+CMGR", Lines: line.One, PDU: true, Timeout: normal}
}

// remove deletes one message. The form with flags, which takes unread ones, is never used.
func remove(index int) line.Spec {
	return line.Spec{Cmd: "AT+CMGD=" + strconv.Itoa(index), Timeout: normal}
}

// crsmICCID is READ BINARY of EF-ICCID (TS 27.007 clause 8.18, TS 31.102 clause 4.2.2).
func crsmICCID() line.Spec {
	return line.Spec{Cmd: "AT+CRSM=176,12258,0,0,10", Prefix: "+CRSM", Lines: line.One, Timeout: normal}
}

// many lets a command have any number of lines.
func many(s line.Spec, limit time.Duration) line.Spec {
	s.Lines, s.Timeout = line.Many, limit
	return s
}

// crsmData reads the answer to crsmICCID. 144, 145, 146 and 159 are success.
func crsmData(lines []string) (string, bool) {
	status, data, err := answer.CRSM(lines)
	if err != nil {
		return "", false
	}
	switch status >> 8 {
	case 0x90, 0x91, 0x92, 0x9f:
		return answer.ICCID(data)
	}
	return "", false
}
