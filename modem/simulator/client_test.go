package simulator

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; nothing waits that long unless it fails.
const patience = 60 * time.Second

// watch is the events of a rack, to wait on.
type watch chan Event

func newRack(t *testing.T, o Options) (*Rack, watch) {
	t.Helper()
	o.Dir = t.TempDir()
	events := make(watch, 10000)
	o.OnEvent = func(e Event) { events <- e }
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		left, err := os.ReadDir(o.Dir)
		if err != nil || len(left) > 0 {
			t.Errorf("ports left behind: %v %v", left, err)
		}
	})
	return r, events
}

// await takes events until one of that kind and message came.
func (w watch) await(t *testing.T, kind EventKind, id uint64) Event {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e := <-w:
			if e.Kind == kind && e.MessageID == id {
				return e
			}
		case <-timeout:
			t.Fatalf("no event %s of message %d", kind, id)
		}
	}
}

// client is a program that has a port open.
type client struct {
	t    *testing.T
	file *os.File
	got  []byte // read and not yet taken
}

func dial(t *testing.T, m *Modem) *client {
	t.Helper()
	f, err := os.OpenFile(m.Port(), os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // some tests have closed it
	return &client{t: t, file: f}
}

func (c *client) send(line string) {
	c.t.Helper()
	if err := c.file.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.file.WriteString(line); err != nil {
		c.t.Fatalf("writing %q: %v", line, err)
	}
}

// until reads up to and with the first of the marks.
func (c *client) until(marks ...string) string {
	c.t.Helper()
	if err := c.file.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		for _, mark := range marks {
			if at := bytes.Index(c.got, []byte(mark)); at >= 0 {
				taken := string(c.got[:at+len(mark)])
				c.got = c.got[at+len(mark):]
				return taken
			}
		}
		n, err := c.file.Read(buf)
		if err != nil {
			c.t.Fatalf("waiting for %q after %.400q: %v", marks, c.got, err)
		}
		c.got = append(c.got, buf[:n]...)
	}
}

// ask sends a command and returns the lines of its answer, the final result last.
// The modem must have echo off.
func (c *client) ask(command string) []string {
	c.t.Helper()
	c.send(command + "\r")
	return lines(c.until("OK\r\n", "OK\r\r\n", "ERROR\r\n", "SUPPORT\r\n", "ERROR: 10\r\n", "ERROR: 11\r\n", "ERROR: 12\r\n",
		"ERROR: 14\r\n", "ERROR: 16\r\n", "ERROR: 302\r\n", "ERROR: 303\r\n", "ERROR: 310\r\n", "ERROR: 321\r\n", "ERROR: 340\r\n"))
}

// want asks and compares all lines.
func (c *client) want(command string, answer ...string) {
	c.t.Helper()
	if got := c.ask(command); !slices.Equal(got, answer) {
		c.t.Errorf("%s: got %q, want %q", command, got, answer)
	}
}

// setUp is what a host does first.
func (c *client) setUp() *client {
	c.t.Helper()
	c.send("ATE0\r")
	c.until("OK\r\n", "OK\r\r\n")
	c.want("AT+CMEE=1", "OK")
	c.want("AT+CMGF=0", "OK")
	return c
}

func lines(s string) []string {
	var all []string
	for l := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '\r' || r == '\n' }) {
		all = append(all, l)
	}
	return all
}

func ids(messages []Message) []uint64 {
	var all []uint64
	for _, m := range messages {
		all = append(all, m.ID)
	}
	return all
}

func kinds(events []Event, id uint64) []EventKind {
	var all []EventKind
	for _, e := range events {
		if e.MessageID == id {
			all = append(all, e.Kind)
		}
	}
	return all
}
