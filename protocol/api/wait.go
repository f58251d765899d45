package api

import (
	"net/http"
	"regexp"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
)

const (
	defaultWait = 60.0
	longestWait = 86400.0
	maxRegex    = 1024
)

func postWait(x *exchange) error {
	var body protocol.WaitRequest
	if _, err := x.read(&body); err != nil {
		return err
	}
	req, err := waitRequest(&body)
	if err != nil {
		return err
	}
	if req.Number != "" && !x.client.can(pool.ScopeRead) {
		return &pool.Error{Code: pool.Forbidden, Detail: "waiting by number needs the scope read"}
	}
	x.patient(time.Minute)
	res, err := x.h.pool.Wait(x.r.Context(), x.app(), req)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, waitAnswer(res, req.Call))
}

func waitRequest(b *protocol.WaitRequest) (req pool.WaitRequest, err error) {
	invalid := func(name, why string) (pool.WaitRequest, error) {
		return req, &protocol.Invalid{Name: name, Why: why}
	}
	switch {
	case b.Reservation == nil && b.Number == nil, b.Reservation != nil && b.Number != nil:
		return invalid("reservation", "exactly one of reservation and number must be given")
	case b.Number != nil && !pool.IsNumber(*b.Number):
		return invalid("number", "not a number such as +4915112345678")
	}
	req.Number = text(b.Number)
	if b.Reservation != nil {
		id, ok := protocol.ParseID(protocol.ReservationID, *b.Reservation)
		if !ok {
			return req, &pool.Error{Code: pool.NotFound}
		}
		req.Reservation = pool.ID(id)
	}
	switch text(b.Kind) {
	case "", "sms":
	case "call":
		req.Call = true
	default:
		return invalid("kind", "must be sms or call")
	}
	switch text(b.Expect) {
	case "", "message":
	case "none":
		req.None = true
	default:
		return invalid("expect", "must be message or none")
	}
	if m := b.Match; m != nil {
		req.From, req.Contains = text(m.From), text(m.Contains)
		if m.Regex != nil {
			if len(*m.Regex) > maxRegex {
				return invalid("match.regex", "at most 1 kB")
			}
			if req.Regex, err = regexp.Compile(*m.Regex); err != nil {
				return invalid("match.regex", err.Error())
			}
		}
	}
	req.MinCount = 1
	if b.MinCount != nil {
		if *b.MinCount < 1 || *b.MinCount > 1000 {
			return invalid("min_count", "must be from 1 to 1000")
		}
		req.MinCount = int(*b.MinCount)
	}
	if b.Since != nil {
		req.Since = time.Time(*b.Since)
	}
	if b.After != nil {
		id, ok := protocol.ParseID(protocol.MessageID, *b.After)
		if !ok {
			return invalid("after", "not what an answer said")
		}
		req.After = pool.ID(id)
	}
	seconds := defaultWait
	switch {
	case b.Timeout != nil && b.Deadline != nil:
		return invalid("timeout_s", "only one of timeout_s and deadline may be given")
	case b.Timeout != nil:
		seconds = *b.Timeout
		if seconds < 0 || seconds > longestWait {
			return invalid("timeout_s", "must be from 0 to 86400")
		}
	case b.Deadline != nil:
		req.Deadline = time.Time(*b.Deadline)
	}
	req.Timeout = time.Duration(seconds * float64(time.Second))
	return req, nil
}

func waitAnswer(res *pool.WaitResult, calls bool) protocol.WaitAnswer {
	out := protocol.WaitAnswer{
		Outcome: string(res.Outcome), Messages: []any{}, NearMisses: []protocol.NearMiss{}, Deadline: protocol.OptionalTime(res.Deadline),
		After:    protocol.ID(protocol.MessageID, uint64(res.After)),
		Receiver: protocol.Receiver{State: protocol.Optional(res.Receiver.State), Reason: protocol.Optional(string(res.Receiver.Reason))},
	}
	for _, m := range res.Messages {
		out.Messages = append(out.Messages, Message(m))
	}
	for _, c := range res.Calls {
		out.Messages = append(out.Messages, Call(c))
	}
	prefix := protocol.MessageID
	if calls {
		prefix = protocol.CallID
	}
	for _, n := range res.NearMisses {
		out.NearMisses = append(out.NearMisses, protocol.NearMiss{ID: protocol.ID(prefix, uint64(n.ID)), Failed: n.Failed})
	}
	return out
}
