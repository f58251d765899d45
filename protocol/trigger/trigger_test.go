package trigger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"modemgate/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk runs a trigger and collects what it tells.
type desk struct {
	*Trigger
	mu      sync.Mutex
	wrote   map[int]time.Time
	answers map[int]pool.Answer
	more    chan struct{}
}

func newDesk(t *testing.T, url, method string, timeout time.Duration) *desk {
	t.Helper()
	req, err := ParseRequest(RequestText{Method: method, URL: url, Body: `{"text":{{json .Text}}}`, ContentType: "application/json"})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{wrote: map[int]time.Time{}, answers: map[int]pool.Answer{}, more: make(chan struct{}, 100)}
	d.Trigger = New(Options{
		Providers: []Provider{{Name: "p", Request: req, Accepted: []int{200, 202}, ID: "/id", Timeout: timeout}},
		Wanted:    func(_ pool.ID, n int) bool { return n < 100 },
		Wrote: func(_ pool.ID, n int, at time.Time) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.wrote[n] = at
		},
		Answered: func(_ pool.ID, n int, a pool.Answer) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if _, twice := d.answers[n]; twice {
				t.Errorf("item %d was answered twice", n)
			}
			d.answers[n] = a
			d.more <- struct{}{}
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return d
}

// ask asks for one message and gives the answer.
func (d *desk) ask(t *testing.T, n int) pool.Answer {
	t.Helper()
	d.Send(pool.Send{Test: 1, N: n, Provider: "p", Number: "+4915112345678", Text: "code", Token: "1"})
	select {
	case <-d.more:
	case <-time.After(60 * time.Second):
		t.Fatal("no answer was told")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.answers[n]
}

// TestAnswers has one row a thing that a provider may do. Each is asked once, never again.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		method   string
		answer   http.HandlerFunc
		want     pool.Answer
		requests int
	}{
		{"accepted, with an id", "POST", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":"m-1"}`) }, pool.Answer{Came: true, Accepted: true, ID: "m-1", Status: "200"}, 1},
		{"accepted, and the id is a number", "POST", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":12345678901234567890}`) }, pool.Answer{Came: true, Accepted: true, ID: "12345678901234567890", Status: "200"}, 1},
		{"accepted, without an id", "POST", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `OK`) }, pool.Answer{Came: true, Accepted: true, Status: "200"}, 1},
		{"another 2xx", "POST", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, pool.Answer{Came: true, Status: "204"}, 1},
		{"refused", "POST", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(402) }, pool.Answer{Came: true, Status: "402"}, 1},
		{"a redirect is not followed", "POST", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, pool.Answer{Came: true, Status: "307"}, 1},
		{"the connection breaks", "POST", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, pool.Answer{Status: "connection closed"}, 1},
		{"the connection breaks, and net/http would ask again", "GET", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, pool.Answer{Status: "connection closed"}, 1},
		{"no answer in time", "POST", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // so that the end of the connection is seen
			<-r.Context().Done()
		}, pool.Answer{Status: "timeout"}, 1},
		{"an endless answer", "POST", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("x", 32<<10)); err != nil {
					return
				}
			}
		}, pool.Answer{Came: true, Accepted: true, Status: "200"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			requests := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				requests++
				mu.Unlock()
				c.answer(w, r)
			}))
			defer s.Close()
			d := newDesk(t, s.URL+"/send", c.method, 2*time.Second)
			d.ask(t, 0)
			got := d.ask(t, 1) // a second one would go over a connection that was kept
			if got.At.IsZero() {
				t.Error("no time")
			}
			got.At = time.Time{}
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			mu.Lock()
			defer mu.Unlock()
			if requests != 2*c.requests {
				t.Errorf("%d requests for 2 messages", requests)
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.wrote[0].IsZero() || d.wrote[1].IsZero() {
				t.Error("that the requests were written was not told")
			}
		})
	}
}

// TestNobodyThere tells of a provider that can't be reached, and of one that is gone.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, "http://"+l.Addr().String(), "POST", time.Second)
	if a := d.ask(t, 0); a.Came || a.Status != "connection refused" {
		t.Errorf("%+v", a)
	}
	d.Send(pool.Send{Test: 1, N: 100, Provider: "p"}) // cancelled meanwhile
	d.SetProviders(nil)
	if a := d.ask(t, 1); a.Came || a.Accepted || a.Status == "connection refused" {
		t.Errorf("a provider that is no longer configured: %+v", a)
	}
}

// TestParseRequest names the key that can't work.
func TestParseRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text RequestText
		key  string
	}{
		{RequestText{Method: "POST", URL: "https://x.example/{{.Nope}}"}, "url"},
		{RequestText{Method: "POST", URL: "{{.Number}}"}, "url"},
		{RequestText{Method: "POST", URL: "https://x.example", Body: `{"t":"{{.Text}}"}`, ContentType: "application/json"}, "body"},
		{RequestText{Method: "POST", URL: "https://x.example", Body: `{{`, ContentType: "text/plain"}, "body"},
		{RequestText{Method: "POST", URL: "https://x.example", Body: `{{.Secret.none}}`, ContentType: "text/plain"}, "body"},
		{RequestText{Method: "POST", URL: "https://x.example", Headers: map[string]string{"A": "{{.Text}}"}}, "headers"},
	} {
		_, err := ParseRequest(c.text)
		if e, ok := errors.AsType[*ParseError](err); !ok || e.Key != c.key {
			t.Errorf("%+v: %v, want a fault of %s", c.text, err, c.key)
		}
	}
}
