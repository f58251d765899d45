package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/api"
	"modemgate/protocol/forward"
	"modemgate/protocol/simulator"
	"modemgate/store"
)

// crowd is the configuration of n more applications, and their tokens.
func crowd(n int) (text string, tokens []string) {
	for i := range n {
		tokens = append(tokens, fmt.Sprintf("crowd-%02d-0123456789abcdefghijkl", i))
		text += fmt.Sprintf("[[app]]\nname = \"crowd%d\"\ntoken = %q\nscopes = [\"read\"]\nsims = { all = true }\nrate = 100000\n", i, tokens[i])
	}
	return text, tokens
}

func (g *gateway) open(token, method, path, body string) *http.Response {
	g.t.Helper()
	r, err := http.NewRequestWithContext(g.t.Context(), method, "http://"+g.app.APIAddr()+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		g.t.Error(err)
		return nil
	}
	return resp
}

// BenchmarkStreams is one SMS from its announcement until 64 event streams have it.
func BenchmarkStreams(b *testing.B) {
	text, tokens := crowd(8)
	g := newGateway(b, 1, text)
	heard := make(chan struct{}, 64)
	var wg sync.WaitGroup
	var bodies []*http.Response
	for i := range 64 {
		resp := g.open(tokens[i/8], "GET", "/v1/events", "")
		if resp == nil || resp.StatusCode != http.StatusOK {
			b.Fatal("no stream")
		}
		bodies = append(bodies, resp)
		wg.Go(func() {
			for s := bufio.NewScanner(resp.Body); s.Scan(); {
				if strings.HasPrefix(s.Text(), "data: ") && strings.Contains(s.Text(), `"sms.received"`) {
					heard <- struct{}{}
				}
			}
		})
	}
	n := 0
	for b.Loop() {
		n++
		g.rack.Modem(0).Deliver(modems.SMS{From: "PANEL", Text: fmt.Sprintf("zone 3 open %d", n)})
		for range 64 {
			<-heard
		}
	}
	for _, resp := range bodies {
		_ = resp.Body.Close() // ends the reader
	}
	wg.Wait()
}

// BenchmarkWake is one SMS from its announcement to the answer of a call that waits for
// it, while 999 other calls wait on 64 numbers.
func BenchmarkWake(b *testing.B) {
	text, tokens := crowd(6)
	g := newGateway(b, 64, text)
	var wg sync.WaitGroup
	for i := range 999 {
		sim, _ := g.rack.Modem(1 + i%63).SIM()
		wg.Go(func() {
			if resp := g.open(tokens[i/199], "POST", "/v1/wait", fmt.Sprintf(`{"number":%q,"timeout_s":50,"match":{"contains":"never"}}`, sim.MSISDN)); resp != nil {
				_ = resp.Body.Close()
			}
		})
	}
	sim, _ := g.rack.Modem(0).SIM()
	g.until("all to wait", func() bool { return g.app.Pool().Waiting() == 999 })
	n := 0
	for b.Loop() {
		n++
		word := fmt.Sprintf("zone %d", n)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if resp := g.open(tokens[5], "POST", "/v1/wait", fmt.Sprintf(`{"number":%q,"timeout_s":50,"match":{"contains":%q}}`, sim.MSISDN, word)); resp != nil {
				_ = resp.Body.Close()
			}
		}()
		b.StopTimer()
		g.until("the call to wait", func() bool { return g.app.Pool().Waiting() == 1000 })
		b.StartTimer()
		g.rack.Modem(0).Deliver(modems.SMS{From: "PANEL", Text: word})
		<-done
	}
	g.stop()
	wg.Wait()
}

// BenchmarkDrain delivers 100,000 events that have waited, by 8 workers to a webhook on
// this machine, each receipt on disk. One operation is all of them.
func BenchmarkDrain(b *testing.B) {
	const rows = 100000
	key, err := protocol.ParseSigningKey("whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		receiver, err := simulator.NewReceiver([]protocol.SigningKey{key}, nil)
		if err != nil {
			b.Fatal(err)
		}
		s, err := store.Open(filepath.Join(b.TempDir(), "store.db"), store.Options{})
		if err != nil {
			b.Fatal(err)
		}
		text := "zone 3 open"
		var last sync.WaitGroup
		for at := 0; at < rows; at += 500 {
			c := &pool.Change{}
			for i := range 500 {
				id := pool.ID(2*(at+i)) + 5_000_000_000_000_000
				c.Messages = append(c.Messages, pool.Message{ID: id, Kind: pool.Text, ICCID: fmt.Sprint(i % 64), Text: &text, CompletedAt: time.Now()})
				c.Events = append(c.Events, pool.Event{ID: id + 1, Type: pool.SMSReceived, At: time.Now(), Message: id})
				c.Deliveries = append(c.Deliveries, pool.Delivery{Event: id + 1, Destination: "crm", State: pool.Pending, Since: time.Now(), Message: id})
			}
			last.Add(1)
			s.Submit(c, func(error) { last.Done() })
		}
		last.Wait()
		w := &api.Writer{}
		f, err := forward.New(forward.Options{
			Store: s,
			Write: func(ev *pool.Event, m *pool.Message) (pool.Written, error) {
				body, err := w.Bytes(ev, m)
				return pool.Written{ID: protocol.ID(protocol.EventID, uint64(ev.ID)), Body: body}, err
			},
			Destinations: []forward.Destination{{
				Name: "crm", Timeout: 15 * time.Second, Workers: 8, GiveUpAfter: time.Hour, BacklogRate: 1e6, Retry: []time.Duration{time.Second},
				Sender: forward.NewWebhook(forward.WebhookOptions{URL: receiver.URL(), Keys: []protocol.SigningKey{key}, Workers: 8}),
			}},
		})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { f.Run(ctx, time.Second) })
		tick := time.NewTicker(10 * time.Millisecond)
		for range tick.C {
			if depth, _ := s.Outbox("crm"); depth == 0 {
				break
			}
		}
		tick.Stop()
		b.StopTimer()
		cancel()
		wg.Wait()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		closing(b, receiver)
		b.StartTimer()
	}
}
