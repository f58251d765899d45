package trigger

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
)

const (
	atOnce    = 16 // requests to one provider
	maxAnswer = 64 << 10
)

// Provider is one SMS provider of the operator's.
type Provider struct {
	Name     string
	Request  *Request
	Accepted []int            // status codes
	ID       protocol.Pointer // of the message's id in the answer; empty: it gives none
	Timeout  time.Duration
}

// Options is what a Trigger is made of. Wanted, Wrote and Answered are required; they are
// called from any goroutine.
type Options struct {
	Providers []Provider
	UserAgent string
	Own       []netip.AddrPort               // our own listeners, which are never called
	Wanted    func(test pool.ID, n int) bool // whether a message is still to be sent
	Wrote     func(test pool.ID, n int, at time.Time)
	Answered  func(test pool.ID, n int, a pool.Answer)
	Logger    *slog.Logger // nil: discarded
}

// Trigger asks providers. Its methods may be called from any goroutine.
type Trigger struct {
	o      Options
	client *http.Client
	wake   chan struct{}

	mu        sync.Mutex
	providers map[string]*Provider
	queue     []pool.Send
	busy      map[string]int // requests under way, by provider
}

// New makes a trigger. Nobody is asked before Run.
func New(o Options) *Trigger {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	// No connection is used twice, and none is HTTP/2: net/http would repeat a request on one
	// that turns out closed, or whose stream is reset.
	client := protocol.NewClient(protocol.Dialer(o.Own), nil, -1)
	if transport, ok := client.Transport.(*http.Transport); ok {
		transport.ForceAttemptHTTP2 = false
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	t := &Trigger{o: o, client: client, wake: make(chan struct{}, 1), busy: map[string]int{}}
	t.SetProviders(o.Providers)
	return t
}

// SetProviders replaces the providers, for what is not asked yet.
func (t *Trigger) SetProviders(list []Provider) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.providers = make(map[string]*Provider, len(list))
	for i := range list {
		t.providers[list[i].Name] = &list[i]
	}
}

// Send queues one message. It never blocks.
func (t *Trigger) Send(s pool.Send) {
	t.mu.Lock()
	t.queue = append(t.queue, s)
	t.mu.Unlock()
	t.kick()
}

func (t *Trigger) kick() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Run asks until ctx ends; then requests under way are given up without a word, and what
// is queued is left: the pool knows what was asked.
func (t *Trigger) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		for {
			s, p := t.next()
			if p == nil {
				break
			}
			wg.Go(func() {
				t.ask(ctx, p, &s)
				t.mu.Lock()
				t.busy[s.Provider]--
				t.mu.Unlock()
				t.kick()
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		}
	}
}

// next takes the oldest message whose provider has room; nil: there is none.
func (t *Trigger) next() (pool.Send, *Provider) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, s := range t.queue {
		if t.busy[s.Provider] >= atOnce {
			continue
		}
		t.queue = slices.Delete(t.queue, i, i+1)
		t.busy[s.Provider]++
		p := t.providers[s.Provider]
		if p == nil { // a reload has taken it out
			p = &Provider{Name: s.Provider}
		}
		return s, p
	}
	return pool.Send{}, nil
}

// ask sends one request and tells what came of it.
func (t *Trigger) ask(ctx context.Context, p *Provider, s *pool.Send) {
	if !t.o.Wanted(s.Test, s.N) {
		return
	}
	//failpoint:before_ask
	a := t.exchange(ctx, p, s)
	//failpoint:asked
	if ctx.Err() != nil {
		return
	}
	a.At = time.Now()
	if !a.Came || !a.Accepted {
		t.o.Logger.Warn("a provider did not take a message", "provider", p.Name, "result", a.Status)
	}
	t.o.Answered(s.Test, s.N, a)
}

func (t *Trigger) exchange(ctx context.Context, p *Provider, s *pool.Send) pool.Answer {
	if p.Request == nil {
		return pool.Answer{Status: "the provider is no longer configured"}
	}
	req, err := p.Request.Make(s)
	if err != nil { // nobody was asked
		return pool.Answer{Status: "the request can't be made: " + err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(i httptrace.WroteRequestInfo) {
		if i.Err == nil {
			t.o.Wrote(s.Test, s.N, time.Now())
		}
	}})
	req.Header.Set("User-Agent", t.o.UserAgent)
	resp, err := t.client.Do(req.WithContext(ctx))
	if err != nil {
		return pool.Answer{Status: protocol.Reason(err)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	a := pool.Answer{Came: true, Accepted: slices.Contains(p.Accepted, resp.StatusCode), Status: strconv.Itoa(resp.StatusCode)}
	if a.Accepted && err == nil && p.ID != "" {
		a.ID = p.ID.FindText(body)
		if len(a.ID) > 256 {
			a.ID = ""
		}
	}
	return a
}
