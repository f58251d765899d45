package simulator

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// memoryDepth is how many bytes wait for a client, as in a pty; what comes then waits in
// the modem.
const memoryDepth = 4096

// memoryPort is a port without a file: what the client does takes no system call, so it
// works in the virtual time of testing/synctest.
type memoryPort struct {
	mu      sync.Mutex
	changed *sync.Cond
	to      []byte // the modem
	from    []byte
	client  *Client // that has it open; nil: nobody has
	stopped bool    // the modem takes nothing
	gone    bool
}

func newMemoryPort() *memoryPort {
	p := &memoryPort{}
	p.changed = sync.NewCond(&p.mu)
	return p
}

func (p *memoryPort) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.to) == 0 || p.stopped {
		if p.gone {
			return 0, io.EOF
		}
		p.changed.Wait()
	}
	n := copy(b, p.to)
	p.to = p.to[n:]
	p.changed.Broadcast()
	return n, nil
}

func (p *memoryPort) write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(b), memoryDepth-len(p.from))
	p.from = append(p.from, b[:n]...)
	p.changed.Broadcast()
	return n, nil
}

func (p *memoryPort) stopClient(stop bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = stop
	p.changed.Broadcast()
	return nil
}

// rate is any: a port in memory has none.
func (p *memoryPort) rate() (uint32, error) { return 0, nil }

func (p *memoryPort) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.changed.Broadcast()
	return nil
}

// Client is the client's side of a port in memory. One goroutine reads it and one writes.
type Client struct {
	port     *memoryPort
	deadline time.Time // of a write
	timer    *time.Timer
	closed   bool
}

// errBusy means that a port is open already.
var errBusy = errors.New("simulator: the port is open")

// Open opens the port of a rack in memory by its path in Dir, as a program opens a tty.
// What waits there from before is dropped.
func (r *Rack) Open(path string) (*Client, error) {
	for _, m := range r.modems {
		m.mu.Lock()
		p, is := m.port.(*memoryPort)
		found := is && filepath.Join(r.opts.Dir, m.name) == path
		m.mu.Unlock()
		if !found {
			continue
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.client != nil {
			return nil, errBusy
		}
		p.client, p.from = &Client{port: p}, nil
		return p.client, nil
	}
	return nil, fmt.Errorf("opening %s: %w", path, os.ErrNotExist)
}

// Read implements io.Reader. It ends with an error when either side closes.
func (c *Client) Read(b []byte) (int, error) {
	p := c.port
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.from) == 0 {
		switch {
		case c.closed:
			return 0, os.ErrClosed
		case p.gone:
			return 0, io.EOF
		}
		p.changed.Wait()
	}
	n := copy(b, p.from)
	p.from = p.from[n:]
	return n, nil
}

// Write implements io.Writer. It waits while the modem takes nothing, until the deadline.
func (c *Client) Write(b []byte) (n int, err error) {
	p := c.port
	p.mu.Lock()
	defer p.mu.Unlock()
	for n < len(b) {
		switch {
		case c.closed:
			return n, os.ErrClosed
		case p.gone:
			return n, io.EOF
		case !c.deadline.IsZero() && !time.Now().Before(c.deadline):
			return n, os.ErrDeadlineExceeded
		}
		room := memoryDepth - len(p.to)
		if room == 0 {
			p.changed.Wait()
			continue
		}
		more := min(room, len(b)-n)
		p.to = append(p.to, b[n:n+more]...)
		n += more
		p.changed.Broadcast()
	}
	return n, nil
}

// SetWriteDeadline bounds writes; the zero time takes the bound away.
func (c *Client) SetWriteDeadline(t time.Time) error {
	p := c.port
	p.mu.Lock()
	defer p.mu.Unlock()
	c.deadline = t
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if !t.IsZero() {
		c.timer = time.AfterFunc(time.Until(t), func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.changed.Broadcast()
		})
	}
	p.changed.Broadcast()
	return nil
}

// Close lets the port go.
func (c *Client) Close() error {
	p := c.port
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.closed {
		return os.ErrClosed
	}
	c.closed = true
	if c.timer != nil {
		c.timer.Stop()
	}
	p.client, p.to = nil, nil
	p.changed.Broadcast()
	return nil
}
