package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol"
)

// sent is one message of the demo.
type sent struct {
	modem int
	parts []uint64 // as the rack knows them
}

// traffic sends messages into the rack and follows them to the receiver.
type traffic struct {
	s    *stage
	sub  *pool.Subscription
	http *http.Client

	received atomic.Int64 // committed by the gateway

	mu       sync.Mutex
	messages map[string]*sent // by the word that they begin with
	next     int
	codes    int // that the application reserved a number for, and got
	wrong    int
	broken   bool // interrupted: what was not sent whole is nobody's loss
}

func newTraffic(s *stage) *traffic {
	t := &traffic{s: s, messages: map[string]*sent{}, http: &http.Client{Timeout: 20 * time.Second}}
	t.sub = s.app.Pool().Subscribe(func(ev pool.Event, m *pool.Message) {
		if ev.Type == pool.SMSReceived && m.Test == 0 { // those of tests go to no destination
			t.received.Add(1)
		}
	})
	return t
}

func (t *traffic) close() {
	t.sub.Close()
	t.http.CloseIdleConnections()
}

func (t *traffic) cut() {
	t.mu.Lock()
	t.broken = true
	t.mu.Unlock()
}

// awaitReady waits until every modem can receive.
func (t *traffic) awaitReady(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, demoReady)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ready := 0
		for _, m := range t.s.app.Pool().Modems() {
			if m.State == "ready" {
				ready++
			}
		}
		if ready == n {
			return nil
		}
		select {
		case <-ctx.Done():
			return &failure{what: fmt.Sprintf("only %d of %d simulated modems became ready", ready, n)}
		case <-tick.C:
		}
	}
}

// run sends until ctx ends.
func (t *traffic) run(ctx context.Context, screen *screen) {
	var wg sync.WaitGroup
	for i := range t.s.rack.Len() {
		wg.Go(func() { t.feed(ctx, i) })
	}
	wg.Go(func() { t.shop(ctx) })
	wg.Go(func() { t.trouble(ctx) })
	wg.Go(func() { screen.run(ctx) })
	wg.Wait()
}

// pause waits for about d; false when ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// feed sends messages to one modem.
func (t *traffic) feed(ctx context.Context, modem int) {
	senders := []string{"PANEL", "+4930123456", "Meter 12", "TRACKER"}
	for n := 0; pause(ctx, 900*time.Millisecond); n++ {
		text := "zone 3 closed, battery 98%"
		switch n % 5 {
		case 2:
			text = "Tür geöffnet: Lager €5 {Süd}"
		case 3:
			text = "Дверь открыта 🚪"
		case 4:
			text = strings.Repeat("reading 48213 kWh; ", 14)
		}
		t.send(modem, senders[n%len(senders)], text)
	}
}

// send delivers one message and returns the word that it begins with.
func (t *traffic) send(modem int, from, text string) string {
	t.mu.Lock()
	t.next++
	ref := t.next
	word := fmt.Sprintf("M%06d", ref)
	m := &sent{modem: modem}
	t.messages[word] = m
	t.mu.Unlock()
	ids := t.s.rack.Modem(modem).Deliver(modems.SMS{From: from, Text: word + " " + text, Ref: ref})
	t.mu.Lock()
	m.parts = ids
	t.mu.Unlock()
	return word
}

// shop is an application: it reserves a number, lets its own message be sent there, and
// waits for it.
func (t *traffic) shop(ctx context.Context) {
	for pause(ctx, 1500*time.Millisecond) {
		if err := t.order(ctx); err != nil && ctx.Err() == nil {
			t.mu.Lock()
			t.wrong++
			t.mu.Unlock()
		}
	}
}

func (t *traffic) order(ctx context.Context) error {
	var r protocol.Reservation
	if err := t.call(ctx, "POST", "/v1/reservations", `{"ttl_s":60,"purpose":"demo"}`, &r); err != nil {
		return err
	}
	modem := -1
	for i := range t.s.rack.Len() {
		if sim, _ := t.s.rack.Modem(i).SIM(); sim.MSISDN == r.Number {
			modem = i
		}
	}
	code := fmt.Sprintf("%06d", rand.IntN(1000000))
	word := t.send(modem, "SHOP", "Your code is "+code)
	var w protocol.WaitAnswer
	body := fmt.Sprintf(`{"reservation":%q,"match":{"contains":%q},"timeout_s":15}`, r.ID, word)
	if err := t.call(ctx, "POST", "/v1/wait", body, &w); err != nil {
		return err
	}
	if w.Outcome != string(pool.Matched) {
		return fmt.Errorf("outcome %s", w.Outcome)
	}
	t.mu.Lock()
	t.codes++
	t.mu.Unlock()
	return t.call(ctx, "DELETE", "/v1/reservations/"+r.ID, "", nil)
}

func (t *traffic) call(ctx context.Context, method, path, body string, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+t.s.app.APIAddr()+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+t.s.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := t.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s", resp.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// trouble hangs one modem for a while.
func (t *traffic) trouble(ctx context.Context) {
	if !pause(ctx, 4*time.Second) {
		return
	}
	m := t.s.rack.Modem(hangs(t.s.rack))
	m.Hang(true)
	pause(ctx, 2500*time.Millisecond)
	m.Hang(false)
}

// drain waits until everything that was sent has come to the receiver.
func (t *traffic) drain(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		_, more := t.s.receiver.Deliveries()
		open, _, _ := t.s.app.Pool().Tests("", pool.TestQuery{State: pool.TestOpen, Query: pool.Query{Limit: 1}})
		if s := t.sum(); s.lost == 0 && len(open) == 0 {
			return
		}
		again := time.NewTimer(100 * time.Millisecond)
		select {
		case <-more:
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return
		}
		again.Stop()
	}
}

// summary is what a demo ends with.
type summary struct {
	received, pushed, lost, duplicated, wrong, codes int
	right, verdicts                                  int // of delivery tests
	p50, p99                                         time.Duration
}

// String is the line that a demo ends with.
func (s summary) String() string {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("received %d, pushed %d, lost %d, duplicated %d, codes awaited %d, verdicts right %d of %d, p50 %.1f ms, p99 %.1f ms from the SIM to the receiver",
		s.received, s.pushed, s.lost, s.duplicated, s.codes, s.right, s.verdicts, ms(s.p50), ms(s.p99))
}

// sum compares what was sent with what has come.
func (t *traffic) sum() summary {
	got, _ := t.s.receiver.Deliveries()
	available := map[uint64]time.Time{}
	for _, e := range t.s.rack.Events() {
		if e.Kind == modems.Available {
			if _, seen := available[e.MessageID]; !seen {
				available[e.MessageID] = e.At
			}
		}
	}
	right, verdicts := t.s.planted.judge(t.s.app.Pool())
	t.mu.Lock()
	defer t.mu.Unlock()
	s := summary{received: int(t.received.Load()), codes: t.codes, wrong: t.wrong, right: right, verdicts: verdicts}
	ids, words := map[string]bool{}, map[string]int{}
	var took []time.Duration
	for _, d := range got {
		if d.Fault != nil {
			s.wrong++
		}
		if d.Event.Type != string(pool.SMSReceived) {
			continue
		}
		if ids[d.ID] {
			s.duplicated++
			continue
		}
		ids[d.ID] = true
		s.pushed++
		if d.Event.Data.Text == nil {
			s.wrong++
			continue
		}
		word, _, _ := strings.Cut(*d.Event.Data.Text, " ")
		if words[word]++; words[word] > 1 {
			s.duplicated++
		}
		if m := t.messages[word]; m != nil {
			last := time.Time{}
			for _, id := range m.parts {
				if at := available[id]; at.After(last) {
					last = at
				}
			}
			if !last.IsZero() {
				took = append(took, d.At.Sub(last))
			}
		}
	}
	if !t.broken {
		for word := range t.messages {
			if words[word] == 0 {
				s.lost++
			}
		}
	}
	slices.Sort(took)
	if n := len(took); n > 0 {
		s.p50, s.p99 = took[n/2], took[min(n-1, n*99/100)]
	}
	return s
}
