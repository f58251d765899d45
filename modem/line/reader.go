package line

import (
	"fmt"
	"strings"
	"time"

	"modemgate/modem/answer"
)

const (
	maxLine    = 4096 // longer is noise: the longest real line, a PDU in CMGL, has about 400
	maxBetween = 8    // lines that may stand between a header and its PDU
	ussdLines  = 16
	ussdTime   = time.Second
)

// splitter cuts bytes into lines. CR, LF and any row of them end a line; NUL is
// dropped. It is one goroutine's.
type splitter struct {
	line  func(text string)
	buf   []byte
	skip  bool   // the rest of an overlong line
	noise uint64 // bytes that no modem's dialogue has
}

func (s *splitter) feed(p []byte) {
	for _, b := range p {
		switch {
		case b == '\r' || b == '\n':
			if !s.skip {
				if text := strings.TrimSpace(string(s.buf)); text != "" {
					s.line(text)
				}
			}
			s.skip, s.buf = false, s.buf[:0]
		case s.skip:
		case b == 0:
			s.noise++
		case len(s.buf) == maxLine:
			s.skip, s.buf = true, s.buf[:0]
			s.noise++
		default:
			if b >= 0x80 || b < ' ' && b != '\t' && b != 0x1a && b != 0x1b {
				s.noise++
			}
			s.buf = append(s.buf, b)
		}
	}
}

// read feeds the splitter until the port is dead.
func (c *Conn) read() {
	defer close(c.done)
	buf := make([]byte, 512) // the longest line fits; a rack has many readers
	for {
		n, err := c.port.Read(buf)
		c.split.feed(buf[:n])
		if c.split.noise > 0 {
			c.mu.Lock()
			c.noise += c.split.noise
			c.mu.Unlock()
			c.split.noise = 0
		}
		if err != nil {
			c.fail(fmt.Errorf("%w: reading: %w", ErrPort, err))
			return
		}
	}
}

// take decides what a line is; URCs are handed over outside of the lock.
func (c *Conn) take(line string) {
	now := time.Now()
	c.mu.Lock()
	urcs := c.classify(line, now)
	c.mu.Unlock()
	for _, u := range urcs {
		c.sink(u)
	}
}

// classify follows, in this order, the rules that were found by measuring real and
// simulated modems: the rest of a USSD text; a PDU; a final result; an information
// line; a URC; noise.
func (c *Conn) classify(line string, now time.Time) []URC {
	if u := c.ussd; u != nil {
		u.Line += "\n" + line
		c.ussdLeft--
		if !oddQuotes(line) && c.ussdLeft > 0 && now.Sub(u.At) < ussdTime {
			return nil
		}
		c.ussd = nil
		return []URC{*u}
	}
	if len(c.open) > 0 && isHex(line) {
		return c.payload(line)
	}
	lost := c.passHeaders()
	cmd := c.cur
	if cmd != nil && (cmd.ended || !cmd.written) {
		cmd = nil
	}
	if final, _ := answer.Final(line); final && (!isWord(line) || cmd == nil) {
		switch {
		case cmd != nil && cmd.probe && cmd.infos == 0 && line == "OK":
			// another command's: a probe's own comes behind its line
		case cmd != nil:
			c.end(cmd, line, nil)
		case isWord(line): // NO CARRIER and its kin
			return append(lost, URC{Line: line, At: now})
		case now.Sub(c.lastErr) < 2*afterError+5*time.Millisecond:
			// the second final result of a command that failed
		default:
			c.stale = true // somebody's answer: those that follow may be off by one
		}
		return lost
	}
	if cmd != nil && (cmd.infos == 0 || cmd.spec.Lines == Many) && cmd.spec.answers(line) {
		c.info(cmd, line)
		return lost
	}
	for i := range c.late {
		if c.late[i].answers(line) && c.late[i].Prefix != "" {
			if c.late[i].PDU {
				c.open = append(c.open, &header{line: line, left: maxBetween})
			}
			return lost
		}
	}
	switch {
	case isNamed(line) || isWord(line):
		u := URC{Line: line, At: now}
		switch {
		case strings.HasPrefix(line, "+CUSD:") && oddQuotes(line):
			c.ussd, c.ussdLeft = &u, ussdLines
			return lost
		case isDirect(line):
			c.open = append(c.open, &header{line: line, urc: &u, left: maxBetween})
			return lost
		}
		return append(lost, u)
	case isEcho(line):
	default:
		c.noise++
	}
	return lost
}

// info takes an information line of the command in flight.
func (c *Conn) info(cmd *command, line string) {
	cmd.lines = append(cmd.lines, line)
	cmd.infos++
	if cmd.spec.PDU {
		c.open = append(c.open, &header{line: line, cmd: cmd, left: maxBetween})
	}
	if cmd.spec.NoFinal {
		wait := quietEnd
		if c.noFinal[cmd.spec.Cmd] {
			wait = learntEnd
		}
		cmd.timer.Stop()
		cmd.timer = time.AfterFunc(wait, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.noFinal[cmd.spec.Cmd] = true
			c.end(cmd, "OK", nil)
		})
	}
}

// payload gives a line of hex digits to the header whose length fits; when both or
// none do, to the later one.
func (c *Conn) payload(pdu string) []URC {
	at := len(c.open) - 1
	for i := at; i >= 0; i-- {
		if fits(c.open[i].line, pdu) {
			at = i
			break
		}
	}
	h := c.open[at]
	c.open = append(c.open[:at], c.open[at+1:]...)
	switch {
	case h.urc != nil:
		h.urc.PDU = pdu
		return []URC{*h.urc}
	case h.cmd != nil && !h.cmd.ended:
		h.cmd.lines = append(h.cmd.lines, pdu)
	}
	return nil
}

// passHeaders counts a line that stands between a header and its PDU. A header that
// has waited for too long is given up: a URC is handed over without.
func (c *Conn) passHeaders() []URC {
	var lost []URC
	for i := 0; i < len(c.open); i++ {
		h := c.open[i]
		if h.left--; h.left >= 0 {
			continue
		}
		c.open = append(c.open[:i], c.open[i+1:]...)
		i--
		if h.urc != nil {
			lost = append(lost, *h.urc)
		}
	}
	return lost
}
