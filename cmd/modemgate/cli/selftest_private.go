package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	modems "modemgate/modem/simulator"
	"modemgate/protocol"
	"modemgate/protocol/simulator"
)

// privatePoints are those that need messages.
func privatePoints() []point {
	return []point{
		{"3", "Idempotency-Key: a repeat gets the same, another body 422", checkIdempotency},
		{"3", "wait_s waits for a number to become free", checkQueue},
		{"4", "a message wakes the wait, its text as it was sent", checkWait},
		{"4", "a long message is one, with its parts and PDUs", checkLong},
		{"4", "on a reserved number the holder sees its senders alone", checkSenders},
		{"4", "criteria that are not met are near misses", checkNearMiss},
		{"4", "expect none: unexpected_message at once", checkExpectNone},
		{"4", "a call is a call", checkCall},
		{"4", "the event stream goes on behind an event", checkResume},
		{"5", "a webhook is signed, and its repeat has the same id and bytes", checkWebhook},
		{"6", "a test that the caller sends itself: passed, with its latency", checkOwnTest},
		{"6", "a test by a provider: what was put behind is found, its receipt is told", checkProviderTest},
		{"6", "nothing comes: failed at the deadline, and late is recorded", checkLateTest},
		{"6", "a test's messages take no route of others", checkProbes},
	}
}

// taken reserves a number and gives the modem that has its card.
func (s *selftest) taken() (r protocol.Reservation, modem *modems.Modem, err error) {
	r, err = get[protocol.Reservation](s, 201, "POST", "/v1/reservations", `{"ttl_s":60}`)
	if err != nil {
		return r, nil, err
	}
	for i := range s.rack.Len() {
		if numberOf(s.rack, i) == r.Number {
			return r, s.rack.Modem(i), nil
		}
	}
	return r, nil, errors.New("the number is of no card")
}

func (s *selftest) release(id string) error {
	_, err := s.want(204, "", "DELETE", "/v1/reservations/"+id, "")
	return err
}

// withNumber runs a check on a number that it has to itself.
func (s *selftest) withNumber(check func(r protocol.Reservation, m *modems.Modem) error) error {
	r, m, err := s.taken()
	if err != nil {
		return err
	}
	return errors.Join(check(r, m), s.release(r.ID))
}

func checkIdempotency(s *selftest) error {
	first, err := get[protocol.Reservation](s, 201, "POST", "/v1/reservations", `{"ttl_s":60}`, "Idempotency-Key", "k1")
	if err != nil {
		return err
	}
	again, err := get[protocol.Reservation](s, 201, "POST", "/v1/reservations", `{"ttl_s":60}`, "Idempotency-Key", "k1")
	if err == nil && again.ID != first.ID {
		err = errors.New("a repeat made another one")
	}
	_, other := s.want(422, "idempotency_key_reused", "POST", "/v1/reservations", `{"ttl_s":61}`, "Idempotency-Key", "k1")
	return errors.Join(err, other, s.release(first.ID))
}

func checkQueue(s *selftest) error {
	return s.withNumber(func(r protocol.Reservation, _ *modems.Modem) error {
		got := make(chan error, 1)
		var next protocol.Reservation
		go func() {
			var err error
			next, err = get[protocol.Reservation](s, 201, "POST", "/v1/reservations", `{"number":`+quote(r.Number)+`,"ttl_s":60,"wait_s":20}`)
			got <- err
		}()
		select {
		case err := <-got:
			return because(err, "it did not wait")
		case <-time.After(300 * time.Millisecond):
		}
		if err := s.release(r.ID); err != nil {
			return err
		}
		if err := <-got; err != nil {
			return err
		}
		return s.release(next.ID)
	})
}

// wait waits for what a reservation's number gets.
func (s *selftest) wait(r protocol.Reservation, more string) (protocol.WaitAnswer, error) {
	return get[protocol.WaitAnswer](s, 200, "POST", "/v1/wait", `{"reservation":`+quote(r.ID)+more+`}`)
}

func checkWait(s *selftest) error {
	return s.withNumber(func(r protocol.Reservation, m *modems.Modem) error {
		const text = "Grüße {€} Код 確認 😀 \\ \"4711\""
		time.AfterFunc(100*time.Millisecond, func() { m.Deliver(modems.SMS{From: "SELFTEST", Text: text}) })
		w, err := s.wait(r, `,"match":{"from":"selftest","regex":"\\d{4}"},"timeout_s":20`)
		if err != nil || w.Outcome != "matched" || len(w.Messages) != 1 {
			return because(err, "outcome %q", w.Outcome)
		}
		list, err := get[protocol.List[protocol.Message]](s, 200, "GET", "/v1/messages?reservation="+r.ID, "")
		if err != nil || len(list.Items) != 1 || list.Items[0].Text == nil || *list.Items[0].Text != text {
			return because(err, "the text is not as it was sent")
		}
		return nil
	})
}

func checkLong(s *selftest) error {
	return s.withNumber(func(r protocol.Reservation, m *modems.Modem) error {
		text := strings.Repeat("a long text, word by word; ", 14)
		m.Deliver(modems.SMS{From: "SELFTEST", Text: text, Ref: 7})
		if w, err := s.wait(r, `,"timeout_s":20`); err != nil || w.Outcome != "matched" {
			return because(err, "outcome %q", w.Outcome)
		}
		list, err := get[protocol.List[protocol.Message]](s, 200, "GET", "/v1/messages?pdu=true&reservation="+r.ID, "")
		if err != nil || len(list.Items) != 1 {
			return because(err, "%d messages", len(list.Items))
		}
		if v := list.Items[0]; *v.Text != text || v.Parts.Total != 3 || v.Parts.Received != 3 || len(v.PDU) != 3 || !v.Complete {
			return fmt.Errorf("parts %+v, %d PDUs", v.Parts, len(v.PDU))
		}
		return nil
	})
}

func checkSenders(s *selftest) error {
	return s.withNumber(func(r protocol.Reservation, m *modems.Modem) error {
		m.Deliver(modems.SMS{From: "BANK", Text: "not the application's"})
		m.Deliver(modems.SMS{From: "SELFTEST", Text: "its own"})
		w, err := s.wait(r, `,"timeout_s":20`)
		if err != nil || w.Outcome != "matched" || len(w.Messages) != 1 {
			return because(err, "outcome %q, %d messages", w.Outcome, len(w.Messages))
		}
		return s.until("the operator's copy", func() bool { return s.pushed("not the application's") != nil })
	})
}

func checkNearMiss(s *selftest) error {
	return s.withNumber(func(r protocol.Reservation, m *modems.Modem) error {
		m.Deliver(modems.SMS{From: "SELFTEST", Text: "near"})
		if w, err := s.wait(r, `,"timeout_s":20`); err != nil || w.Outcome != "matched" {
			return because(err, "outcome %q", w.Outcome)
		}
		w, err := s.wait(r, `,"match":{"contains":"far"},"timeout_s":0`)
		if err != nil || w.Outcome != "timed_out" || len(w.NearMisses) != 1 || strings.Join(w.NearMisses[0].Failed, " ") != "contains" {
			return because(err, "%q, near misses %+v", w.Outcome, w.NearMisses)
		}
		return nil
	})
}

func checkExpectNone(s *selftest) error {
	return s.withNumber(func(r protocol.Reservation, m *modems.Modem) error {
		if w, err := s.wait(r, `,"expect":"none","timeout_s":0.2`); err != nil || w.Outcome != "matched" {
			return because(err, "nothing came: %q", w.Outcome)
		}
		time.AfterFunc(100*time.Millisecond, func() { m.Deliver(modems.SMS{From: "SELFTEST", Text: "unexpected"}) })
		if w, err := s.wait(r, `,"expect":"none","timeout_s":20`); err != nil || w.Outcome != "unexpected_message" {
			return because(err, "something came: %q", w.Outcome)
		}
		return nil
	})
}

func checkCall(s *selftest) error {
	return s.withNumber(func(r protocol.Reservation, m *modems.Modem) error {
		m.Ring("+4930123456", 2)
		return s.until("the call to be pushed", func() bool {
			got, _ := s.receiver.Deliveries()
			for _, d := range got {
				if d.Event.Type == "call.received" && d.Event.Data.Number != nil && *d.Event.Data.Number == r.Number {
					return true
				}
			}
			return false
		})
	})
}

func checkResume(s *selftest) error {
	next := func(after, text string) (id string, err error) {
		resp, lines, err := s.stream(after)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		if after == "" {
			s.rack.Modem(0).Deliver(modems.SMS{From: "SELFTEST", Text: text})
		}
		for lines.Scan() {
			if v, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				id = v
			}
			if strings.HasPrefix(lines.Text(), "data: ") && strings.Contains(lines.Text(), text) {
				return id, nil
			}
		}
		return "", errors.New("the stream has ended")
	}
	first, err := next("", "the first of a stream")
	if err != nil {
		return err
	}
	s.rack.Modem(0).Deliver(modems.SMS{From: "SELFTEST", Text: "meanwhile"})
	_, err = next(first, "meanwhile")
	return err
}

// pushed is the delivery of a text to the selftest's own destination; nil: it has not come.
func (s *selftest) pushed(text string) *simulator.Delivery {
	got, _ := s.receiver.Deliveries()
	for i := range got {
		if t := got[i].Event.Data.Text; t != nil && *t == text {
			return &got[i]
		}
	}
	return nil
}

func checkWebhook(s *selftest) error {
	s.rack.Modem(1).Deliver(modems.SMS{From: "SELFTEST", Text: "refused once"})
	var tries []simulator.Delivery
	if err := s.until("the repeat", func() bool {
		tries = nil
		got, _ := s.receiver.Deliveries()
		for _, d := range got {
			if t := d.Event.Data.Text; t != nil && *t == "refused once" {
				tries = append(tries, d)
			}
		}
		return len(tries) >= 2
	}); err != nil {
		return err
	}
	for _, d := range tries {
		if d.Fault != nil {
			return d.Fault
		}
		if d.ID != tries[0].ID || string(d.Body) != string(tries[0].Body) {
			return errors.New("the repeat is another event")
		}
	}
	return nil
}

// closed waits for a test's verdict.
func (s *selftest) closed(t protocol.Test) (protocol.Test, error) {
	return get[protocol.Test](s, 200, "GET", "/v1/tests/"+t.ID+"?wait_s=50", "")
}

func checkOwnTest(s *selftest) error {
	t, err := get[protocol.Test](s, 201, "POST", "/v1/tests", `{"select":{"each":"number","count":1},"text":"own {token}","expect":{"from":["SELFTEST"]},"deadline_s":20,"late_s":0}`)
	if err != nil {
		return err
	}
	i := t.Items[0]
	now := protocol.Time(time.Now())
	if _, err := get[protocol.Item](s, 200, "PUT", "/v1/tests/"+t.ID+"/items/0/sent", `{"sent_at":"`+now.String()+`","provider_id":"p"}`); err != nil {
		return err
	}
	s.deliver(i.Number, "SELFTEST", *i.Text)
	t, err = s.closed(t)
	if err != nil || t.Verdict == nil || *t.Verdict != "passed" || t.Items[0].Latency == nil || t.Items[0].Message == nil {
		return because(err, "%+v", t)
	}
	return nil
}

func checkProviderTest(s *selftest) error {
	t, err := get[protocol.Test](s, 201, "POST", "/v1/tests", `{"select":{"each":"number","count":1},"text":"altered {token}","send":{"provider":"selftest"},"deadline_s":20,"late_s":3}`)
	if err != nil {
		return err
	}
	t, err = s.closed(t)
	if err != nil || t.Verdict == nil || *t.Verdict != "degraded" || len(t.Items[0].Findings) != 1 || t.Items[0].Findings[0].Code != "text_suffixed" {
		return because(err, "%+v", t)
	}
	return s.until("the receipt", func() bool {
		t, err = get[protocol.Test](s, 200, "GET", "/v1/tests/"+t.ID, "")
		return err == nil && t.Items[0].DLR == "delivered" && t.Items[0].ProviderID != nil
	})
}

func checkLateTest(s *selftest) error {
	t, err := get[protocol.Test](s, 201, "POST", "/v1/tests", `{"select":{"each":"number","count":1},"text":"late {token}","deadline_s":1,"late_s":20}`)
	if err != nil {
		return err
	}
	t, err = s.closed(t)
	if err != nil || t.Verdict == nil || *t.Verdict != "failed" || t.Items[0].Receipt != "not_received" {
		return because(err, "%+v", t)
	}
	s.deliver(t.Items[0].Number, "SELFTEST", *t.Items[0].Text)
	return s.until("the late message", func() bool {
		t, err = get[protocol.Test](s, 200, "GET", "/v1/tests/"+t.ID, "")
		return err == nil && t.Items[0].Receipt == "received_late" && *t.Verdict == "failed"
	})
}

func checkProbes(s *selftest) error {
	got, _ := s.receiver.Deliveries()
	for _, d := range got {
		if d.Event.Data.Test != nil {
			return errors.New("a destination has a test's message")
		}
	}
	return nil
}
