package line

import (
	"context"
	"slices"
	"time"
)

// escape ends a prompt that an earlier session may have left open, and half a
// command; the CR keeps it from sticking to what follows.
const (
	escape     = "\x1b\r"
	escapeTime = 20 * time.Millisecond
)

// patience is how long the answer to each question of a resync may take.
var patience = [...]time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 2 * time.Second}

// defaultProbes are questions whose answers name them, and that a session does not
// ask otherwise.
func defaultProbes() []Spec {
	var out []Spec
	for _, name := range [...]string{"+CMEE", "+CMGF", "+CSMS", "+CSCS"} {
		out = append(out, Spec{Cmd: "AT" + name + "?", Prefix: name, Lines: One})
	}
	return out
}

// SetProbes replaces the questions that Resync asks by those that this modem is
// known to answer with an information line of their own. An empty list changes nothing.
func (c *Conn) SetProbes(probes []Spec) {
	if len(probes) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probes = slices.Clone(probes)
}

// Probes are the questions that Resync asks unless SetProbes says otherwise.
func Probes() []Spec { return defaultProbes() }

// Resync brings the answers into step: it asks, in turns, questions whose answers
// name them, until one has got its own, and drops all else but URCs. The error is
// ErrMute when none is answered, the context's, or wraps ErrPort.
func (c *Conn) Resync(ctx context.Context) error {
	c.mu.Lock()
	c.stale = true
	c.open, c.ussd = nil, nil
	c.mu.Unlock()
	if err := c.write(escape); err != nil {
		return c.Err()
	}
	timer := time.NewTimer(escapeTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.done:
		return c.Err()
	}
	for _, wait := range patience {
		ok, err := c.ask(ctx, wait)
		if ok || err != nil {
			return err
		}
	}
	return ErrMute
}

// ask asks the next question of the rotation. An OK counts only behind the
// question's own information line.
func (c *Conn) ask(ctx context.Context, wait time.Duration) (ok bool, err error) {
	c.mu.Lock()
	spec := c.probes[c.probed%len(c.probes)]
	c.probed++
	spec.Timeout = wait
	cmd := &command{spec: spec, probe: true, written: true, done: make(chan struct{})}
	c.cur = cmd
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.cur = nil
		c.mu.Unlock()
	}()
	if err := c.write(spec.Cmd + "\r"); err != nil {
		return false, c.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-cmd.done:
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.err != nil {
				return false, c.err
			}
			if cmd.err == nil {
				c.stale, c.late = false, nil
				return true, nil
			}
			return false, nil // refused, by this question or by an earlier command
		case <-timer.C:
			c.mu.Lock()
			c.end(cmd, "", ErrTimeout)
			c.mu.Unlock()
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-c.done:
			return false, c.Err()
		}
	}
}
