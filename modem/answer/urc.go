package answer

import "strings"

// kind is when a line that begins with a name is unsolicited.
type kind int

const (
	foreign kind = iota // never by its name alone
	always              // whatever runs
	unasked             // unless a command of that name runs
)

// kindOf looks a name up: what stands before the colon, or the whole line.
// What begins with a vendor's mark and has a colon is unsolicited without being
// here, unless a command of that name runs.
func kindOf(name string) kind {
	switch name {
	case "+CMTI", "+CMT", "+CDS", "+CDSI", "+CBM", "+CBMI", // TS 27.005 3.4.1
		"RING", "+CRING", "+CUSD", "+CIEV", "+CGEV", "+CSSI", "+CSSU", "+CUSATP", // TS 27.007
		"+CTZV", "+CTZE", "+CTZDST", "+CMWI", "DST", // time zone and network time
		// Boot of several families.
		"RDY", "Call Ready", "SMS Ready", "SMS DONE", "PB DONE",
		"NORMAL POWER DOWN", "POWERED DOWN",
		"UNDER-VOLTAGE WARNNING", "UNDER-VOLTAGE POWER DOWN", "OVER-VOLTAGE WARNNING", "OVER-VOLTAGE POWER DOWN",
		"+AT", "+PBREADY", // u-blox
		"VOICE CALL", "MISSED_CALL", // SIMCom
		"+QUSIM",                          // Quectel
		"+SIM", "+SIM DROP", "+SIM READY", // Fibocom
		"+ZUSIMR", "+ZDONR", "+ZPASR", "+ZPSTM", "+ZEND", "+SPNWNAME", "+PSBEARER", "+ZSMMEMFULL": // ZTE
		return always
	case "+CREG", "+CGREG", "+CEREG", "+C5GREG", "+CPIN", "+CLIP", "+CCWA", "+CLCC", "+COLP", "+CFUN", "+CSQ", "+CCLK",
		"+CTZU", "+CNSMOD", "+QIND", "+QSIMSTAT", "+QURC", "+WIND":
		return unasked
	}
	return foreign
}

// nameOf returns what a line begins with: all before the first colon, or the
// whole line; blanks around it are left out.
func nameOf(line string) (name string, colon bool) {
	line = strings.TrimSpace(line)
	if i := strings.IndexByte(line, ':'); i >= 0 {
		return line[:i], true
	}
	return line, false
}

// Unsolicited says whether a line that comes while a command runs is none of
// its answer. inFlight is the command's name as [ID] returns it, empty when
// none runs. Lines that no table knows belong to the answer, since parsers pass
// over them; only those with a vendor's mark do not. It does not allocate.
func Unsolicited(line, inFlight string) bool {
	name, colon := nameOf(line)
	if name == "" {
		return false
	}
	if isCallResult(name) {
		// A caller has hung up, unless a call is being set up from here (V.250 6.3).
		return inFlight != "D" && inFlight != "A" && inFlight != "O"
	}
	switch kindOf(name) {
	case always:
		return true
	case unasked:
		return name != inFlight || !answers(name, line)
	default:
		return colon && len(name) > 1 && isVendorMark(name[0]) && isNameByte(name[1]) &&
			(name != inFlight || !answers(name, line))
	}
}

// answers says whether a line that has the name of the command in flight can be
// its answer by its form.
func answers(name, line string) bool {
	list, _ := after(line, name)
	switch {
	case isRegistration(name):
		_, asked, ok := registration(name, list)
		return asked || !ok
	case name == "#QSS":
		return strings.IndexByte(list, ',') >= 0 || strings.HasPrefix(list, "(")
	case name == "+CLIP" || name == "+CCWA":
		// The answer begins with a digit for on or off, the line of a call with a number.
		first, _, _ := nextField(list)
		return !first.quoted && len(first.text) == 1 || strings.HasPrefix(list, "(")
	}
	return true
}

// UntilQuote is the number of payload lines of a text that goes on up to the
// line with its closing quote.
const UntilQuote = -1

// URC recognises a line that came while no command was running: its name, and
// how many lines after it belong to it. [UntilQuote] stands for as many as it
// takes to the closing quote (+CUSD). ok is false for a line of no known name.
func URC(line string) (name string, payloadLines int, ok bool) {
	if !Unsolicited(line, "") {
		return "", 0, false
	}
	name, _ = nameOf(line)
	list, _ := after(line, name)
	switch name {
	case "+CMT", "+CDS", "+CBM":
		var space [6]field
		if _, pdu := header(list, space[:0]); pdu == "" {
			payloadLines = 1
		}
	case "+CUSD":
		if openQuote(list) {
			payloadLines = UntilQuote
		}
	}
	return name, payloadLines, true
}

// SMSReady says whether an unsolicited line ends the boot of SMS: before it, SMS
// commands may fail.
func SMSReady(line string) bool {
	name, _ := nameOf(line)
	switch name {
	case "SMS DONE", "SMS Ready":
		return true
	case "+QIND": // Quectel
		list, _ := after(line, name)
		return list == "SMS DONE"
	case "+WIND": // Wavecom: all services ready
		list, _ := after(line, name)
		return list == "4"
	}
	return false
}
