package answer

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	testPDU   = "07917248014000F3240B917247587706F400003110824115248012C8329BFD06C9C373B8B82C97E741F034"
	testTPDU  = 35
	reportPDU = "07914356060013F1065A098136395339F6219011700463802190117004638030"
)

func TestCMGR(t *testing.T) {
	t.Parallel()
	whole := Message{Index: Unstated, Stat: 0, Length: testTPDU, PDU: testPDU}
	for _, tc := range []struct {
		name  string
		lines []string
		want  Message
		err   error
	}{
		{"plain", []string{"+CMGR: 0,,35", testPDU}, whole, nil},
		{"quotes, blanks, a line end", []string{`+CMGR:  0 , "" , 35`, " \"" + testPDU + "\"\r"}, whole, nil},
		{"on one line, comma", []string{"+CMGR: 0,,35," + testPDU}, whole, nil},
		{"on one line, blank", []string{"+CMGR: 0,,35 " + testPDU}, whole, nil},
		{"no alpha", []string{"+CMGR: 0,35", testPDU}, whole, nil},
		{"no status", []string{"+CMGR: ,,35", testPDU}, Message{Unstated, Unstated, testTPDU, testPDU}, nil},
		{"only a length", []string{"+CMGR: 35", testPDU}, Message{Unstated, Unstated, testTPDU, testPDU}, nil},
		{"foreign lines around", []string{`+CMTI: "SM",4`, "+CMGR: 0,,35", "^RSSI: 20", testPDU, "RING"}, whole, nil},
		{"plain OK", nil, Message{}, ErrEmpty},
		{"only foreign lines", []string{"+CSQ: 1,2", testPDU}, Message{}, ErrEmpty},
		{"zeros", []string{"+CMGR: 0,,0"}, Message{}, ErrEmpty},
		{"PDU lost", []string{"+CMGR: 0,,35"}, Message{}, ErrMalformed},
		{"PDU damaged", []string{"+CMGR: 0,,35", testPDU[:20] + "?" + testPDU[21:]}, Message{}, ErrMalformed},
		{"a report's PDU comes first", []string{"+CMGR: 0,,35", "+CDS: 24", reportPDU, testPDU}, Message{}, ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := CMGR(tc.lines)
			if diff := cmp.Diff(tc.want, got); diff != "" || !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v; (-want +got):\n%s", err, tc.err, diff)
			}
		})
	}
}

func TestCMGL(t *testing.T) {
	t.Parallel()
	got := CMGL([]string{
		"+CMGL: 0,1,,35", testPDU,
		"+CMGL: 3,0,,35", "+CREG: 1", testPDU,
		"+CMGL: 4,0,,35", // its PDU was lost
		"+CMGL: 5,1,\"\",24", reportPDU,
		"+CMGL: x,1,,35", testPDU,
		"+CMGL: 7,35", testPDU,
		"+CMGL: 8,1,,35 " + testPDU,
	})
	want := []Message{
		{0, 1, 35, testPDU},
		{3, 0, 35, testPDU},
		{4, 0, 35, ""},
		{5, 1, 24, reportPDU},
		{7, Unstated, 35, testPDU},
		{8, 1, 35, testPDU},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		m    Message
		want bool
	}{
		{Message{Length: testTPDU, PDU: testPDU}, true},
		{Message{Length: testTPDU, PDU: testPDU[:len(testPDU)-2]}, false},
		{Message{Length: testTPDU - 1, PDU: testPDU}, false},
		{Message{Length: Unstated, PDU: testPDU}, false},
		{Message{Length: 1}, false},
	} {
		if got := tc.m.Whole(); got != tc.want {
			t.Errorf("Whole(%+v) = %v", tc.m, got)
		}
	}
}

func TestDirect(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		lines []string
		want  Message
		err   error
	}{
		{[]string{"+CMT: ,35", testPDU}, Message{Unstated, Unstated, 35, testPDU}, nil},
		{[]string{`+CMT: "",35`, "RING", testPDU}, Message{Unstated, Unstated, 35, testPDU}, nil},
		{[]string{"+CDS: 24", reportPDU}, Message{Unstated, Unstated, 24, reportPDU}, nil},
		{[]string{"+CMT: ,35"}, Message{}, ErrMalformed},
		{[]string{"+CMT: ,35", "+CDS: 24", reportPDU}, Message{}, ErrMalformed},
		{[]string{"RING"}, Message{}, ErrAbsent},
	} {
		got, err := Direct(tc.lines)
		if diff := cmp.Diff(tc.want, got); diff != "" || !errors.Is(err, tc.err) {
			t.Errorf("Direct(%q): error %v, want %v; (-want +got):\n%s", tc.lines, err, tc.err, diff)
		}
	}
}

func TestCMTI(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		line string
		want Notice
		err  error
	}{
		{`+CMTI: "SM",7`, Notice{"SM", 7}, nil},
		{`+CMTI:"ME", 0`, Notice{"ME", 0}, nil},
		{`+CMTI: SM,7`, Notice{"SM", 7}, nil},
		{`+CMTI: "SM",-1`, Notice{"SM", -1}, nil},
		{`+CMTI: "SM",`, Notice{"SM", -1}, nil},
		{`+CMTI: ,5`, Notice{"", 5}, nil},
		{`+CMTI: "SM",99999999999999999999`, Notice{"SM", -1}, nil},
		{`+CMTI: "SM"`, Notice{}, ErrMalformed},
		{`+CMT: ,20`, Notice{}, ErrAbsent},
	} {
		if got, err := CMTI(tc.line); got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("CMTI(%q) = %+v, %v; want %+v, %v", tc.line, got, err, tc.want, tc.err)
		}
	}
}

func TestCUSD(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		lines    []string
		text     string
		encoding Encoding
	}{
		{"a bare one comes before", []string{"+CUSD: 2", `+CUSD: 0,"79281234567",15`}, "79281234567", PlainText},
		{"an even number of digits", []string{`+CUSD: 0,"380501234567",15`}, "380501234567", PlainText},
		{"quotes and commas inside", []string{`+CUSD: 0,"Say "hi", please",15`}, `Say "hi", please`, PlainText},
		{"no quotes", []string{"+CUSD: 0,Balance 5,15"}, "Balance 5", PlainText},
		{"several lines", []string{`+CUSD: 1,"1. One`, "2. Two", `3. Three",15`, "RING"}, "1. One\r\n2. Two\r\n3. Three", PlainText},
		{"never closed", []string{`+CUSD: 1,"1. One`, "RING"}, "1. One", PlainText},
		{"Cyrillic", []string{`+CUSD: 0,"0412043004480020043D043E043C0435044000200037",72`}, "Ваш номер 7", UCS2Hex},
		{"Chinese, scheme 15", []string{`+CUSD: 0,"60A876845355673A53F77801",15`}, "您的单机号码", UCS2Hex},
		{"a language before the text", []string{`+CUSD: 0,"613906310635064A062F06430000FFFF",17`}, "رصيدك", UCS2Hex},
		{"emoji", []string{`+CUSD: 0,"0048006FD83DDE00",72`}, "Ho😀", UCS2Hex},
		{"packed, scheme 0", []string{`+CUSD: 0,"C8329BFD06DDDF723619",0`}, "Hello world", Packed7},
		{"8 bits, short, as the scheme says", []string{`+CUSD: 0,"4E6F21",68`}, "No!", Hex8},
		{"8 bits", []string{`+CUSD: 0,"596F7572206E756D626572",0`}, "Your number", Hex8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := CUSD(tc.lines)
			if err != nil || got.Text != tc.text || got.Encoding != tc.encoding {
				t.Errorf("text %q in %s (%v), want %q in %s", got.Text, got.Encoding, err, tc.text, tc.encoding)
			}
		})
	}
	if u, err := CUSD([]string{"+CUSD: 2"}); u.Status != 2 || u.Open() || err != nil {
		t.Errorf("a bare line: %+v, %v", u, err)
	}
	if _, err := CUSD([]string{"+CUSD: x"}); !errors.Is(err, ErrMalformed) {
		t.Errorf("garbage: %v", err)
	}
	if _, err := CUSD([]string{"OK"}); !errors.Is(err, ErrAbsent) {
		t.Errorf("nothing: %v", err)
	}
}

func TestStored(t *testing.T) {
	t.Parallel()
	if got, err := CBMI(`+CBMI: "BM",3`); got != (Notice{"BM", 3}) || err != nil {
		t.Errorf("CBMI = %+v, %v", got, err)
	}
	if got, err := CDSI(`+CDSI: "SR",57`); got != (Notice{"SR", 57}) || err != nil {
		t.Errorf("CDSI = %+v, %v", got, err)
	}
}

func TestGSMExtension(t *testing.T) {
	t.Parallel()
	for septet, want := range map[byte]rune{
		0x0A: '\f', 0x14: '^', 0x28: '{', 0x29: '}', 0x2F: '\\', 0x3C: '[', 0x3D: '~', 0x3E: ']', 0x40: '|', 0x65: '€', 0x41: 0,
	} {
		if got := gsmExtension(septet); got != want {
			t.Errorf("septet %02X is %q, want %q", septet, got, want)
		}
	}
}

func TestPacked7(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"an extension", []byte{0x9B, 0x72, 0x0D}, "€5"},
		{"an unknown extension", []byte{0x9B, 0x20}, "A"},
		{"eight septets", []byte{0x31, 0xD9, 0x8C, 0x56, 0xB3, 0xDD, 0x70}, "12345678"},
		{"padding of zeros", []byte{0x31, 0xD9, 0x8C, 0x56, 0xB3, 0xDD, 0x00}, "1234567"},
		{"padding with a carriage return", []byte{0x31, 0xD9, 0x8C, 0x56, 0xB3, 0xDD, 0x1A}, "1234567"},
		{"an escape at the end", []byte{0xC1, 0x0D}, "A"},
	} {
		if got := fromPacked7(tc.raw); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
