package simulator

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestIdentityAndSIM(t *testing.T) {
	t.Parallel()
	r, _ := newRack(t, Options{Modems: 2})
	c := dial(t, r.Modem(1))
	c.send("AT\r")
	if got, want := c.until("OK\r\n"), "AT\r\r\nOK\r\n"; got != want {
		t.Errorf("echo: got %q, want %q", got, want)
	}
	c.setUp()
	s, _ := r.Modem(1).SIM()
	c.want("AT+CGMM", "GSM Modem", "OK")
	c.want("AT+CGSN", r.Modem(1).IMEI(), "OK")
	c.want("AT+CIMI", s.IMSI, "OK")
	c.want("AT+CCID", "+CCID: "+s.ICCID, "OK")
	c.want("AT+CNUM", `+CNUM: "","`+s.MSISDN+`",145`, "OK")
	c.want(`AT+CPBS="ON";+CPBR=1`, `+CPBR: 1,"`+s.MSISDN+`",145,""`, "OK")
	c.want("AT+CREG?", "+CREG: 0,1", "OK")
	c.want("AT+COPS?", `+COPS: 0,0,"Beeline"`, "OK")
	c.want("AT+COPS=3,2;+COPS?", `+COPS: 0,2,"25099"`, "OK")
	c.want("AT+NOSUCH", "ERROR")
	c.want("AT+CGSN=\"490154203237518\"", "ERROR")
	c.want("AT+EGMR=1,7,\"490154203237518\"", "ERROR")
	if len(s.ICCID) != 19 || len(r.Modem(1).IMEI()) != 15 {
		t.Errorf("ICCID %q, IMEI %q", s.ICCID, r.Modem(1).IMEI())
	}
	swapped := []byte(s.ICCID + "F")
	for i := 0; i < len(swapped); i += 2 {
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
	}
	c.want("AT+CRSM=176,12258,0,0,10", `+CRSM: 144,0,"`+string(swapped)+`"`, "OK")
}

func TestPIN(t *testing.T) {
	t.Parallel()
	r, _ := newRack(t, Options{})
	m := r.Modem(0)
	m.PIN("4711")
	c := dial(t, m)
	c.send("ATE0\r")
	c.until("OK\r\n")
	c.want("AT+CMEE=1", "OK")
	c.want("AT+CPIN?", "+CPIN: SIM PIN", "OK")
	c.want("AT+CIMI", "+CME ERROR: 11")
	c.want("AT+CREG?", "+CREG: 0,0", "OK")
	c.want("AT+CPIN=\"0000\"", "+CME ERROR: 16")
	c.want("AT+CPINR", "+CPINR: SIM PIN,2,3", "+CPINR: SIM PUK,10,10", "OK")
	c.want(`AT+CSIM=10,"0020000100"`, `+CSIM: 4,"63C2"`, "OK")
	c.want("AT+CPIN=\"0000\"", "+CME ERROR: 16")
	c.want("AT+CPIN=\"0000\"", "+CME ERROR: 16")
	c.want("AT+CPIN?", "+CPIN: SIM PUK", "OK")
	c.want("AT+CIMI", "+CME ERROR: 12")
	c.want("AT+CPIN=\"12345678\",\"4711\"", "OK")
	c.want("AT+CPIN?", "+CPIN: READY", "OK")
	c.want("AT+CREG?", "+CREG: 0,1", "OK")

	m.PUK()
	c.want("AT+CPIN?", "+CPIN: SIM PUK", "OK")
}

func TestStoredDelivery(t *testing.T) {
	t.Parallel()
	r, _ := newRack(t, Options{Capacity: 3})
	m := r.Modem(0)
	early := m.Deliver(SMS{From: "+79161234567", Text: "before the host"})[0]
	c := dial(t, m).setUp()
	c.want(`AT+CPMS="SM","SM","SM"`, "+CPMS: 1,3,1,3,1,3", "OK")
	c.want("AT+CNMI=2,1,0,0,0", "OK")

	late := m.Deliver(SMS{From: "VK", Text: "Code 12345"})[0]
	if got, want := c.until("2\r\n"), "\r\n+CMTI: \"SM\",2\r\n"; got != want {
		t.Errorf("announcement: got %q, want %q", got, want)
	}
	stored := m.Stored()
	raw := strings.ToUpper(fmt.Sprintf("%x", stored[1].Raw))
	length := len(stored[1].Raw) - 1 - int(stored[1].Raw[0])
	c.want("AT+CMGR=2", fmt.Sprintf("+CMGR: 0,,%d", length), raw, "OK")
	c.want("AT+CMGR=2", fmt.Sprintf("+CMGR: 1,,%d", length), raw, "OK")
	c.want("AT+CMGR=3", "+CMS ERROR: 321")
	if got := c.ask("AT+CMGL=4"); len(got) != 5 || !strings.HasPrefix(got[0], "+CMGL: 1,0,,") || !strings.HasPrefix(got[2], "+CMGL: 2,1,,") {
		t.Errorf("CMGL=4: %q", got)
	}
	c.want("AT+CMGL=0", "OK")

	c.want("AT+CMGD=1", "OK")
	c.want("AT+CMGD=1", "OK")
	c.want("AT+CMGD=4", "+CMS ERROR: 321")
	if got, want := ids(m.Stored()), []uint64{late}; !slices.Equal(got, want) {
		t.Errorf("stored: got %v, want %v", got, want)
	}
	events := r.Events()
	for id, want := range map[uint64][]EventKind{
		early: {Available, Read, Deleted},
		late:  {Available, Announced, Read, Read, Read},
	} {
		if diff := cmp.Diff(kinds(events, id), want); diff != "" {
			t.Errorf("events of %d (-got +want):\n%s", id, diff)
		}
	}
}

func TestFullStorageIsHeldByTheNetwork(t *testing.T) {
	t.Parallel()
	r, events := newRack(t, Options{Capacity: 2, Profiles: []Profile{Huawei()}})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	c.want("AT+CNMI=2,1,0,0,0", "OK")
	var sent []uint64
	for i := range 4 {
		sent = append(sent, m.Deliver(SMS{From: "1", Text: fmt.Sprint(i)})...)
	}
	if got := lines(c.until(`^SMMEMFULL: "SM"`)); !slices.Equal(got, []string{`+CMTI: "SM",0`, `+CMTI: "SM",1`, `^SMMEMFULL: "SM"`}) {
		t.Errorf("said: %q", got)
	}
	if got := ids(m.Held()); !slices.Equal(got, sent[2:]) {
		t.Errorf("held: got %v, want %v", got, sent[2:])
	}
	c.want("AT+CMGD=0", "OK")
	events.await(t, Announced, sent[2])
	if got := lines(c.until(`"SM",0`)); !slices.Equal(got, []string{`+CMTI: "SM",0`}) {
		t.Errorf("said: %q", got)
	}
	if got := ids(m.Held()); !slices.Equal(got, sent[3:]) {
		t.Errorf("held: got %v, want %v", got, sent[3:])
	}
	if got, want := ids(m.Stored()), []uint64{sent[2], sent[1]}; !slices.Equal(got, want) {
		t.Errorf("stored: got %v, want %v", got, want)
	}
}

func TestSilentFull(t *testing.T) {
	t.Parallel()
	r, events := newRack(t, Options{Capacity: 2})
	m := r.Modem(0)
	m.SetSilentFull(true)
	c := dial(t, m).setUp()
	c.want("AT+CNMI=2,1,0,0,0", "OK")
	var sent []uint64
	for range 3 {
		sent = append(sent, m.Deliver(SMS{From: "1", Text: "x"})...)
	}
	c.until(`"SM",1`)
	c.want("AT+CMGD=1", "OK")
	events.await(t, Available, sent[2])
	c.want("AT+CMGD=1,4", "OK") // no +CMTI came before this OK
	m.Deliver(SMS{From: "1", Text: "x"})
	c.until(`"SM",1`)
	if got, want := kinds(r.Events(), sent[1]), []EventKind{Available, Deleted}; !slices.Equal(got, want) {
		t.Errorf("message that filled the storage: got %v, want %v", got, want)
	}
}

func TestDirectDelivery(t *testing.T) {
	t.Parallel()
	r, events := newRack(t, Options{AckTimeout: 10 * time.Millisecond})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	c.want("AT+CSMS=1", "+CSMS: 1,1,1", "OK")
	c.want("AT+CNMI=2,2,0,0,0", "OK")
	c.want("AT+CNMA", "+CMS ERROR: 340")

	// Class 2 is the SIM's, whatever CNMI says.
	m.Deliver(SMS{From: "1", Text: "class 2", Class: Class2})
	c.until(`+CMTI: "SM",1`)

	// Nobody acknowledges: the network has it again, and it is stored, silently.
	id := m.Deliver(SMS{From: "1", Text: "direct"})[0]
	if got := c.until("+CMT: ,", "+CMTI"); !strings.HasSuffix(got, "+CMT: ,") {
		t.Errorf("got %q, want +CMT", got)
	}
	events.await(t, Refused, id)
	events.await(t, Available, id)
	if got, want := ids(m.Stored()), id; !slices.Contains(got, want) {
		t.Errorf("stored: got %v, want %v in it", got, want)
	}
	c.send("AT+CNMI?\r")
	if got := c.until("OK\r\n"); !strings.Contains(got, "+CNMI: 2,0,0,0,0") {
		t.Errorf("CNMI after the timeout: %q", got)
	}
}

func TestAcknowledgement(t *testing.T) {
	t.Parallel()
	r, events := newRack(t, Options{})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	c.want("AT+CSMS=1", "+CSMS: 1,1,1", "OK")
	c.want("AT+CNMI=2,2,0,1,0", "OK")
	sent := m.Deliver(SMS{From: "1", Text: "one"})
	sent = append(sent, m.Deliver(SMS{From: "1", Text: "two"})...)
	c.until("+CMT: ,")
	if got := ids(m.Held()); !slices.Equal(got, sent) {
		t.Errorf("the network has %v, want %v", got, sent)
	}
	c.until("\r\n")
	c.until("\r\n")
	c.want("AT+CNMA", "OK")
	events.await(t, Acked, sent[0])
	c.until("+CMT: ,")
	c.until("\r\n")
	c.until("\r\n")
	c.want("AT+CNMA", "OK")
	if len(m.Held())+len(m.Stored()) != 0 {
		t.Errorf("held %v, stored %v", m.Held(), m.Stored())
	}

	report := []byte{0, 0x06, 0x01, 0x04, 0x81, 0x21, 0x43, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0}
	m.DeliverPDU(report)
	if got := c.until("\r\n0006"); !strings.HasSuffix(got, "+CDS: 21\r\n0006") {
		t.Errorf("report: %q", got)
	}
}

func TestBufferedAnnouncement(t *testing.T) {
	t.Parallel()
	r, events := newRack(t, Options{})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	c.want("AT+CNMI=0,1,0,0,0", "OK")
	events.await(t, Available, m.Deliver(SMS{From: "1", Text: "x"})[0])
	c.want("AT+CNMI?", "+CNMI: 0,1,0,0,0", "OK")
	c.want("AT+CNMI=2", "OK")
	if got := c.until(",1\r\n"); got != "\r\n+CMTI: \"SM\",1\r\n" {
		t.Errorf("flushed: %q", got)
	}
}

func TestSubmitToAnotherSIM(t *testing.T) {
	t.Parallel()
	r, events := newRack(t, Options{Modems: 2})
	c := dial(t, r.Modem(0)).setUp()
	to, _ := r.Modem(1).SIM()
	from, _ := r.Modem(0).SIM()
	tpdu := append([]byte{0x01, 0x00}, address(to.MSISDN)...)
	tpdu = append(tpdu, 0, 0, 2, 'h', 'i')
	c.send(fmt.Sprintf("AT+CMGS=%d\r", len(tpdu)))
	c.until("> ")
	c.send(fmt.Sprintf("00%X\x1a", tpdu))
	if got := lines(c.until("OK\r\n")); !slices.Equal(got, []string{"+CMGS: 1", "OK"}) {
		t.Errorf("CMGS: %q", got)
	}
	e := events.await(t, Available, 1)
	got := r.Modem(1).Stored()
	if e.Modem != 1 || len(got) != 1 || !strings.Contains(fmt.Sprintf("%X", got[0].Raw), fmt.Sprintf("%X", address(from.MSISDN))) {
		t.Errorf("delivered %v at modem %d", got, e.Modem)
	}
	c.send("AT+CMGW=5\r")
	c.until("> ")
	c.send("\x1b")
	c.until("OK\r\n")
}

func TestPacing(t *testing.T) {
	t.Parallel()
	const baud = 9600
	r, _ := newRack(t, Options{Baud: baud, LatencyMin: 3 * time.Millisecond, LatencyMax: 5 * time.Millisecond})
	c := dial(t, r.Modem(0))
	begin := time.Now()
	c.send("ATI\r")
	n := len(c.until("OK\r\n")) + len("ATI\r")
	// Both ways take their time: no faster than the line, whatever the machine does.
	least := time.Duration(n)*10*time.Second/baud - time.Duration(len("ATI\r"))*10*time.Second/baud + 3*time.Millisecond
	if took := time.Since(begin); took < least {
		t.Errorf("%d bytes took %s, at %d baud they need %s", n, took, baud, least)
	}
}

func TestPortsOfAnEarlierRackAreReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink("/dev/pts/none", filepath.Join(dir, "slot01")); err != nil {
		t.Fatal(err)
	}
	r, err := New(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	dial(t, r.Modem(0)).setUp()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a rack without a directory was made")
	}
}
