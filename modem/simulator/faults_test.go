package simulator

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestHang(t *testing.T) {
	t.Parallel()
	commands := make(chan string, 100)
	r, events := newRack(t, Options{OnCommand: func(_ int, line string) { commands <- line }})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	c.want("AT+CNMI=2,1,0,0,0", "OK")
	m.Hang(true)
	c.send("AT+CSQ\r")
	for <-commands != "AT+CSQ" {
	}
	id := m.Deliver(SMS{From: "1", Text: "while it hangs"})[0]
	events.await(t, Available, id)
	m.Hang(false)
	c.want("AT+CMGF?", "+CMGF: 0", "OK") // neither the answer to CSQ nor +CMTI came before
	if got, want := ids(m.Stored()), []uint64{id}; !slices.Equal(got, want) {
		t.Errorf("stored: got %v, want %v", got, want)
	}
}

func TestHangWrites(t *testing.T) {
	t.Parallel()
	r, _ := newRack(t, Options{})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	if err := m.HangWrites(true); err != nil {
		t.Fatal(err)
	}
	if err := c.file.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.file.WriteString("AT\r"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write into a line without CTS: %d, %v", n, err)
	}
	if err := m.HangWrites(false); err != nil {
		t.Fatal(err)
	}
	c.want("AT+CMGF?", "+CMGF: 0", "OK")
}

func TestLateAnswer(t *testing.T) {
	t.Parallel()
	commands := make(chan string, 100)
	r, _ := newRack(t, Options{OnCommand: func(_ int, line string) { commands <- line }})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	const late = 30 * time.Millisecond
	m.LateAnswers(late)
	begin := time.Now()
	c.send("AT+CSQ\r")
	for <-commands != "AT+CSQ" {
	}
	m.LateAnswers(0)
	c.send("AT+CMGF?\r")
	got := lines(c.until("+CMGF: 0"))
	if took := time.Since(begin); took < late || !slices.Equal(got, []string{"+CSQ: 14,99", "OK", "+CMGF: 0"}) {
		t.Errorf("after %s got %q", took, got)
	}
}

func TestInjectAndGarbage(t *testing.T) {
	t.Parallel()
	r, _ := newRack(t, Options{})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	m.Deliver(SMS{From: "1", Text: "x"})
	m.InjectInAnswer(`+CMTI: "SM",7`)
	if got := c.ask("AT+CMGR=1"); len(got) != 4 || got[1] != `+CMTI: "SM",7` {
		t.Errorf("CMGR with a URC in the middle: %q", got)
	}
	m.Garbage([]byte("\xff\xfe+CM"))
	if got := c.until("+CM"); got != "\xff\xfe+CM" {
		t.Errorf("garbage: %q", got)
	}
	m.URC(`+CMTI: "SM",-1`)
	c.until(",-1\r\n")
	m.RouteURCsAway(true)
	m.URC("+CREG: 0")
	c.want("AT", "OK")
}

func TestNoiseNeverForges(t *testing.T) {
	t.Parallel()
	r, _ := newRack(t, Options{Seed: 7})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	m.Noise(true)
	plain, damaged := 0, 0
	for range 300 {
		c.send("AT+CGMM\r")
		for _, l := range lines(c.until("OK\r\n", "O\r\n", "K\r\n")) {
			switch {
			case l == "GSM Modem" || l == "OK":
				plain++
			case strings.ContainsFunc(l, func(r rune) bool { return r > 0x7f }):
				damaged++
			default:
				t.Fatalf("line %q is wrong and looks right", l)
			}
		}
	}
	if plain == 0 || damaged == 0 {
		t.Errorf("%d whole lines, %d damaged", plain, damaged)
	}
}

func TestUnplugAndReplug(t *testing.T) {
	t.Parallel()
	r, events := newRack(t, Options{})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	before := m.Port()
	if err := m.Unplug(); err != nil {
		t.Fatal(err)
	}
	if n, err := c.file.Read(make([]byte, 8)); err == nil {
		t.Errorf("read %d bytes from an unplugged modem", n)
	}
	if _, err := os.Lstat(before); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the port is still there: %v", err)
	}
	id := m.Deliver(SMS{From: "1", Text: "nobody there"})[0]
	events.await(t, Held, id)
	if err := m.HangWrites(true); err == nil {
		t.Error("an unplugged modem took a fault of its line")
	}
	if err := m.Replug("other"); err != nil {
		t.Fatal(err)
	}
	if err := m.Replug(""); err == nil {
		t.Error("plugged in twice")
	}
	if got, want := filepath.Base(m.Port()), "other"; got != want {
		t.Errorf("port %q, want %q", got, want)
	}
	events.await(t, Available, id)
	c = dial(t, m).setUp()
	c.want("AT+CNMI?", "+CNMI: 0,0,0,0,0", "OK")
}

func TestReboot(t *testing.T) {
	t.Parallel()
	r, events := newRack(t, Options{Profiles: []Profile{SIM800()}})
	m := r.Modem(0)
	id := m.Deliver(SMS{From: "1", Text: "stays"})[0]
	c := dial(t, m).setUp()
	c.want("AT+CNMI=2,1,0,0,0", "OK")
	m.Reboot()
	held := m.Deliver(SMS{From: "1", Text: "comes while it boots"})[0]
	if got, want := lines(c.until("SMS Ready\r\n")), []string{"RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"}; !slices.Equal(got, want) {
		t.Errorf("boot: got %q, want %q", got, want)
	}
	events.await(t, Available, held)
	c.send("AT\r")
	if got := c.until("OK\r\n"); !strings.HasPrefix(got, "AT\r") {
		t.Errorf("echo is not on again: %q", got)
	}
	c.setUp()
	c.want("AT+CNMI?", "+CNMI: 0,0,0,0,0", "OK")
	if got, want := ids(m.Stored()), []uint64{id, held}; !slices.Equal(got, want) {
		t.Errorf("stored: got %v, want %v", got, want)
	}
	c.want("AT+CFUN=1,1", "OK")
	c.until("SMS Ready\r\n")
	m.RebootLoop(200 * time.Millisecond)
	c.until("RDY\r\n")
	c.until("RDY\r\n")
	m.RebootLoop(0)
}

func TestSMSCommandsBeforeReady(t *testing.T) {
	t.Parallel()
	for _, p := range []Profile{SIM800(), Wavecom(), Generic()} {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			p.Boot = append(slices.Clone(p.Boot[:len(p.Boot)-1]), BootLine{After: patience})
			r, _ := newRack(t, Options{Profiles: []Profile{p}})
			m := r.Modem(0)
			m.Reboot()
			c := dial(t, m)
			c.insist("AT+CMEE=1\r") // it is silent first
			want := map[string]string{"sim800": "\r\nERROR\r\n", "wavecom": "+CME ERROR: 515\r\n", "generic": "+CMS ERROR: 314\r\n"}[p.Name]
			c.send("AT+CMGF=0\r")
			c.until(want)
		})
	}
}

// insist sends a command until it is answered by OK.
func (c *client) insist(command string) {
	c.t.Helper()
	for begin := time.Now(); !bytes.Contains(c.got, []byte("OK\r")); c.answers() {
		if time.Since(begin) > patience {
			c.t.Fatalf("no OK to %q", command)
		}
		c.send(command)
	}
	c.until("OK\r")
	c.until("\n")
}

// answers says whether anything comes within a moment.
func (c *client) answers() bool {
	c.t.Helper()
	if err := c.file.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		c.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := c.file.Read(buf)
	c.got = append(c.got, buf[:max(n, 0)]...)
	return err == nil
}

func TestSIMSwap(t *testing.T) {
	t.Parallel()
	r, events := newRack(t, Options{Modems: 2, Profiles: []Profile{EC25()}})
	a, b := r.Modem(0), r.Modem(1)
	if err := a.SwitchStorage("SM"); err != nil {
		t.Fatal(err)
	}
	c := dial(t, a).setUp()
	c.want("AT+QSIMSTAT=1", "OK")
	c.want("AT+CREG=1", "OK")
	stored := a.Deliver(SMS{From: "1", Text: "on the card"})[0]
	s := a.RemoveSIM()
	if got := lines(c.until("+CREG: 0\r\n")); !slices.Equal(got, []string{"+QSIMSTAT: 1,0", "+CPIN: NOT READY", "+CREG: 0"}) {
		t.Errorf("removal: %q", got)
	}
	c.want("AT+CPIN?", "+CME ERROR: 10")
	c.want("AT+CMGL=4", "+CMS ERROR: 310")
	held := a.Deliver(SMS{From: "1", Text: "for the card"})[0]
	events.await(t, Held, held)
	b.InsertSIM(s)
	events.await(t, Available, held)
	var found []uint64
	for _, m := range b.Stored() {
		found = append(found, m.ID)
	}
	slices.Sort(found)
	if want := []uint64{stored, held}; !slices.Equal(found, want) {
		t.Errorf("card in the other modem: got %v, want %v", found, want)
	}
	if got, present := b.SIM(); !present || got.ICCID != s.ICCID {
		t.Errorf("the other modem has %v", got.ICCID)
	}
}

func TestDeregister(t *testing.T) {
	t.Parallel()
	r, events := newRack(t, Options{})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	c.want("AT+CREG=1", "OK")
	m.Deregister()
	c.until("+CREG: 2\r\n")
	id := m.Deliver(SMS{From: "1", Text: "x"})[0]
	events.await(t, Held, id)
	m.Register(5)
	c.until("+CREG: 5\r\n")
	events.await(t, Available, id)
	m.SetFunctionality(4)
	c.until("+CREG: 0\r\n")
	c.want("AT+CFUN=1", "OK")
	c.until("+CREG: 5\r\n")
}

func TestPowerOff(t *testing.T) {
	t.Parallel()
	r, events := newRack(t, Options{})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	m.PowerOff()
	c.send("AT\r")
	id := m.Deliver(SMS{From: "1", Text: "x"})[0]
	events.await(t, Held, id)
	m.PowerOn()
	events.await(t, Available, id)
	c.send("AT\r")
	if got := c.until("OK\r\n"); got != "AT\r\r\nOK\r\n" {
		t.Errorf("after power-up: %q", got)
	}
}

func TestBaud(t *testing.T) {
	t.Parallel()
	r, _ := newRack(t, Options{})
	m := r.Modem(0)
	if err := m.SetBaud(12345); err == nil {
		t.Error("a rate that is none was taken")
	}
	if err := m.SetBaud(9600); err != nil {
		t.Fatal(err)
	}
	c := dial(t, m)
	c.send("AT\r")
	if c.answers() {
		t.Errorf("answered at another rate: %q", c.got)
	}
	setRate(t, c.file, unix.B9600)
	c.send("AT\r")
	c.until("OK\r\n")
}

func setRate(t *testing.T, f *os.File, rate uint32) {
	t.Helper()
	control(t, f, func(fd int) error {
		termios, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		termios.Cflag = termios.Cflag&^unix.CBAUD | rate
		return unix.IoctlSetTermios(fd, unix.TCSETS, termios)
	})
}

func control(t *testing.T, f *os.File, act func(fd int) error) {
	t.Helper()
	if err := withFD(f, act); err != nil {
		t.Fatal(err)
	}
}

// TestExclusiveUseEnds shows that a client's TIOCEXCL ends with its descriptor.
func TestExclusiveUseEnds(t *testing.T) {
	t.Parallel()
	r, _ := newRack(t, Options{})
	c, witness := dial(t, r.Modem(0)), dial(t, r.Modem(0))
	control(t, c.file, func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCEXCL, 0) })
	if err := c.file.Close(); err != nil {
		t.Fatal(err)
	}
	for begin, exclusive := time.Now(), 1; exclusive != 0; runtime.Gosched() {
		if time.Since(begin) > patience {
			t.Fatal("the port is still exclusive")
		}
		control(t, witness.file, func(fd int) (err error) {
			exclusive, err = unix.IoctlGetInt(fd, unix.TIOCGEXCL)
			return err
		})
	}
}

// TestNobodyReads floods a port that nobody has open: nothing waits, and the
// modem still takes what it is told.
func TestNobodyReads(t *testing.T) {
	t.Parallel()
	r, events := newRack(t, Options{})
	m := r.Modem(0)
	line := strings.Repeat("x", 1000)
	for range 300 {
		m.URC(line)
	}
	events.await(t, Available, m.Deliver(SMS{From: "1", Text: "x"})[0])
	c := dial(t, m)
	c.until(line)
	c.insist("ATE0\r") // what is said while the backlog is full is lost
}
