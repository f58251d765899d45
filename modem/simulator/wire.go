package simulator

import (
	"strings"
	"time"
)

const (
	// chunk is how many bytes a paced line passes on at once: what a USB bridge
	// packs into one transfer.
	chunk = 64
	// backlog is how many bytes wait for a client that doesn't read; what comes
	// then is dropped, as in a modem without flow control.
	backlog = 64 << 10
	// retry is when a full pty is tried again.
	retry = 50 * time.Millisecond
	// longestLine bounds a command line.
	longestLine = 1024
)

// wire is the state of one port's line.
type wire struct {
	in   []byte    // the command line so far
	rxAt time.Time // when the last byte that came has come, by the line's rate

	out     []byte
	sending int       // bytes of out that are under way
	txAt    time.Time // when they, or the last ones, are through
}

// read takes what the client writes until the port goes.
func (m *Modem) read(p port) {
	buf := make([]byte, 1024)
	for {
		n, err := p.read(buf)
		if n > 0 {
			m.do(func(now time.Time) {
				if m.port == p {
					m.input(buf[:n], now)
				}
			})
		}
		if err != nil {
			return
		}
	}
}

// byteTime is how long one byte of 8N1 takes.
func (m *Modem) byteTime() time.Duration {
	if m.rack.opts.Baud == 0 {
		return 0
	}
	return 10 * time.Second / time.Duration(m.rack.opts.Baud)
}

// input takes bytes from the client: it echoes them and queues whole command lines.
func (m *Modem) input(b []byte, now time.Time) {
	if m.wire.rxAt.Before(now) {
		m.wire.rxAt = now
	}
	m.wire.rxAt = m.wire.rxAt.Add(time.Duration(len(b)) * m.byteTime())
	if !m.hears() {
		return
	}
	for _, c := range b {
		if m.ans.prompt != nil {
			m.inputText(c)
			continue
		}
		if m.set.echo && !m.faults.hang {
			m.put([]byte{c})
		}
		switch c {
		case '\r':
			m.enqueue(string(m.wire.in))
			m.wire.in = m.wire.in[:0]
		case '\n':
		case '\b':
			if n := len(m.wire.in); n > 0 {
				m.wire.in = m.wire.in[:n-1]
			}
		default:
			if len(m.wire.in) < longestLine {
				m.wire.in = append(m.wire.in, c)
			}
		}
	}
}

// put appends bytes to what goes to the client.
func (m *Modem) put(b []byte) {
	if m.port == nil || len(m.wire.out)+len(b) > backlog {
		return
	}
	m.wire.out = append(m.wire.out, b...)
}

// putLines puts lines with the family's framing: CR LF before, between and after.
func (m *Modem) putLines(lines ...string) {
	eol := m.prof.eol()
	m.put([]byte(eol))
	for _, l := range lines {
		m.put([]byte(m.noisy(l) + eol))
	}
}

// urc puts an unsolicited result on the line, unless the modem is in no state
// to say anything or says it on another port.
func (m *Modem) urc(lines ...string) bool {
	if !m.boot.on || m.boot.stage == silent || m.faults.hang || m.faults.away {
		return false
	}
	m.putLines(lines...)
	return true
}

// transmit writes what has passed the line by now.
func (m *Modem) transmit(now time.Time) {
	w := &m.wire
	for m.port != nil && len(w.out) > 0 {
		if m.byteTime() > 0 {
			if w.sending == 0 {
				w.sending = min(chunk, len(w.out))
				if w.txAt.Before(now) {
					w.txAt = now
				}
				w.txAt = w.txAt.Add(time.Duration(w.sending) * m.byteTime())
			}
		} else {
			w.sending = len(w.out)
		}
		if w.txAt.After(now) {
			m.setAlarm(alarmTransmit, w.txAt, func(time.Time) {})
			return
		}
		n, err := m.port.write(w.out[:w.sending])
		if err != nil {
			n = w.sending // nobody will ever read it
		}
		w.out = append(w.out[:0], w.out[n:]...)
		if n < w.sending {
			w.sending -= n
			m.setAlarm(alarmTransmit, now.Add(retry), func(time.Time) {})
			return
		}
		w.sending = 0
	}
}

// answering is the state of the command interpreter.
type answering struct {
	queue  []command
	inject []string          // goes into the middle of the next answer
	prompt func(text string) // takes the text of CMGS or CMGW; nil: commands are read
	text   []byte            // what was typed at the prompt so far
}

type command struct {
	line  string
	ready time.Time // when its last byte has come
}

// enqueue takes a command line; what doesn't begin with AT is noise to a modem.
func (m *Modem) enqueue(line string) {
	at := strings.Index(strings.ToUpper(line), "AT")
	if at < 0 {
		return
	}
	if m.rack.opts.OnCommand != nil {
		m.rack.opts.OnCommand(m.index, line[at:])
	}
	if m.faults.hang {
		return
	}
	m.ans.queue = append(m.ans.queue, command{line: line[at+2:], ready: m.wire.rxAt})
	if len(m.ans.queue) == 1 {
		m.schedule()
	}
}

// schedule sets the time at which the head of the queue is answered.
func (m *Modem) schedule() {
	if len(m.ans.queue) == 0 {
		return
	}
	at := time.Now()
	if ready := m.ans.queue[0].ready; ready.After(at) {
		at = ready
	}
	m.setAlarm(alarmCommand, at.Add(m.latency()), m.answerNext)
}

func (m *Modem) latency() time.Duration {
	d := m.rack.opts.LatencyMin
	if span := m.rack.opts.LatencyMax - d; span > 0 {
		d += time.Duration(m.rand.Int64N(int64(span) + 1))
	}
	return d + m.faults.late
}

// answerNext runs the command at the head of the queue.
func (m *Modem) answerNext(time.Time) {
	c := m.ans.queue[0]
	m.ans.queue = m.ans.queue[1:]
	m.run(c.line)
	if m.ans.prompt == nil {
		m.schedule()
	}
}

// finish puts an answer on the line: information, then the final result, "" for none.
func (m *Modem) finish(info []string, final string) {
	if in := m.ans.inject; in != nil {
		m.ans.inject = nil
		at := min(1, len(info))
		info = append(append(append([]string{}, info[:at]...), in...), info[at:]...)
	}
	if len(info) > 0 {
		m.putLines(info...)
	}
	switch {
	case final == "":
	case m.set.verbose:
		m.putLines(final)
	case final == "OK":
		m.put([]byte("0\r"))
	default:
		m.put([]byte("4\r"))
	}
	if final == "OK" {
		m.flushAnnounced()
	}
}

// ask shows the prompt of CMGS and CMGW (3GPP TS 27.005 clause 4.3).
func (m *Modem) ask(take func(text string)) {
	m.ans.prompt, m.ans.text = take, nil
	m.put([]byte("\r\n> "))
}

func (m *Modem) inputText(c byte) {
	const ctrlZ, esc = 0x1a, 0x1b
	switch c {
	case ctrlZ, esc:
		take := m.ans.prompt
		m.ans.prompt = nil
		if c == ctrlZ {
			take(string(m.ans.text))
		} else {
			m.finish(nil, "OK")
		}
		m.schedule()
	default:
		if m.set.echo {
			m.put([]byte{c})
		}
		if len(m.ans.text) < longestLine {
			m.ans.text = append(m.ans.text, c)
		}
	}
}
