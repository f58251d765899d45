package answer

import "testing"

func TestUnsolicited(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		line, inFlight string
		want           bool
	}{
		{`+CMTI: "SM",1`, "+CMGR", true},
		{`+CMTI: "SM",1`, "+CMTI", true},
		{"+CMT: ,35", "+CMGL", true},
		{"RING", "", true},
		{" RING ", "+CSQ", true},
		{"+CUSD: 0", "+CUSD", true},

		// A state alone, or with an area in quotes, is not what AT+CREG? answers.
		{"+CREG: 1", "+CREG", true},
		{`+CREG: 1,"00A8","5355E8D",7`, "+CREG", true},
		{"+CREG: 1,84CD,00D30156", "+CREG", true},
		{"+CREG: 0,1", "+CREG", false},
		{`+CREG: 2,1,"00A8","5355E8D",7`, "+CREG", false},
		{"+CREG: (0-2)", "+CREG", false},
		{"+CREG: 0,1", "+CEREG", true},
		{"+CEREG: 5", "+CSQ", true},
		{"+CREG: 0,1", "", true},

		{"+CPIN: READY", "+CPIN", false},
		{"+CPIN: READY", "+CSQ", true},
		{"+CSQ: 20,99", "+CSQ", false},
		{"+CSQ: 20,99", "", true},
		{"+CLIP: 1,1", "+CLIP", false},
		{`+CLIP: "+79281234567",145`, "+CLIP", true},
		{"+CLIP: ,128", "+CREG", true},
		{`+CLCC: 1,1,4,0,0,"1",129`, "+CLCC", false},
		{`+CLCC: 1,1,4,0,0,"1",129`, "+CMGL", true},
		{"#QSS: 0,1", "#QSS", false},
		{"#QSS: 0", "#QSS", true},
		{"+WIND: 4", "+CPIN", true},

		{"^RSSI: 20", "+CMGL", true},
		{"^ICCID: 8970199123456789012", "^ICCID", false},
		{"^SYSINFO:2,4,5,3,1,0,6", "^SYSINFO", false},
		{"*ATREADY: 1", "", true},
		{"^ICCID", "+CLAC", false}, // a list of commands
		{"VOICE CALL: BEGIN", "+CMGR", true},
		{"SMS DONE", "+CGMI", true},

		// The caller hangs up while a message is read.
		{"NO CARRIER", "+CMGR", true},
		{"NO CARRIER", "D", false},
		{"BUSY", "A", false},

		{"OK", "", false},
		{"ERROR", "+CSQ", false},
		{"+CME ERROR: 10", "+CPIN", false},
		{`+BEARTYPE: "UMTS"`, "+ZPAS", false},
		{"+CMGR: 0,,35", "+CMGR", false},
		{testPDU, "+CMGR", false},
		{"WAVECOM MODEM", "+CGMI", false},
		{"", "", false},
		{":", "", false},
		{"^:", "", false},
	} {
		if got := Unsolicited(tc.line, tc.inFlight); got != tc.want {
			t.Errorf("Unsolicited(%q, %q) = %v", tc.line, tc.inFlight, got)
		}
	}
}

// TestVectorsUnsolicited holds the table against what modems were recorded to
// send: every first line of a URC is one, no line of an answer is.
func TestVectorsUnsolicited(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		lines, _ := Split(v.Command, v.Input)
		if len(lines) == 0 || v.Command == "final-result" || v.Command == "echo-removal" {
			continue
		}
		if v.Command == "urc" {
			if _, _, ok := URC(lines[0]); !ok {
				t.Errorf("%s: %q is not recognised", v.ID, lines[0])
			}
			continue
		}
		if len(chain(v.Command)) > 1 || v.Command[:1] != "A" {
			continue
		}
		id, _ := ID(v.Command)
		for _, line := range lines {
			if name, _ := nameOf(line); name == id && id != "+CUSD" && Unsolicited(line, id) {
				t.Errorf("%s: %q is not taken for an answer to %s", v.ID, line, id)
			}
		}
	}
}

func TestURC(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		line, name string
		payload    int
		ok         bool
	}{
		{"+CMT: ,35", "+CMT", 1, true},
		{"+CMT: ,35," + testPDU, "+CMT", 0, true},
		{"+CDS: 24", "+CDS", 1, true},
		{"+CBM: 88", "+CBM", 1, true},
		{`+CMTI: "SM",1`, "+CMTI", 0, true},
		{`+CUSD: 0,"Hello",15`, "+CUSD", 0, true},
		{`+CUSD: 1,"1. One`, "+CUSD", UntilQuote, true},
		{"+CUSD: 2", "+CUSD", 0, true},
		{"RING", "RING", 0, true},
		{"^SIMST: 255", "^SIMST", 0, true},
		{"NO CARRIER", "NO CARRIER", 0, true},
		{"OK", "", 0, false},
		{testPDU, "", 0, false},
	} {
		name, payload, ok := URC(tc.line)
		if name != tc.name || payload != tc.payload || ok != tc.ok {
			t.Errorf("URC(%q) = %q, %d, %v", tc.line, name, payload, ok)
		}
	}
}

func TestSMSReady(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"SMS DONE": true, "SMS Ready": true, "+QIND: SMS DONE": true, "+WIND: 4": true,
		"PB DONE": false, "+WIND: 14": false, "+QIND: PB DONE": false,
	} {
		if SMSReady(line) != want {
			t.Errorf("SMSReady(%q) = %v", line, !want)
		}
	}
}

// FuzzDescribe feeds every parser: nothing may panic, and what is made of an
// answer must be printable.
func FuzzDescribe(f *testing.F) {
	for i, v := range vectors(f) {
		if i%4 == 0 {
			f.Add(v.Command, v.Input)
		}
	}
	f.Fuzz(func(t *testing.T, command, raw string) {
		if len(command) > 256 || len(raw) > 1<<14 {
			t.Skip()
		}
		got, err := described(t, command, raw)
		if (err != nil) != (got["parse"] == "error") {
			t.Errorf("parse is %v with error %v", got["parse"], err)
		}
		lines, _ := Split(command, raw)
		id, _ := ID(command)
		for _, line := range lines {
			name, payload, ok := URC(line)
			if ok != Unsolicited(line, "") || ok && name == "" || payload < UntilQuote || payload > 1 {
				t.Errorf("URC(%q) = %q, %d, %v", line, name, payload, ok)
			}
			Unsolicited(line, id)
		}
	})
}

// FuzzURC does the same for lines that come unasked.
func FuzzURC(f *testing.F) {
	for _, v := range vectors(f) {
		if !v.Solicited {
			f.Add(v.Input)
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if len(raw) > 1<<14 {
			t.Skip()
		}
		_, _ = described(t, "urc", raw)
	})
}

// TestHotPath holds that what runs for every line and every message allocates nothing.
func TestHotPath(t *testing.T) {
	lines := []string{"+CMGR: 0,,35", testPDU}
	for name, f := range map[string]func(){
		"CMTI":        func() { _, _ = CMTI(`+CMTI: "SM",12`) },
		"CMGR":        func() { _, _ = CMGR(lines) },
		"Unsolicited": func() { Unsolicited(`+CREG: 2,1,"00A8","5355E8D",7`, "+CREG"); Unsolicited("^RSSI: 20", "+CMGR") },
		"URC":         func() { _, _, _ = URC("+CMT: ,35") },
		"Final":       func() { _, _ = Final(testPDU); _, _ = Final("OK") },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkCMTI(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CMTI(`+CMTI: "SM",12`); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCMGR(b *testing.B) {
	lines := []string{"+CMGR: 0,,35", testPDU}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CMGR(lines); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnsolicited(b *testing.B) {
	lines := []string{`+CMTI: "SM",12`, "+CMGR: 0,,35", testPDU, "OK", `+CREG: 2,1,"00A8","5355E8D",7`, "^RSSI: 20"}
	b.ReportAllocs()
	for b.Loop() {
		for _, line := range lines {
			Unsolicited(line, "+CMGR")
		}
	}
}
