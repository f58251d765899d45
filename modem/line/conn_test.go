package line

import (
	"bufio"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"modemgate/modem/answer"
)

// peer is the modem's side of a port in memory: it answers the commands that it gets.
type peer struct {
	conn *Conn
	line net.Conn
	wg   sync.WaitGroup

	mu     sync.Mutex
	answer func(cmd string) // replaceable; what it says goes out with say
	got    []string
	urcs   []URC
}

// newPeer makes a connection that is in step with its peer.
func newPeer(t *testing.T) *peer {
	t.Helper()
	ours, theirs := net.Pipe()
	p := &peer{line: theirs}
	p.answer = p.obey
	p.conn = New(ours, func(u URC) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.urcs = append(p.urcs, u)
	})
	p.wg.Go(func() {
		for r := bufio.NewReader(theirs); ; {
			cmd, err := r.ReadString('\r')
			if err != nil {
				return
			}
			cmd = strings.Trim(cmd, "\r\x1b")
			if cmd == "" {
				continue
			}
			p.mu.Lock()
			p.got = append(p.got, cmd)
			answer := p.answer
			p.mu.Unlock()
			answer(cmd)
		}
	})
	if err := p.conn.Resync(t.Context()); err != nil {
		t.Fatalf("first resync: %v", err)
	}
	return p
}

func (p *peer) close(t *testing.T) {
	t.Helper()
	if err := p.conn.Close(); err != nil {
		t.Error(err)
	}
	if err := p.line.Close(); err != nil {
		t.Error(err)
	}
	p.wg.Wait()
}

// say puts bytes on the line.
func (p *peer) say(text string) { _, _ = p.line.Write([]byte(text)) } // the test sees what does not come

// obey answers the questions of a resync, and OK to all else.
func (p *peer) obey(cmd string) {
	if name, ok := strings.CutSuffix(cmd, "?"); ok {
		p.say("\r\n" + strings.TrimPrefix(name, "AT") + ": 1\r\n")
	}
	p.say("\r\nOK\r\n")
}

func (p *peer) answers(fn func(cmd string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = fn
}

// heard are the URCs so far.
func (p *peer) heard() []string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, u := range p.urcs {
		out = append(out, strings.TrimSpace(u.Line+" "+u.PDU))
	}
	return out
}

var (
	csq  = Spec{Cmd: "AT+CSQ", Prefix: "+CSQ", Lines: One, Timeout: 2 * time.Second}
	cmgr = Spec{Cmd: "AT+CMGR=1", Prefix: "+CMGR", Lines: Many, PDU: true, Timeout: 5 * time.Second}
	cmgd = Spec{Cmd: "AT+CMGD=1", Prefix: "+CMGD", Lines: None, Timeout: 5 * time.Second}
	creg = Spec{Cmd: "AT+CREG?", Prefix: "+CREG", Lines: One, Timeout: 2 * time.Second,
		Shape: func(rest string) bool { return strings.Contains(rest, ",") }}
)

// TestAnswers gives one command and one string of bytes, whole, byte by byte and in two
// halves, and looks at what became of it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const pdu = "0791947122723033040B919471227230330000000000000000000141"
	for _, c := range []struct {
		name  string
		spec  Spec
		bytes string
		lines []string
		urcs  []string
		err   error
	}{
		{"plain", csq, "\r\n+CSQ: 21,99\r\n\r\nOK\r\n", []string{"+CSQ: 21,99"}, nil, nil},
		{"echo", csq, "AT+CSQ\r\r\n+CSQ: 21,99\r\n\r\nOK\r\n", []string{"+CSQ: 21,99"}, nil, nil},
		{"CR CR LF", csq, "\r\r\n+CSQ: 21,99\r\r\n\r\r\nOK\r\r\n", []string{"+CSQ: 21,99"}, nil, nil},
		{"URC before, inside and behind", csq, "\r\n+CMTI: \"SM\",1\r\n\r\n+CSQ: 21,99\r\n\r\n+CMTI: \"SM\",2\r\n\r\nOK\r\n\r\nRING\r\n",
			[]string{"+CSQ: 21,99"}, []string{`+CMTI: "SM",1`, `+CMTI: "SM",2`, "RING"}, nil},
		{"URC of the answer's name", creg, "\r\n+CREG: 5\r\n\r\n+CREG: 2,1\r\n\r\nOK\r\n", []string{"+CREG: 2,1"}, []string{"+CREG: 5"}, nil},
		{"URC between header and PDU", cmgr, "\r\n+CMGR: 0,,20\r\n\r\n+CMTI: \"SM\",7\r\n" + pdu + "\r\n\r\nOK\r\n",
			[]string{"+CMGR: 0,,20", pdu}, []string{`+CMTI: "SM",7`}, nil},
		{"a PDU of the line inside one of the answer", cmgr, "\r\n+CMGR: 0,,20\r\n+CMT: ,20\r\n" + pdu + "\r\n" + pdu + "\r\n\r\nOK\r\n",
			[]string{"+CMGR: 0,,20", pdu}, []string{"+CMT: ,20 " + pdu}, nil},
		{"an empty slot", cmgr, "\r\nOK\r\n", nil, nil, nil},
		{"OK of another command", csq, "\r\nOK\r\n", nil, nil, ErrOutOfStep},
		{"no answer", csq, "", nil, nil, ErrTimeout},
		{"half an answer", csq, "\r\n+CSQ: 21,", nil, nil, ErrTimeout},
		{"answer without a final result", csq, "\r\n+CSQ: 21,99\r\n", nil, nil, ErrTimeout},
		{"garbage before", csq, "\x00\xff\xfe~~\r\n\r\n+CSQ: 21,99\r\n\r\nOK\r\n", []string{"+CSQ: 21,99"}, nil, nil},
		{"no line end for 9 kB", csq, strings.Repeat("x", 9000) + "\r\n+CSQ: 21,99\r\nOK\r\n", []string{"+CSQ: 21,99"}, nil, nil},
	} {
		for _, cut := range []string{"whole", "bytes", "halves"} {
			t.Run(c.name+", "+cut, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPeer(t)
					defer p.close(t)
					p.answers(func(string) {
						switch cut {
						case "whole":
							p.say(c.bytes)
						case "bytes":
							for i := range len(c.bytes) {
								p.say(c.bytes[i : i+1])
							}
						default:
							p.say(c.bytes[:len(c.bytes)/2])
							p.say(c.bytes[len(c.bytes)/2:])
						}
					})
					lines, err := p.conn.Do(t.Context(), c.spec)
					if !errors.Is(err, c.err) || err != nil && c.err == nil {
						t.Fatalf("error %v, want %v", err, c.err)
					}
					if !slices.Equal(lines, c.lines) {
						t.Errorf("lines %q, want %q", lines, c.lines)
					}
					if got := p.heard(); !slices.Equal(got, c.urcs) {
						t.Errorf("URCs %q, want %q", got, c.urcs)
					}
					if (err != nil) != p.conn.Stale() {
						t.Errorf("stale %v after %v", p.conn.Stale(), err)
					}
				})
			})
		}
	}
}

// TestRefusal tells a modem's refusal from everything else, also when a second final
// result follows it.
func TestRefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		defer p.close(t)
		p.answers(func(string) { p.say("\r\n+CMS ERROR: 321\r\n\r\nERROR\r\n") })
		_, err := p.conn.Do(t.Context(), cmgr)
		if _, ok := errors.AsType[*answer.Error](err); !ok {
			t.Fatalf("error %v", err)
		}
		p.answers(p.obey)
		if _, err := p.conn.Do(t.Context(), cmgd); err != nil {
			t.Errorf("the command after a refusal: %v", err)
		}
	})
}

// TestLateAnswer lets the answer to a read come after its time: it is nobody's, above
// all not that of the next command, and nothing is taken before a resync.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		defer p.close(t)
		p.answers(func(string) {}) // hangs
		if _, err := p.conn.Do(t.Context(), cmgr); !errors.Is(err, ErrTimeout) {
			t.Fatalf("error %v", err)
		}
		if _, err := p.conn.Do(t.Context(), cmgd); !errors.Is(err, ErrStale) {
			t.Fatalf("a delete out of step: %v", err)
		}
		first := true
		p.answers(func(cmd string) {
			if first { // the late answer goes out before that of the resync's first question
				first = false
				p.say("\r\n+CMGR: 0,,20\r\n0791947122723033040B919471227230330000000000000000000141\r\n\r\nOK\r\n")
			}
			p.obey(cmd)
		})
		if err := p.conn.Resync(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.answers(func(string) { p.say("\r\n+CSQ: 9,99\r\n\r\nOK\r\n") })
		lines, err := p.conn.Do(t.Context(), csq)
		if err != nil || !slices.Equal(lines, []string{"+CSQ: 9,99"}) {
			t.Errorf("%q, %v", lines, err)
		}
		if slices.Contains(p.got, "AT+CMGD=1") {
			t.Error("a delete was written out of step")
		}
	})
}

// TestFlood says far more than anybody asked for, with answers between.
func TestFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		defer p.close(t)
		flood := strings.Repeat("\r\n+CMTI: \"SM\",3\r\n", 2000)
		p.answers(func(string) { p.say(flood + "\r\n+CSQ: 1,99\r\n" + flood + "\r\nOK\r\n") })
		lines, err := p.conn.Do(t.Context(), csq)
		if err != nil || !slices.Equal(lines, []string{"+CSQ: 1,99"}) {
			t.Errorf("%q, %v", lines, err)
		}
		if n := len(p.heard()); n != 4000 {
			t.Errorf("%d URCs of 4000", n)
		}
	})
}

// TestMute gives a modem up that answers nothing, after the whole rotation.
func TestMute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		defer p.close(t)
		p.answers(func(string) {})
		begun := time.Now()
		if err := p.conn.Resync(t.Context()); !errors.Is(err, ErrMute) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begun); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("given up after %v", took)
		}
	})
}

// TestPortDies ends the command in flight when the port goes, and all that come after.
func TestPortDies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		p.answers(func(string) { _ = p.line.Close() })
		for range 2 {
			if _, err := p.conn.Do(t.Context(), csq); !errors.Is(err, ErrPort) {
				t.Errorf("error %v", err)
			}
		}
		p.close(t)
	})
}

// TestCancel gives a command up with its context; what it was answered is nobody's.
func TestCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		defer p.close(t)
		p.answers(func(string) {})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := p.conn.Do(ctx, csq); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if !p.conn.Stale() {
			t.Error("in step after a command was given up")
		}
	})
}
