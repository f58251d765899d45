package alarm

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"modemgate/pool"
)

// network answers requests as a test wants, and writes them down.
type network struct {
	answer func() (int, error)

	mu   sync.Mutex
	seen []string
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body) // of our own making
	}
	n.mu.Lock()
	n.seen = append(n.seen, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(body)))
	n.mu.Unlock()
	status, err := n.answer()
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, nil
}

func (n *network) all(method string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(n.seen), func(s string) bool { return !strings.HasPrefix(s, method) })
}

// TestTeller tells of alarms, tries again until it is heard, passes over what has
// changed meanwhile, and calls the dead man's switch only in calm times.
func TestTeller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reachable, calm atomic.Bool
		calm.Store(true)
		n := &network{answer: func() (int, error) {
			if reachable.Load() {
				return http.StatusNoContent, nil
			}
			return 0, errors.New("nobody listens")
		}}
		body, err := ParseTemplate(`{"text":{{json .Detail}},"is":"{{.State}}"}`)
		if err != nil {
			t.Fatal(err)
		}
		teller := New(Options{Client: &http.Client{Transport: n}, Host: "rack", Calm: calm.Load})
		teller.SetReceivers([]Receiver{{URL: "http://chat/alarms", Body: body, DeadManURL: "http://watch/alive"}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			teller.Run(ctx)
		}()
		time.Sleep(150 * time.Second)
		if got := n.all("GET"); len(got) != 3 || got[0] != "GET http://watch/alive" {
			t.Errorf("in calm times: %q", got)
		}
		calm.Store(false)
		alarm := pool.Alarm{Name: pool.ModemFailed, Subject: "A1", Raised: true, Detail: `no "answer"`, Since: time.Now()}
		teller.Tell(&alarm)
		time.Sleep(time.Minute) // in vain, at 0, 5 and 35 s
		alarm.Raised = false
		teller.Tell(&alarm)
		reachable.Store(true)
		time.Sleep(10 * time.Minute)
		want := []string{
			`POST http://chat/alarms {"text":"no \"answer\"","is":"raised"}`, `POST http://chat/alarms {"text":"no \"answer\"","is":"raised"}`,
			`POST http://chat/alarms {"text":"no \"answer\"","is":"raised"}`, `POST http://chat/alarms {"text":"no \"answer\"","is":"cleared"}`,
		}
		if got := n.all("POST"); !slices.Equal(got, want) {
			t.Errorf("told %q", got)
		}
		if got := n.all("GET"); len(got) != 3 {
			t.Errorf("the switch was called while something was wrong: %q", got)
		}
		cancel()
		<-done
	})
}

// TestDefaultBody is what a receiver without a template gets.
func TestDefaultBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answer: func() (int, error) { return http.StatusOK, nil }}
		teller := New(Options{Client: &http.Client{Transport: n}, Host: "rack", Calm: func() bool { return false }})
		teller.SetReceivers([]Receiver{{URL: "http://ops/"}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			teller.Run(ctx)
		}()
		teller.Tell(&pool.Alarm{Name: pool.NoModem, Raised: true, Detail: "none", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
		synctest.Wait()
		want := `POST http://ops/ {"alarm":"no_modem","state":"raised","detail":"none","since":"2026-01-02T03:04:05.000Z","host":"rack"}`
		if got := n.all("POST"); len(got) != 1 || got[0] != want {
			t.Errorf("told %q", got)
		}
		cancel()
		<-done
	})
}
