package line

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/warthog618/modem/at"

	"modemgate/modem/answer"
)

// Errors that callers tell apart. Those of a dead port wrap what the port said.
var (
	// ErrTimeout means that no answer came in time: a Resync must follow.
	ErrTimeout = errors.New("no answer in time")
	// ErrOutOfStep means that the answer can't be this command's: a Resync must follow.
	ErrOutOfStep = errors.New("answers are out of step")
	// ErrStale means that nothing was written because a Resync must come first.
	ErrStale = errors.New("a resync must come first")
	// ErrMute means that a Resync failed: the port should be opened anew.
	ErrMute = errors.New("the modem does not answer")
	// ErrPort means that the port is dead: hung up, unplugged, closed, or not taking what is written.
	ErrPort = errors.New("port failed")
)

const (
	writeTimeout = 3 * time.Second      // a port that takes nothing for so long is dead
	afterError   = 2 * time.Millisecond // a second final result may follow one that is an error
	quietEnd     = time.Second          // ends an answer whose final result never comes
	learntEnd    = 50 * time.Millisecond
	safety       = 10 * time.Second // beyond our own time limit: the AT library's must never strike
)

// Port is what a connection stands on. A write deadline must work on a blocked
// Write, and Close must unblock Read and Write.
type Port interface {
	io.ReadWriteCloser
	SetWriteDeadline(t time.Time) error
}

// URC is one unsolicited result code.
type URC struct {
	Line string
	PDU  string    // the line of hex digits after +CMT, +CDS and +CBM; empty when it was lost
	At   time.Time // when its line end had come
}

// Conn is a connection to one modem. One goroutine may use Do, Resync and Close;
// the other methods may be called by any.
type Conn struct {
	port Port
	sink func(URC)
	at   *at.AT
	done chan struct{} // the reader has ended

	split splitter // the reader's

	mu       sync.Mutex
	wake     *sync.Cond // on mu: out or err has changed
	out      []byte     // for the AT library
	err      error      // why the port is dead
	cur      *command   // in flight
	late     []Spec     // commands that timed out since the last resync
	stale    bool
	probes   []Spec
	probed   int             // turns of the rotation so far
	open     []*header       // that wait for their PDU, oldest first
	ussd     *URC            // that waits for its closing quote
	ussdLeft int             // lines it may still take
	noFinal  map[string]bool // commands that were seen to end without a final result
	lastErr  time.Time       // when the last error came as a final result
	noise    uint64          // lines and bytes that were no dialogue
}

// header is a line that is followed by a PDU: of an answer, or a URC.
type header struct {
	line string
	urc  *URC
	cmd  *command
	left int // lines that may still stand between
}

// command is one command on its way.
type command struct {
	spec    Spec
	lines   []string
	infos   int
	written bool
	ended   bool
	err     error
	timer   *time.Timer
	done    chan struct{} // closed at its end; probes wait on it
	probe   bool
}

// New starts reading port, which it owns from now on. The connection is out of
// step until the first Resync. sink gets every URC in the order of arrival, from the
// reading goroutine: it must not block.
func New(port Port, sink func(URC)) *Conn {
	c := &Conn{port: port, sink: sink, done: make(chan struct{}), stale: true, probes: defaultProbes(), noFinal: map[string]bool{}}
	c.wake = sync.NewCond(&c.mu)
	c.split = splitter{line: c.take}
	c.at = at.New((*stream)(c))
	go c.read()
	return c
}

// Close closes the port and waits until every goroutine of the connection has ended.
func (c *Conn) Close() error {
	err := c.port.Close()
	c.fail(fmt.Errorf("%w: closed", ErrPort))
	<-c.done
	<-c.at.Closed()
	return err
}

// Done is closed when the port can no longer be read.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err says why the port is dead, nil while it is not.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Stale says whether a Resync must come before the next command.
func (c *Conn) Stale() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stale
}

// Noise counts what was no dialogue. When it has moved during an answer, a legal
// shape proves nothing: bits may have flipped.
func (c *Conn) Noise() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.noise
}

// Do sends a command and returns its information lines, PDUs among them. The error
// is an [*answer.Error] when the modem refused; ErrTimeout, ErrOutOfStep or the
// context's, after which a Resync must follow; ErrStale; or wraps ErrPort.
func (c *Conn) Do(ctx context.Context, spec Spec) ([]string, error) {
	cmd := &command{spec: spec, done: make(chan struct{})}
	c.mu.Lock()
	switch {
	case c.err != nil:
		c.mu.Unlock()
		return nil, c.err
	case c.stale:
		c.mu.Unlock()
		return nil, ErrStale
	}
	c.cur = cmd
	c.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { c.giveUp(cmd, context.Cause(ctx)) })
	_, err := c.at.Command(spec.Cmd[len("AT"):], at.WithTimeout(spec.Timeout+safety))
	stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !cmd.ended { // the library gave up before we did: port dead, or its safety net
		if c.err == nil {
			c.err = fmt.Errorf("%w: %w", ErrPort, err)
		}
		c.end(cmd, "", c.err)
	}
	c.cur = nil
	if cmd.err != nil {
		return nil, cmd.err
	}
	return cmd.lines, nil
}

// stream is the side of a Conn that the AT library sees.
type stream Conn

// Read gives the library its final results; io.EOF when the port is dead.
func (s *stream) Read(p []byte) (int, error) {
	c := (*Conn)(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) == 0 {
		if c.err != nil {
			return 0, io.EOF
		}
		c.wake.Wait()
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

// Write takes a command line from the library. One that was given up before gets its
// final result here, since the library takes none for a command it has not written.
func (s *stream) Write(p []byte) (int, error) {
	c := (*Conn)(s)
	c.mu.Lock()
	cmd := c.cur
	pause := time.Until(c.lastErr.Add(afterError))
	c.mu.Unlock()
	if cmd == nil {
		return len(p), nil // the library's own escape: ours is in Resync
	}
	if pause > 0 {
		timer := time.NewTimer(pause)
		<-timer.C
	}
	c.mu.Lock()
	cmd.written = true
	if cmd.ended {
		c.final("ERROR")
		c.mu.Unlock()
		return len(p), nil
	}
	cmd.timer = time.AfterFunc(cmd.spec.Timeout, func() { c.giveUp(cmd, ErrTimeout) })
	c.mu.Unlock()
	if err := c.write(cmd.spec.Cmd + "\r"); err != nil {
		return 0, err
	}
	return len(p), nil
}

// write puts text on the line. A port that does not take it is dead.
func (c *Conn) write(text string) error {
	err := c.port.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		_, err = io.WriteString(c.port, text)
	}
	if err != nil {
		c.fail(fmt.Errorf("%w: writing: %w", ErrPort, err))
	}
	return err
}

// fail declares the port dead; the first reason stays.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	if c.cur != nil {
		c.end(c.cur, "", c.err)
	}
	c.wake.Broadcast()
}

// giveUp ends a command that gets no answer any more. What comes late is nobody's.
func (c *Conn) giveUp(cmd *command, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cmd.ended {
		return
	}
	if cmd.written {
		c.stale = true
		c.late = append(c.late, cmd.spec)
	}
	c.end(cmd, "+CME ERROR: given up", why)
}

// end ends a command with the modem's final result, or why there is none.
func (c *Conn) end(cmd *command, final string, err error) {
	if cmd.ended {
		return
	}
	cmd.ended = true
	if cmd.timer != nil {
		cmd.timer.Stop()
	}
	cmd.err = err
	for i := 0; i < len(c.open); i++ { // headers that wait for a PDU of this answer
		if c.open[i].cmd == cmd {
			c.open = append(c.open[:i], c.open[i+1:]...)
			i--
		}
	}
	if err == nil {
		if _, refusal := answer.Final(final); refusal != nil {
			cmd.err = refusal
			c.lastErr = time.Now()
		} else if cmd.spec.Lines == One && cmd.infos == 0 {
			cmd.err = ErrOutOfStep
			c.stale = true
		}
	}
	close(cmd.done)
	if !cmd.probe && cmd.written && final != "" {
		c.final(libraryFinal(final))
	}
}

// final hands the library the final result of the command it has written.
func (c *Conn) final(text string) {
	c.out = append(c.out, text...)
	c.out = append(c.out, '\r', '\n')
	c.wake.Signal()
}

// libraryFinal is a final result in words that the AT library knows.
func libraryFinal(line string) string {
	if _, refusal := answer.Final(line); refusal != nil {
		return "ERROR"
	}
	return "OK"
}
