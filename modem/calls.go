package modem

import (
	"context"
	"strings"
	"time"

	"modemgate/modem/answer"
	"modemgate/modem/line"
)

const (
	clipTime  = 400 * time.Millisecond // the caller's number follows the first ring within it
	ringsOver = 9 * time.Second        // a call without another ring has ended
)

// calling is the one call that a modem can have.
type calling struct {
	call     *Call // nil: none
	told     bool  // the sink knows of it
	ended    bool
	rejected bool
	callAt   time.Time // when something is to be done about it; zero: nothing is
}

// ring takes what a modem says of a call: RING or +CRING, +CLIP, and that it is over.
func (s *session) ring(u line.URC) {
	name, _, _ := strings.Cut(u.Line, ":")
	switch name {
	case "RING", "+CRING":
		if s.call != nil && s.ended {
			return // told of next; this ring comes again
		}
		if s.call == nil {
			s.calling = calling{call: &Call{Slot: s.status.Slot, ICCID: s.status.ICCID, Started: u.At}}
			s.callAt = u.At.Add(clipTime)
		}
		s.call.Rings++
		if s.told && !s.rejected {
			s.callAt = u.At.Add(ringsOver)
		}
	case "+CLIP":
		c, err := answer.CLIP(u.Line)
		if err != nil || s.call == nil || s.told {
			return
		}
		s.call.From = c.Number
		if c.Type == 145 && c.Number != "" && c.Number[0] != '+' {
			s.call.From = "+" + c.Number
		}
		s.callAt = u.At
	case "NO CARRIER", "*ECAV", "^CEND":
		if s.call != nil && !s.ended {
			s.ended, s.call.Ended, s.callAt = true, u.At, u.At
		}
	}
}

func (s *session) callDue(now time.Time) bool {
	return s.call != nil && !s.callAt.IsZero() && !now.Before(s.callAt)
}

// handleCall tells of the call that rings, frees the line unless it is to ring, and
// tells of its end.
func (s *session) handleCall(ctx context.Context) error {
	now := time.Now()
	if !s.told {
		s.told = true
		ringing := *s.call
		ringing.Ended = time.Time{}
		s.o.Sink.Call(ringing)
		if s.ended {
			return nil
		}
		s.callAt = now.Add(ringsOver)
		if !s.o.LetRing {
			s.rejected = true
			if _, err := s.do(ctx, line.Spec{Cmd: "AT+CHUP", Timeout: normal}); refused(err) {
				if _, err = s.try(ctx, line.Spec{Cmd: "ATH", Timeout: normal}); err != nil {
					return err
				}
			} else if err != nil {
				return err
			}
			s.ended, s.call.Ended, s.callAt = true, time.Now(), time.Now()
		}
		return nil
	}
	if !s.ended {
		s.call.Ended = now
	}
	s.o.Sink.Call(*s.call)
	s.calling = calling{}
	return nil
}
