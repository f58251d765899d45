package line

import (
	"strconv"
	"strings"
)

// isNamed says whether a line begins as a result code of a standard or a vendor
// does: a mark and a capital letter.
func isNamed(line string) bool {
	return len(line) > 2 && strings.IndexByte("+^*#%$&", line[0]) >= 0 && 'A' <= line[1] && line[1] <= 'Z'
}

// isWord says whether a line is an unsolicited result of plain words. Boot words
// and the results of calls; TS 27.007 and vendors' manuals.
func isWord(line string) bool {
	switch line {
	case "RING", "NO CARRIER", "BUSY", "NO ANSWER", "RDY", "Call Ready", "SMS Ready", "SMS DONE", "PB DONE",
		"NORMAL POWER DOWN", "POWERED DOWN", "READY", "DST":
		return true
	}
	for _, prefix := range [...]string{"VOICE CALL:", "MISSED_CALL:", "UNDER-VOLTAGE", "OVER-VOLTAGE"} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// IsText says whether a line can be an answer in free words, such as the name of a
// manufacturer: neither a result code, nor a word that comes unasked, nor an echo.
func IsText(line string) bool {
	return !isNamed(line) && !isWord(line) && !isEcho(line)
}

// isEcho says whether a line repeats a command, as a modem does until ATE0.
func isEcho(line string) bool {
	if len(line) < 2 || !strings.EqualFold(line[:2], "AT") {
		return false
	}
	return len(line) == 2 || strings.IndexByte("+^*#%$&EVIZHQ", line[2]) >= 0
}

func isHex(line string) bool {
	if len(line) < 2 {
		return false
	}
	for i := range len(line) {
		switch c := line[i]; {
		case '0' <= c && c <= '9', 'A' <= c && c <= 'F', 'a' <= c && c <= 'f':
		default:
			return false
		}
	}
	return true
}

// isDirect says whether a URC hands a PDU over on its next line.
func isDirect(line string) bool {
	return strings.HasPrefix(line, "+CMT:") || strings.HasPrefix(line, "+CDS:") || strings.HasPrefix(line, "+CBM:")
}

// promised is the number of octets of the TPDU that a header announces with its
// last value; -1 when it says none.
func promised(header string) int {
	last := header[strings.LastIndexAny(header, ",: ")+1:]
	n, err := strconv.Atoi(last)
	if err != nil {
		return -1
	}
	return n
}

// fits says whether a PDU has the length that its header promises: the TPDU and the
// service-centre part before it (TS 27.005 clause 3.1).
func fits(header, pdu string) bool {
	n := promised(header)
	if n < 0 || len(pdu) < 2 {
		return false
	}
	centre, err := strconv.ParseUint(pdu[:2], 16, 8)
	return err == nil && len(pdu)/2 == n+1+int(centre)
}

// oddQuotes says whether a text has an odd number of quotes: it goes on.
func oddQuotes(s string) bool { return strings.Count(s, `"`)%2 != 0 }
