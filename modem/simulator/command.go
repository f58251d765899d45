package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// form is how a command is written (3GPP TS 27.007 clause 4).
type form int

const (
	exec  form = iota // AT+X
	read              // AT+X?
	test              // AT+X=?
	write             // AT+X=...
)

// request is one command of a line.
type request struct {
	text string // all of it, without AT
	name string // upper case: "+CSQ", "E", "&F"
	form form
	args []string // unquoted; of a basic command its number, "0" when it has none
}

// arg is the i-th argument, "" when there are fewer.
func (r request) arg(i int) string {
	if i < len(r.args) {
		return r.args[i]
	}
	return ""
}

// number is the i-th argument, or def when it is absent or no number.
func (r request) number(i, def int) int {
	if n, err := strconv.Atoi(r.arg(i)); err == nil {
		return n
	}
	return def
}

// nextRequest takes the first command off a line (V.250 clause 5.2).
func nextRequest(line string) (request, string) {
	if strings.ContainsRune("+^#*$%", rune(line[0])) {
		return extended(line)
	}
	end := 1
	if line[0] == '&' && len(line) > 1 {
		end = 2
	}
	r := request{name: strings.ToUpper(line[:end]), args: []string{"0"}}
	stop := end
	if r.name == "D" {
		stop = len(line)
	}
	for stop < len(line) && strings.IndexByte("0123456789=?", line[stop]) >= 0 {
		stop++
	}
	if stop > end {
		r.args[0] = line[end:stop]
	}
	r.text = line[:stop]
	return r, strings.TrimLeft(line[stop:], " ;")
}

func extended(line string) (request, string) {
	quoted, end := false, len(line)
	for i := range len(line) {
		if line[i] == '"' {
			quoted = !quoted
		}
		if line[i] == ';' && !quoted {
			end = i
			break
		}
	}
	text := strings.TrimSpace(line[:end])
	r := request{text: text, name: strings.ToUpper(text)}
	if at := strings.IndexAny(text, "=?"); at >= 0 {
		r.name = strings.ToUpper(text[:at])
		switch rest := text[at:]; {
		case rest == "?":
			r.form = read
		case rest == "=?":
			r.form = test
		case rest[0] == '=':
			r.form, r.args = write, splitArgs(rest[1:])
		}
	}
	return r, strings.TrimLeft(line[end:], " ;")
}

// splitArgs cuts at commas outside quotes and takes the quotes off.
func splitArgs(s string) []string {
	var args []string
	var b strings.Builder
	quoted := false
	for _, c := range []byte(s) {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			args = append(args, strings.TrimSpace(b.String()))
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(args, strings.TrimSpace(b.String()))
}

// Final results. The last two are not on the line.
const (
	finalOK     = "OK"
	finalError  = "ERROR"
	finalNone   = ""
	finalPrompt = "\x00prompt" // the answer ends when the text is typed
)

// run answers one command line. The first command that fails ends it.
func (m *Modem) run(line string) {
	var info []string
	for rest := strings.TrimSpace(line); rest != ""; {
		var r request
		r, rest = nextRequest(rest)
		lines, final := m.execute(r)
		info = append(info, lines...)
		if final == finalPrompt {
			return
		}
		if final != finalOK {
			m.finish(info, final)
			return
		}
	}
	m.finish(info, finalOK)
}

// execute answers one command.
func (m *Modem) execute(r request) (info []string, final string) {
	upper := strings.ToUpper(r.text)
	if slices.Contains(m.prof.Quiet, upper) {
		m.set.quiet = true
		m.cancel(alarmNoise)
	}
	if m.prof.SIMSwitch != "" && upper == m.prof.SIMSwitch {
		m.set.simURC = true
	}
	if m.prof.URCHere != "" && strings.HasPrefix(upper, m.prof.URCHere) {
		m.faults.away = false
	}
	if slices.Contains(m.prof.Reset, upper) {
		return m.reset()
	}
	for _, group := range []func(request) ([]string, string, bool){
		m.family, m.basic, m.general, m.identity, m.simCommand, m.networkCommand, m.smsSettings, m.smsCommand, m.callCommand,
	} {
		if info, final, known := group(r); known {
			if slices.Contains(m.prof.NoFinal, upper) && final == finalOK {
				final = finalNone
			}
			return info, final
		}
	}
	return nil, m.prof.unknown()
}

// family answers what is the family's own.
func (m *Modem) family(r request) ([]string, string, bool) {
	upper := strings.ToUpper(r.text)
	if lines, found := m.prof.Answers[upper]; found {
		return lines, finalOK, true
	}
	if r.name == m.prof.ICCIDCommand {
		if m.boot.stage < simReady || !m.present {
			return nil, m.simFault(), true
		}
		return []string{m.prof.ICCIDPrefix + m.iccid()}, finalOK, true
	}
	return nil, finalOK, slices.Contains(m.prof.Accepts, r.name)
}

// iccid is the card's number as the family writes it: 20 places, the last filled up.
func (m *Modem) iccid() string {
	s := m.card.sim.ICCID
	if len(s) == 19 {
		s += m.prof.ICCIDFill
	}
	if m.prof.ICCIDQuoted {
		return strconv.Quote(s)
	}
	return s
}

// basic answers the commands of V.250 that are one letter.
func (m *Modem) basic(r request) ([]string, string, bool) {
	switch r.name {
	case "E":
		m.set.echo = r.number(0, 0) == 1
	case "V":
		m.set.verbose = r.number(0, 0) == 1
	case "Z", "&F":
		old := m.set
		m.set = m.prof.defaults()
		m.set.cfun, m.set.quiet, m.set.simURC = old.cfun, old.quiet, old.simURC
	case "I":
		return m.prof.info(m.imei), finalOK, true
	case "H":
		m.endCall(false)
	case "A":
		return nil, m.answerCall(), true
	case "D":
		return nil, "NO CARRIER", true
	case "Q", "X", "S", "L", "M", "&C", "&D", "&W", "&K", "&S":
	default:
		return nil, "", false
	}
	return nil, finalOK, true
}

// general answers what concerns the modem as a whole.
func (m *Modem) general(r request) ([]string, string, bool) {
	switch r.name {
	case "+CMEE":
		return m.setting(r, "+CMEE", "(0-2)", &m.set.cmee, 2)
	case "+CFUN":
		return m.functionality(r)
	case "+CSCS":
		switch r.form {
		case test:
			return []string{`+CSCS: ("GSM","IRA","UCS2")`}, finalOK, true
		case read:
			return []string{fmt.Sprintf("+CSCS: %q", m.set.charset)}, finalOK, true
		}
		if !slices.Contains([]string{"GSM", "IRA", "UCS2"}, r.arg(0)) {
			return nil, m.cme(4), true
		}
		m.set.charset = r.arg(0)
	case "+GCAP":
		return []string{m.prof.gcap()}, finalOK, true
	case "+CLAC":
		return []string{"&C", "&D", "&F", "+CMEE", "+CMGD", "+CMGL", "+CMGR", "+CNMI", "+CPMS"}, finalOK, true
	case "+CCLK":
		return []string{`+CCLK: "25/06/01,12:00:00+12"`}, finalOK, true
	case "+IPR", "+IFC", "+ICF", "+CVHU", "+CGSMS", "+CSDH", "+CSMP", "+CTZU", "+CTZR", "+CMER", "+CGEREP", "+COLP", "+CSCB", "+CGATT":
	default:
		return nil, "", false
	}
	return nil, finalOK, true
}

// setting answers the forms of a command that holds one number from 0 to top.
func (m *Modem) setting(r request, name, values string, value *int, top int) ([]string, string, bool) {
	switch r.form {
	case test:
		return []string{name + ": " + values}, finalOK, true
	case read:
		return []string{name + ": " + strconv.Itoa(*value)}, finalOK, true
	}
	n := r.number(0, 0)
	if n < 0 || n > top {
		return nil, m.cme(50), true
	}
	*value = n
	return nil, finalOK, true
}

func (m *Modem) functionality(r request) ([]string, string, bool) {
	switch r.form {
	case test:
		return []string{"+CFUN: (0,1,4),(0,1)"}, finalOK, true
	case read:
		if m.prof.TestForRead {
			return []string{"+CFUN: (0-1,4-7),(0-1)"}, finalOK, true
		}
		return []string{"+CFUN: " + strconv.Itoa(m.set.cfun)}, finalOK, true
	}
	n := r.number(0, 1)
	if r.arg(1) == "1" {
		info, final := m.reset()
		return info, final, true
	}
	if !slices.Contains([]int{0, 1, 4}, n) {
		return nil, m.cme(50), true
	}
	m.set.cfun = n
	return nil, finalOK, true
}

// cme is an equipment error, as CMEE wants it (3GPP TS 27.007 clause 9.2).
func (m *Modem) cme(code int) string {
	switch {
	case m.set.cmee == 0:
		return finalError
	case m.set.cmee == 2 || m.prof.TextErrors:
		return "+CME ERROR: " + cmeText(code)
	default:
		return "+CME ERROR: " + strconv.Itoa(code)
	}
}

// cms is a message service error (3GPP TS 27.005 clause 3.2.5).
func (m *Modem) cms(code int) string {
	if m.set.cmee == 2 || m.prof.TextErrors {
		return "+CMS ERROR: " + cmsText(code)
	}
	return "+CMS ERROR: " + strconv.Itoa(code)
}

func cmeText(code int) string {
	switch code {
	case 3:
		return "operation not allowed"
	case 4:
		return "operation not supported"
	case 10:
		return "SIM not inserted"
	case 11:
		return "SIM PIN required"
	case 12:
		return "SIM PUK required"
	case 14:
		return "SIM busy"
	case 16:
		return "incorrect password"
	case 22:
		return "not found"
	case 30:
		return "no network service"
	case 50:
		return "incorrect parameters"
	case 515:
		return "please wait, init or command processing in progress"
	default:
		return "unknown"
	}
}

func cmsText(code int) string {
	switch code {
	case 302:
		return "operation not allowed"
	case 303:
		return "operation not supported"
	case 304:
		return "invalid PDU mode parameter"
	case 310:
		return "SIM not inserted"
	case 311:
		return "SIM PIN required"
	case 314:
		return "SIM busy"
	case 316:
		return "SIM PUK required"
	case 321:
		return "invalid memory index"
	case 322:
		return "memory full"
	case 340:
		return "no +CNMA acknowledgement expected"
	default:
		return "unknown error"
	}
}
