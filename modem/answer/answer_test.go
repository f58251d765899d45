package answer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestID(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		command, id string
		form        Form
	}{
		{"AT", "", Exec},
		{"AT+CSQ", "+CSQ", Exec},
		{"at+creg?", "+creg", Read},
		{"AT+CPMS=?", "+CPMS", Test},
		{`AT+CPMS="SM","SM"`, "+CPMS", Set},
		{"AT^ICCID?", "^ICCID", Read},
		{"AT#QSS = 1", "#QSS", Set},
		{"ATD*99#", "D", Exec},
		{"ATI4", "I", Exec},
		{"AT&F", "&F", Exec},
		{"urc", "u", Exec},
		{"", "", Exec},
	} {
		if id, form := ID(tc.command); id != tc.id || form != tc.form {
			t.Errorf("ID(%q) = %q, %d; want %q, %d", tc.command, id, form, tc.id, tc.form)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, command, raw string
		lines              []string
		final              string
	}{
		{"CRLF", "AT+CSQ", "\r\n+CSQ: 1,2\r\n\r\nOK\r\n", []string{"+CSQ: 1,2"}, "OK"},
		{"CR CR LF", "AT+CLAC", "&C\r\r\n&D\r\r\nOK\r\r\n", []string{"&C", "&D"}, "OK"},
		{"LF and echo", "AT+CSQ", "AT+CSQ\n+CSQ: 1,2\nOK\n", []string{"+CSQ: 1,2"}, "OK"},
		{"echo with another argument", "AT+CPBR", "AT+CPBR=419\r\n+CPBR: 419\r\nOK\r\n", []string{"+CPBR: 419"}, "OK"},
		{"an answer that begins like an echo", "AT+CGMI", "AT&T\r\nOK\r\n", []string{"AT&T"}, "OK"},
		{"late echo", "AT+CSQ", "+CSQ: 1,2\r\nAT+CSQ\r\nOK\r\n", []string{"+CSQ: 1,2"}, "OK"},
		{"URC behind", "AT", "OK\r\n+CMTI: \"SM\",1\r\n", []string{`+CMTI: "SM",1`}, "OK"},
		{"error", "AT+CPIN?", "+CME ERROR: 10\r\n", nil, "+CME ERROR: 10"},
		{"no final", "AT+CPIN?", "+CPIN: READY\r\n", []string{"+CPIN: READY"}, ""},
		{"nothing", "AT", "\r\n\r\n", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lines, final := Split(tc.command, tc.raw)
			if diff := cmp.Diff(tc.lines, lines); diff != "" || final != tc.final {
				t.Errorf("final %q, want %q; lines (-want +got):\n%s", final, tc.final, diff)
			}
		})
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		line  string
		final bool
		want  *Error
		text  string
	}{
		{line: "OK", final: true},
		{line: " OK ", final: true},
		{line: "CONNECT 115200", final: true},
		{line: "CONNECTED"},
		{line: "OKAY"},
		{line: "ERROR", final: true, want: &Error{Plain, UnknownCode, "ERROR"}, text: "ERROR"},
		{line: "ERRORS FOUND"},
		{line: "ABORTED", final: true, want: &Error{Plain, UnknownCode, "ABORTED"}, text: "ABORTED"},
		{line: "TOO MANY PARAMETERS", final: true, want: &Error{Plain, UnknownCode, "TOO MANY PARAMETERS"}, text: "TOO MANY PARAMETERS"},
		{line: "MODEM ERROR: ", final: false},
		{line: "+CME ERROR: 10", final: true, want: &Error{CME, 10, "10"}, text: "+CME ERROR: 10 (SIM not inserted)"},
		{line: "+CME ERROR: SIM busy", final: true, want: &Error{CME, 14, "SIM busy"}, text: "+CME ERROR: SIM busy"},
		{line: "+CME ERROR:sim pin required", final: true, want: &Error{CME, 11, "sim pin required"}, text: "+CME ERROR: sim pin required"},
		{line: "+CME ERROR: (U)SIM PUK required", final: true, want: &Error{CME, 12, "(U)SIM PUK required"}, text: "+CME ERROR: (U)SIM PUK required (SIM PUK required)"},
		{line: "+CME ERROR: PLMN not allowed (#11)", final: true, want: &Error{CME, 111, "PLMN not allowed (#11)"}, text: "+CME ERROR: PLMN not allowed (#11) (PLMN not allowed)"},
		{line: "+CME ERROR: 515", final: true, want: &Error{CME, 515, "515"}, text: "+CME ERROR: 515 (Please wait, init or command processing in progress)"},
		{line: "+CME ERROR: raspberry", final: true, want: &Error{CME, UnknownCode, "raspberry"}, text: "+CME ERROR: raspberry"},
		{line: "+CMS ERROR: 321", final: true, want: &Error{CMS, 321, "321"}, text: "+CMS ERROR: 321 (invalid memory index)"},
		{line: "+CMS ERROR: memory full", final: true, want: &Error{CMS, 322, "memory full"}, text: "+CMS ERROR: memory full"},
		{line: "+CMS ERROR: SIM not inserted", final: true, want: &Error{CMS, 310, "SIM not inserted"}, text: "+CMS ERROR: SIM not inserted"},
		{line: "+CMS ERROR: 99999999999999999999", final: true, want: &Error{CMS, UnknownCode, "99999999999999999999"}, text: "+CMS ERROR: 99999999999999999999"},
		{line: ""},
	} {
		final, err := Final(tc.line)
		if final != tc.final {
			t.Errorf("Final(%q) = %v, want %v", tc.line, final, tc.final)
		}
		got, _ := errors.AsType[*Error](err)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("Final(%q) (-want +got):\n%s", tc.line, diff)
		}
		if got != nil && got.Error() != tc.text {
			t.Errorf("text of %q = %q, want %q", tc.line, got.Error(), tc.text)
		}
	}
	_, err := Final("+CME ERROR: " + strings.Repeat("é", 4000))
	if len(err.Error()) > 200 {
		t.Errorf("an error of %d octets from line noise", len(err.Error()))
	}
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	_, cme := Final("+CME ERROR: 14")
	_, cms := Final("+CMS ERROR: 14")
	if !IsCME(cme, 10, CMESIMBusy) || IsCME(cme, 10) || IsCMS(cme, 14) || IsCME(cms, 14) || IsCME(nil, 14) {
		t.Error("classes or codes are mixed up")
	}
	for line, want := range map[string]Lock{
		"+CME ERROR: 10": LockNotInserted, "+CMS ERROR: 310": LockNotInserted,
		"+CME ERROR: SIM PIN required": LockPIN, "+CMS ERROR: 316": LockPUK,
		"+CME ERROR: 515": LockNotReady, "+CME ERROR: 13": LockUnknown, "ERROR": LockUnknown,
	} {
		if _, err := Final(line); LockOf(err) != want {
			t.Errorf("LockOf(%q) = %q, want %q", line, LockOf(err), want)
		}
	}
}

func TestCREG(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		lines []string
		want  Registration
		err   error
	}{
		{"a URC before the answer", []string{"+CREG: 3", "+CREG: 2,1,\"00A8\",\"5355E8D\",7"}, Registration{"+CREG", Home, 0xA8, 0x5355E8D, 7}, nil},
		{"only the form of a URC", []string{"+CREG: 5"}, Registration{"+CREG", Roaming, 0, 0, UnknownTech}, nil},
		{"another domain", []string{"+CGREG: 0,1"}, Registration{}, ErrAbsent},
		{"the test form", []string{"+CREG: (0-2)"}, Registration{}, ErrMalformed},
		{"no state", []string{"+CREG: 2,"}, Registration{"+CREG", Searching, 0, 0, UnknownTech}, nil},
		{"causes behind", []string{"+CREG: 3,3,,,,0,15"}, Registration{"+CREG", Denied, 0, 0, UnknownTech}, nil},
		{"a lost quote", []string{`+CREG: 2,1,"0B,"0100701",7`}, Registration{"+CREG", Home, 0x0B, 0x0100701, 7}, nil},
		{"36 bits of cell", []string{`+CREG: 2,1,"0000AB","FFFFFFFFF",11`}, Registration{"+CREG", Home, 0xAB, 0xFFFFFFFFF, 11}, nil},
		{"nothing", nil, Registration{}, ErrAbsent},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := CREG(tc.lines, "+CREG")
			if diff := cmp.Diff(tc.want, got); diff != "" || !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v; (-want +got):\n%s", err, tc.err, diff)
			}
		})
	}
	for line, want := range map[string]Registration{
		"+CREG: 1,10,3799B":             {"+CREG", Home, 0x10, 0x3799B, UnknownTech}, // an area without its zeros
		"+CGREG: 002,001,18D8,FFFF":     {"+CGREG", Home, 0x18D8, 0xFFFF, UnknownTech},
		"+CEREG: 1, 1F00, 20 ,79D903,7": {"+CEREG", Home, 0x1F00, 0x79D903, 7},
		"+CREG: 1,3":                    {"+CREG", Denied, 0, 0, UnknownTech},
		"+COPS: 0":                      {},
	} {
		if got, ok := CREGURC(line); got != want || ok != (want.Domain != "") {
			t.Errorf("CREGURC(%q) = %+v, %v", line, got, ok)
		}
	}
	for stat := NotRegistered; stat <= AttachedRLOS+1; stat++ {
		want := stat == 1 || stat == 5 || stat == 6 || stat == 7 || stat == 9 || stat == 10
		if stat.SMS() != want {
			t.Errorf("state %v: SMS = %v, want %v", stat, stat.SMS(), want)
		}
	}
}

func TestSignal(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"+CSQ: 31,0": -51, "+CSQ: 0,0": -113, "+CSQ: 20": -73, "+CSQ: 99,99": 0, "+CSQ: 199,99": 0,
	} {
		if s, err := CSQ([]string{line}); err != nil || s.DBm() != want {
			t.Errorf("%s is %d dBm (%v), want %d", line, s.DBm(), err, want)
		}
	}
	for line, want := range map[string]int{
		"+CESQ: 99,99,255,255,20,80": -61, "+CESQ: 99,99,95,40,255,255": -26,
		"+CESQ: 63,0,255,255,255,255": -48, "+CESQ: 99,99,255,255,255,255": 0,
	} {
		if q, err := CESQ([]string{line}); err != nil || q.DBm() != want {
			t.Errorf("%s is %d dBm (%v), want %d", line, q.DBm(), err, want)
		}
	}
	if _, err := CESQ([]string{"+CESQ: 1,2,3"}); !errors.Is(err, ErrMalformed) {
		t.Errorf("a short +CESQ: %v", err)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"26/11/22,18:41:59+12":  "2026-11-22T18:41:59+03:00",
		"26/11/22,18:41:59-20":  "2026-11-22T18:41:59-05:00",
		"2009/8/18,19:11:45":    "2009-08-18T19:11:45Z",
		"26/02/30,18:41:59+00":  "",
		"26/11/22,24:00:00+00":  "",
		"26/11/22,18:41:59+200": "",
		"26/11/22":              "",
	} {
		got := ""
		if at, ok := clock(s); ok {
			got = at.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("clock(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestICCID(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		`"8970199123456789012"`:  "8970199123456789012",
		"8970199123456789012f":   "8970199123456789012",
		"898602f9091830030220":   "898602F9091830030220",
		"98071991325476981032":   "89709119234567890123",
		"980719913254769810FF":   "897091192345678901",
		"897019912345678":        "", // short
		"897019912345678901234":  "", // long
		"79281234567":            "",
		"+CCID: 897019912345678": "",
		"":                       "",
	} {
		if got, ok := ICCID(s); got != want || ok != (want != "") {
			t.Errorf("ICCID(%q) = %q, %v; want %q", s, got, ok, want)
		}
	}
	for _, line := range []string{
		"8970199123456789012f", "+CCID: \"8970199123456789012f\"", "+ICCID: 8970199123456789012", "ICCID:8970199123456789012F",
		"^ICCID: 8970199123456789012", "#CCID: 8970199123456789012", "+CICCID: 8970199123456789012",
	} {
		if got, err := CCID([]string{"+CMTI: \"SM\",1", line}); got != "8970199123456789012" || err != nil {
			t.Errorf("CCID(%q) = %q, %v", line, got, err)
		}
	}
	status, data, err := CRSM([]string{`+CRSM: 144,0,"98071991325476981032"`})
	if status != 0x9000 || data != "98071991325476981032" || err != nil {
		t.Errorf("CRSM = %04X, %q, %v", status, data, err)
	}
}

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{{"860000000000007"}, {`+CGSN: "860000000000007"`}, {"IMEI: 860000000000007"}, {"^RSSI: 20", "860000000000007"}} {
		if got, err := CGSN(lines); got != "860000000000007" || err != nil {
			t.Errorf("CGSN(%q) = %q, %v", lines, got, err)
		}
	}
	if got, err := CIMI([]string{`+CREG: 1`, "250990000000001"}); got != "250990000000001" || err != nil {
		t.Errorf("CIMI = %q, %v", got, err)
	}
	if got, err := CIMI([]string{"+CIMI: garbage"}); got != "" || !errors.Is(err, ErrMalformed) {
		t.Errorf("CIMI = %q, %v", got, err)
	}
	want := Identity{Manufacturer: "Quectel", Model: "EC25", Revision: "EC25EFAR06A03M4G"}
	if diff := cmp.Diff(want, ATI([]string{"Quectel", `+QIND: "csq",20,99`, "EC25", "Revision: EC25EFAR06A03M4G"})); diff != "" {
		t.Errorf("ATI (-want +got):\n%s", diff)
	}
	if got := ATI([]string{"SIM800 R14.18"}); got.Model != "SIM800 R14.18" {
		t.Errorf("ATI = %+v", got)
	}
	if got := Ident([]string{"^BOOT:1,0", " MULTIBAND  900E  1800 "}, "+CGMM"); got != "MULTIBAND  900E  1800" {
		t.Errorf("Ident = %q", got)
	}
	if diff := cmp.Diff([]string{"+CGSM", "+FCLASS"}, GCAP([]string{"+GCAP: +CGSM +FCLASS"})); diff != "" {
		t.Errorf("GCAP (-want +got):\n%s", diff)
	}
	if n, err := CPINR([]string{"+CPINR: SIM PIN2,2,3", "+CPINR: SIM PIN,1,3"}, "SIM PIN"); n != 1 || err != nil {
		t.Errorf("CPINR = %d, %v", n, err)
	}
	if n, err := CSIM([]string{`+CSIM: 4,"6983"`}); n != 0 || err != nil {
		t.Errorf("CSIM of a blocked PIN = %d, %v", n, err)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"+79281234567": "+79281234567",
		"79281234567":  "79281234567",
		"004915783647": "004915783647", // not UCS2
		"353038313233": "353038313233", // not ASCII
		"002B00370039003200380031003200330034003500360037": "+79281234567",
		"2B3739323831323334353637":                         "+79281234567",
	} {
		if got := number(s); got != want {
			t.Errorf("number(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestPickCNMI(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		test   []string
		prefer []string
		want   []string
	}{
		{"all", []string{"+CNMI: (0-3),(0-3),(0-3),(0-2),(0,1)"}, nil, []string{"2,1,2,1,0", "2,1,2,2,0", "2,1,2,0,0", "2,1,0,1,0", "2,1,0,2,0", "2,1,0,0,0", "1,1,0,0,0"}},
		{"reports not stored", []string{"+CNMI: (0-3),(0-3),(0,2),(0,1),(0,1)"}, nil, []string{"2,1,2,1,0", "2,1,2,0,0", "2,1,0,1,0", "2,1,0,0,0", "1,1,0,0,0"}},
		{"one value for the buffer", []string{"+CNMI: (0,1,2),(0,1),(0,2),(0,2),(1)"}, nil, []string{"2,1,2,2,1", "2,1,2,0,1", "2,1,0,2,1", "2,1,0,0,1", "1,1,0,0,1"}},
		{"own order", []string{"+CNMI: (0-3),(0-3),(0,2),(0,1),(0,1)"}, []string{"2,1,0,2", "2,1,0,1"}, []string{"2,1,0,1"}},
		{"nothing fits", []string{"+CNMI: (0-2),(0,2),(0),(0),(0)"}, nil, nil},
		{"no answer", nil, []string{"2,1,0,2", "2,1,0,1"}, []string{"2,1,0,2", "2,1,0,1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, PickCNMI(tc.test, tc.prefer...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestStorages(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		line string
		want [3]Storage
		err  error
	}{
		{`+CPMS: "SM",3,20,"ME",1,255,"SM",3,20`, [3]Storage{{"SM", 3, 20}, {"ME", 1, 255}, {"SM", 3, 20}}, nil},
		{`+CPMS: 1,30,2,30`, [3]Storage{{"", 1, 30}, {"", 2, 30}}, nil},
		{`+CPMS: SM,20,20`, [3]Storage{{"SM", 20, 20}}, nil},
		{`+CPMS: "SM"`, [3]Storage{}, ErrMalformed},
		{`+CPMS: "SM","ME","SM"`, [3]Storage{}, ErrMalformed},
	} {
		got, err := CPMS([]string{tc.line})
		if diff := cmp.Diff(tc.want, got); diff != "" || !errors.Is(err, tc.err) {
			t.Errorf("CPMS(%q): error %v (-want +got):\n%s", tc.line, err, diff)
		}
	}
	if (Storage{"SM", 20, 20}).Full() != true || (Storage{"SM", 19, 20}).Full() || (Storage{}).Full() {
		t.Error("Full is wrong")
	}
	for line, want := range map[string]string{`^SMMEMFULL: "SM"`: "SM", `+ZSMMEMFULL: "ME"`: "ME", "+QIND: SMS FULL": ""} {
		if got, ok := StorageFull(line); !ok || got != want {
			t.Errorf("StorageFull(%q) = %q, %v", line, got, ok)
		}
	}
	if _, ok := StorageFull("+QIND: SMS DONE"); ok {
		t.Error("SMS DONE is not full")
	}
}

func TestSIMChange(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]SIMPresence{
		"+QUSIM: 1": SIMChanged, "+QSIMSTAT: 1,0": SIMRemoved, "+QSIMSTAT: 1,1": SIMInserted,
		"#QSS: 0": SIMRemoved, "#QSS: 3": SIMReady, "^SIMST: 255": SIMChanged,
		"+SIM: Removed": SIMRemoved, "+SIM: Inserted": SIMInserted, "+SIM DROP": SIMRemoved,
		"^SCKS: 0": SIMRemoved, "^SCKS: 1": SIMInserted, "+CPIN: NOT INSERTED": SIMRemoved,
		"+CPIN: READY": SIMReady, "+CPIN: SIM PIN": SIMChanged,
		"+CREG: 0": "", "RDY": "", "#QSS: 9": "", "": "",
	} {
		if got, ok := SIMChange(line); got != want || ok != (want != "") {
			t.Errorf("SIMChange(%q) = %q, %v; want %q", line, got, ok, want)
		}
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]Caller{
		`+CLIP: "+79281234567",145,,,,0`: {Number: "+79281234567", Type: 145},
		`+CLIP: "",128,"",0,"",1`:        {Type: 128},
		`+CLIP: ,128`:                    {Type: 128},
	} {
		if got, err := CLIP(line); got != want || err != nil {
			t.Errorf("CLIP(%q) = %+v, %v", line, got, err)
		}
	}
	if kind, ok := Ring("+CRING: VOICE"); kind != "VOICE" || !ok {
		t.Errorf("Ring = %q, %v", kind, ok)
	}
	if _, ok := Ring("RINGING"); ok {
		t.Error("RINGING is no ring")
	}
	for state, want := range map[int]string{0: "active", 5: "waiting", 6: "terminated", 7: "unknown"} {
		if got := (Call{State: state}).StateName(); got != want {
			t.Errorf("state %d is %q, want %q", state, got, want)
		}
	}
	if got, ok := MissedCall("MISSED_CALL: 11:01AM 07712345678"); got != "07712345678" || !ok {
		t.Errorf("MissedCall = %q, %v", got, ok)
	}
}
