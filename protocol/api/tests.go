package api

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"modemgate/pool"
	"modemgate/protocol"
)

// Bounds of a test's request.
const (
	maxText     = 2000 // characters
	maxLabels   = 32
	maxLabel    = 200 // bytes of a name or a value
	maxProvider = 256 // bytes of a provider's id
	maxTokenLen = 64  // of a caller's own
)

// TestRequest reads what a test is to do, with the defaults of what is left out.
func TestRequest(b *protocol.TestRequest) (req pool.TestRequest, err error) {
	req = pool.TestRequest{
		Token: pool.Token{Length: 6}, Deadline: 120 * time.Second, Degraded: 20 * time.Second, Late: 24 * time.Hour, Count: 1,
	}
	switch text(b.Kind) {
	case "", "sms":
	case "call":
		req.Call = true
	default:
		return req, &protocol.Invalid{Name: "kind", Why: "must be sms or call"}
	}
	for _, read := range []func(*protocol.TestRequest, *pool.TestRequest) error{readSelect, readToken, readText, readExpect, readTimes, readLabels} {
		if err := read(b, &req); err != nil {
			return req, err
		}
	}
	return req, nil
}

func readSelect(b *protocol.TestRequest, req *pool.TestRequest) error {
	s := b.Select
	if s == nil {
		return &protocol.Invalid{Name: "select", Why: "is missing: name numbers, or say each"}
	}
	if s.Numbers != nil {
		req.Numbers = *s.Numbers
		switch {
		case s.Country != nil || s.Operator != nil || s.Tag != nil || s.Each != nil || s.Count != nil:
			return &protocol.Invalid{Name: "select.numbers", Why: "stands alone, without other choices"}
		case len(req.Numbers) == 0 || len(req.Numbers) > pool.MaxCount:
			return &protocol.Invalid{Name: "select.numbers", Why: fmt.Sprintf("must be 1 to %d numbers", pool.MaxCount)}
		}
		seen := map[string]bool{}
		for _, n := range req.Numbers {
			if !pool.IsNumber(n) || seen[n] {
				return &protocol.Invalid{Name: "select.numbers", Why: "must be different numbers such as +4915112345678"}
			}
			seen[n] = true
		}
		return nil
	}
	req.Country, req.Operator, req.Tag = text(s.Country), text(s.Operator), text(s.Tag)
	switch text(s.Each) {
	case "operator", "":
		req.EachOperator = true
	case "number":
	default:
		return &protocol.Invalid{Name: "select.each", Why: "must be operator or number"}
	}
	if s.Count != nil {
		if *s.Count < 1 || *s.Count > pool.MaxCount {
			return &protocol.Invalid{Name: "select.count", Why: fmt.Sprintf("must be from 1 to %d", pool.MaxCount)}
		}
		req.Count = int(*s.Count)
	}
	return nil
}

func readToken(b *protocol.TestRequest, req *pool.TestRequest) error {
	if b.Token == nil {
		return nil
	}
	switch text(b.Token.Alphabet) {
	case "", "digits":
	case "upper":
		req.Token.Upper = true
	default:
		return &protocol.Invalid{Name: "token.alphabet", Why: "must be digits or upper"}
	}
	if n := b.Token.Length; n != nil {
		if *n < pool.MinToken || *n > pool.MaxToken {
			return &protocol.Invalid{Name: "token.length", Why: fmt.Sprintf("must be from %d to %d", pool.MinToken, pool.MaxToken)}
		}
		req.Token.Length = int(*n)
	}
	return nil
}

func readText(b *protocol.TestRequest, req *pool.TestRequest) error {
	if b.Send != nil {
		if b.Send.Provider == nil || *b.Send.Provider == "" {
			return &protocol.Invalid{Name: "send.provider", Why: "must name a [[provider]]"}
		}
		req.Provider = *b.Send.Provider
		switch {
		case req.Call:
			return &protocol.Invalid{Name: "send", Why: "no provider makes calls: leave it out, and call the number"}
		case b.Text == nil:
			return &protocol.Invalid{Name: "text", Why: "is missing: a provider needs one"}
		case b.SentAt != nil:
			return &protocol.Invalid{Name: "sent_at", Why: "modemgate knows when it sends"}
		}
	}
	if b.SentAt != nil {
		req.SentAt = time.Time(*b.SentAt)
		if d := time.Until(req.SentAt); d > time.Minute || d < -pool.MaxDeadline {
			return &protocol.Invalid{Name: "sent_at", Why: "lies in the future, or more than a day back"}
		}
	}
	if b.Text == nil {
		return nil
	}
	req.Text = *b.Text
	switch {
	case req.Call:
		return &protocol.Invalid{Name: "text", Why: "a call has none"}
	case !strings.Contains(req.Text, "{token}"):
		return &protocol.Invalid{Name: "text", Why: "must hold {token}, where each item's own token goes"}
	case utf8.RuneCountInString(req.Text) > maxText:
		return &protocol.Invalid{Name: "text", Why: fmt.Sprintf("at most %d characters", maxText)}
	}
	return nil
}

func readExpect(b *protocol.TestRequest, req *pool.TestRequest) error {
	req.Expect.Text = pool.TextExact
	if req.Text == "" {
		req.Expect.Text = pool.TextAnything
	}
	e := b.Expect
	if e == nil {
		return nil
	}
	if e.From != nil {
		req.Expect.From = *e.From
	}
	if e.SMSC != nil {
		req.Expect.SMSC = *e.SMSC
	}
	if len(req.Expect.From) > 100 || len(req.Expect.SMSC) > 100 {
		return &protocol.Invalid{Name: "expect", Why: "at most 100 senders and 100 service centres"}
	}
	if e.Text != nil {
		switch rule := pool.TextRule(*e.Text); rule {
		case pool.TextExact, pool.TextNormalised, pool.TextAnything:
			req.Expect.Text = rule
		default:
			return &protocol.Invalid{Name: "expect.text", Why: "must be exact, normalised or contains_token"}
		}
		if req.Text == "" && req.Expect.Text != pool.TextAnything {
			return &protocol.Invalid{Name: "expect.text", Why: "needs a text; without one only contains_token can be expected"}
		}
	}
	if e.Parts != nil {
		if *e.Parts < 1 || *e.Parts > 255 {
			return &protocol.Invalid{Name: "expect.parts", Why: "must be from 1 to 255"}
		}
		req.Expect.Parts = int(*e.Parts)
	}
	return nil
}

func readTimes(b *protocol.TestRequest, req *pool.TestRequest) error {
	for _, f := range []struct {
		name      string
		given     *float64
		low, high time.Duration
		out       *time.Duration
	}{
		{"deadline_s", b.Deadline, time.Second, pool.MaxDeadline, &req.Deadline},
		{"degraded_s", b.Degraded, 0, pool.MaxDeadline, &req.Degraded},
		{"late_s", b.Late, 0, pool.MaxLate, &req.Late},
	} {
		if f.given == nil {
			continue
		}
		v := *f.given
		if math.IsNaN(v) || v < f.low.Seconds() || v > f.high.Seconds() {
			return &protocol.Invalid{Name: f.name, Why: fmt.Sprintf("must be from %g to %g", f.low.Seconds(), f.high.Seconds())}
		}
		*f.out = time.Duration(v * float64(time.Second))
	}
	return nil
}

func readLabels(b *protocol.TestRequest, req *pool.TestRequest) error {
	req.Labels = map[string]string{}
	if b.Labels == nil {
		return nil
	}
	for name, value := range *b.Labels {
		if name == "" || len(name) > maxLabel || len(value) > maxLabel || len(*b.Labels) > maxLabels {
			return &protocol.Invalid{Name: "labels", Why: fmt.Sprintf("at most %d, names and values of at most %d bytes", maxLabels, maxLabel)}
		}
		req.Labels[name] = value
	}
	return nil
}

func postTest(x *exchange) error {
	var body protocol.TestRequest
	raw, err := x.read(&body)
	if err != nil {
		return err
	}
	req, err := TestRequest(&body)
	if err != nil {
		return err
	}
	if req.Idempotency, err = x.idempotency(raw); err != nil {
		return err
	}
	v, replayed, err := x.h.pool.StartTest(x.r.Context(), x.app(), req)
	if err != nil {
		return err
	}
	if replayed {
		x.w.Header().Set("Idempotent-Replayed", "true")
	}
	return x.json(http.StatusCreated, Test(v))
}

func getTests(x *exchange) error {
	q := x.query()
	page := pool.TestQuery{Query: q.page(protocol.TestID), Labels: q.labels()}
	page.State = pool.TestState(q.word("state", "open", "closed", "cancelled"))
	if err := q.done(); err != nil {
		return err
	}
	items, next, err := x.h.pool.Tests(x.app(), page)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, list(items, next, protocol.TestID, Test))
}

// labels reads label.NAME=VALUE.
func (q *query) labels() map[string]string {
	out := map[string]string{}
	for name := range q.values {
		if label, ok := strings.CutPrefix(name, "label."); ok {
			out[label] = q.text(name)
		}
	}
	return out
}

func getTest(x *exchange) error {
	id, err := x.id(protocol.TestID)
	if err != nil {
		return err
	}
	q := x.query()
	wait := 0.0
	if v := q.text("wait_s"); v != "" {
		if wait, err = strconv.ParseFloat(v, 64); err != nil || !(wait >= 0 && wait <= 55) {
			q.fail("wait_s", "must be from 0 to 55")
		}
	}
	if err := q.done(); err != nil {
		return err
	}
	var t *pool.TestView
	if wait > 0 {
		x.patient(time.Minute)
		t, err = x.h.pool.AwaitTest(x.r.Context(), x.app(), id, time.Duration(wait*float64(time.Second)))
	} else {
		t, err = x.h.pool.Test(x.app(), id)
	}
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, Test(t))
}

func deleteTest(x *exchange) error {
	id, err := x.id(protocol.TestID)
	if err != nil {
		return err
	}
	if err := x.h.pool.CancelTest(x.app(), id); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// item reads test and item of the path.
func (x *exchange) item() (pool.ID, int, error) {
	id, err := x.id(protocol.TestID)
	if err != nil {
		return 0, 0, err
	}
	n, err := strconv.Atoi(x.r.PathValue("n"))
	if err != nil || n < 0 || strconv.Itoa(n) != x.r.PathValue("n") {
		return 0, 0, &pool.Error{Code: pool.NotFound}
	}
	return id, n, nil
}

func putSent(x *exchange) error {
	var body protocol.SentRequest
	if _, err := x.read(&body); err != nil {
		return err
	}
	id, n, err := x.item()
	if err != nil {
		return err
	}
	said := pool.Said{ProviderID: body.ProviderID, Token: body.Token, Text: body.Text}
	if body.SentAt != nil {
		at := time.Time(*body.SentAt)
		said.SentAt = &at
	}
	switch {
	case body.ProviderID != nil && (*body.ProviderID == "" || len(*body.ProviderID) > maxProvider):
		return &protocol.Invalid{Name: "provider_id", Why: fmt.Sprintf("must have 1 to %d bytes", maxProvider)}
	case body.Token != nil && !strings.ContainsAny(*body.Token, "0123456789"):
		return &protocol.Invalid{Name: "token", Why: "must hold a digit: a word could be in anybody's message"}
	case body.Token != nil && (len(*body.Token) < pool.MinToken || len(*body.Token) > maxTokenLen || strings.TrimSpace(*body.Token) != *body.Token):
		return &protocol.Invalid{Name: "token", Why: fmt.Sprintf("must have %d to %d characters", pool.MinToken, maxTokenLen)}
	case body.Text != nil && (*body.Text == "" || utf8.RuneCountInString(*body.Text) > maxText):
		return &protocol.Invalid{Name: "text", Why: fmt.Sprintf("must have 1 to %d characters", maxText)}
	}
	v, err := x.h.pool.ItemSent(x.app(), id, n, said)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, item(v))
}

func putDLR(x *exchange) error {
	var body protocol.DLRRequest
	if _, err := x.read(&body); err != nil {
		return err
	}
	id, n, err := x.item()
	if err != nil {
		return err
	}
	status := pool.DLR(text(body.Status))
	switch status {
	case pool.DLRDelivered, pool.DLRFailed, pool.DLRExpired, pool.DLRRejected:
	default:
		return &protocol.Invalid{Name: "status", Why: "must be delivered, failed, expired or rejected"}
	}
	at := time.Time{}
	if body.At != nil {
		at = time.Time(*body.At)
	}
	v, err := x.h.pool.ItemDLR(x.app(), id, n, status, at)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, item(v))
}

// Test is a test as the wire has it.
func Test(t *pool.TestView) protocol.Test {
	out := protocol.Test{
		ID: protocol.ID(protocol.TestID, uint64(t.ID)), State: string(t.State), CreatedAt: protocol.Time(t.CreatedAt),
		ClosedAt: protocol.OptionalTime(t.ClosedAt), Labels: t.Labels, Verdict: protocol.Optional(string(t.Verdict)), Items: []protocol.Item{},
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	for n := range t.Items {
		out.Items = append(out.Items, item(&t.Items[n]))
	}
	return out
}

func item(i *pool.ItemView) protocol.Item {
	out := protocol.Item{
		N: i.N, Number: i.Number, Country: protocol.Optional(i.Country), Operator: protocol.Optional(i.Operator), Token: protocol.Optional(i.Token),
		Text: protocol.Optional(i.Text), Receipt: string(i.Receipt), DLR: string(i.DLR), Verdict: protocol.Optional(string(i.Verdict)),
		Findings: []protocol.Finding{}, SentAt: protocol.OptionalTime(i.SentAt), AcceptedAt: protocol.OptionalTime(i.AcceptedAt),
		ProviderID: protocol.Optional(i.ProviderID), Deadline: protocol.OptionalTime(i.Deadline), FirstPartAt: protocol.OptionalTime(i.FirstPartAt),
		LastPartAt: protocol.OptionalTime(i.LastPartAt), Latency: i.Latency, SMSCDelay: i.SMSCDelay, SMSC: protocol.Optional(i.SMSC),
		DLRAt: protocol.OptionalTime(i.DLRAt), Message: protocol.OptionalID(protocol.MessageID, uint64(i.Message)),
		Call: protocol.OptionalID(protocol.CallID, uint64(i.CallID)), Reason: protocol.Optional(i.Reason),
	}
	for _, f := range i.Findings {
		out.Findings = append(out.Findings, protocol.Finding{
			Code: string(f.Code), Severity: string(f.Code.Severity()), Expected: f.Expected, Observed: f.Observed, Late: f.Late,
		})
	}
	return out
}
