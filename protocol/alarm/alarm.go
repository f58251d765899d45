package alarm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"text/template"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
)

const (
	timeout   = 15 * time.Second
	deadMan   = time.Minute
	keepWords = 100 // that wait for one receiver; the oldest go first
)

// Receiver is one [[alarm]] of the operator's.
type Receiver struct {
	URL        string    // empty: only the dead man's switch
	Body       *Template // nil: the alarm as JSON
	DeadManURL string    // empty: none
}

// Template renders an alarm.
type Template struct {
	body *template.Template
}

// ParseTemplate reads a body; its fields are .Alarm .State .Detail .Since .Host. It
// renders a sample to find what can't work.
func ParseTemplate(text string) (*Template, error) {
	t, err := template.New("body").Funcs(protocol.TemplateFuncs()).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	out := &Template{t}
	_, err = out.render(word{Alarm: "modem_failed", State: "raised", Detail: "a \"quoted\" detail", Host: "rack"})
	return out, err
}

func (t *Template) render(w word) ([]byte, error) {
	var buf bytes.Buffer
	err := t.body.Execute(&buf, w)
	return buf.Bytes(), err
}

// word is an alarm as a receiver gets it.
type word struct {
	Alarm  string        `json:"alarm"`
	State  string        `json:"state"`
	Detail string        `json:"detail"`
	Since  protocol.Time `json:"since"`
	Host   string        `json:"host"`

	subject string
}

// Options is what a Teller is made of.
type Options struct {
	Client *http.Client
	Host   string       // this machine's name
	Calm   func() bool  // whether everything is in order
	Logger *slog.Logger // nil: discarded
}

// Teller tells all receivers. Its methods may be called from any goroutine.
type Teller struct {
	o Options

	mu    sync.Mutex
	lines []*line
	ctx   context.Context // of the run; nil: it has not begun
	wg    sync.WaitGroup
}

// line is one receiver with what waits for it.
type line struct {
	Receiver
	words []word
	wake  chan struct{}
	stop  context.CancelFunc
}

// New makes a teller. Nothing is sent before Run.
func New(o Options) *Teller {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Teller{o: o}
}

// SetReceivers replaces the receivers. What waits for the old ones is dropped: what is
// still wrong is in the metrics.
func (t *Teller) SetReceivers(list []Receiver) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.lines {
		if l.stop != nil {
			l.stop()
		}
	}
	t.lines = nil
	for _, r := range list {
		t.lines = append(t.lines, &line{Receiver: r, wake: make(chan struct{}, 1)})
	}
	if t.ctx != nil {
		t.begin()
	}
}

// Tell hands an alarm to every receiver. It does not block.
func (t *Teller) Tell(a *pool.Alarm) {
	w := word{Alarm: string(a.Name), State: "cleared", Detail: a.Detail, Since: protocol.Time(a.Since), Host: t.o.Host, subject: a.Subject}
	if a.Raised {
		w.State = "raised"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.lines {
		if l.URL == "" {
			continue
		}
		l.words = append(l.words, w)
		l.words = l.words[max(0, len(l.words)-keepWords):]
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// Run sends until ctx ends, and waits for what is under way.
func (t *Teller) Run(ctx context.Context) {
	t.mu.Lock()
	t.ctx = ctx
	t.begin()
	t.mu.Unlock()
	<-ctx.Done()
	t.mu.Lock()
	t.ctx = nil
	t.mu.Unlock()
	t.wg.Wait()
}

// begin starts a goroutine for each receiver. Called with the lock held.
func (t *Teller) begin() {
	for _, l := range t.lines {
		ctx, stop := context.WithCancel(t.ctx)
		l.stop = stop
		t.wg.Go(func() {
			defer stop()
			t.serve(ctx, l)
		})
	}
}

// retries are the delays between attempts; after the last one the word is dropped.
func retries() []time.Duration {
	return []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute}
}

func (t *Teller) serve(ctx context.Context, l *line) {
	tick := time.NewTicker(deadMan)
	defer tick.Stop()
	failures := 0
	retry := time.NewTimer(0)
	defer retry.Stop()
	t.alive(ctx, l)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.alive(ctx, l)
			continue
		case <-l.wake:
			if failures > 0 {
				continue // it waits for its turn
			}
		case <-retry.C:
		}
		for {
			w, ok := t.first(l)
			if !ok {
				break
			}
			err := t.post(ctx, l, w)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				t.o.Logger.Warn("an alarm was not taken", "alarm", w.Alarm, "result", err)
				if failures < len(retries()) {
					retry.Reset(retries()[failures])
					failures++
					break
				}
			}
			failures = 0
			t.drop(l, w)
		}
	}
}

// first is what to tell now. Of an alarm that was raised and cleared meanwhile only the last word counts.
func (t *Teller) first(l *line) (word, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(l.words) == 0 {
		return word{}, false
	}
	w := l.words[0]
	for _, o := range l.words[1:] {
		if o.Alarm == w.Alarm && o.subject == w.subject {
			w = o
		}
	}
	return w, true
}

// drop forgets what was told, and what came before it of the same alarm.
func (t *Teller) drop(l *line, told word) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := l.words[:0]
	done := false
	for _, w := range l.words {
		if !done && w.Alarm == told.Alarm && w.subject == told.subject {
			done = w == told
			continue
		}
		kept = append(kept, w)
	}
	l.words = kept
}

func (t *Teller) post(ctx context.Context, l *line, w word) error {
	body, err := json.Marshal(w)
	if l.Body != nil {
		body, err = l.Body.render(w)
	}
	if err != nil {
		return errors.New("the body can't be rendered")
	}
	return t.call(ctx, http.MethodPost, l.URL, body)
}

// alive calls the dead man's switch while everything is in order.
func (t *Teller) alive(ctx context.Context, l *line) {
	if l.DeadManURL == "" || !t.o.Calm() {
		return
	}
	if err := t.call(ctx, http.MethodGet, l.DeadManURL, nil); err != nil && ctx.Err() == nil {
		t.o.Logger.Warn("the dead man's switch was not reached", "result", err)
	}
}

func (t *Teller) call(ctx context.Context, method, url string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL can't be used")
	}
	switch {
	case json.Valid(body):
		req.Header.Set("Content-Type", "application/json")
	case body != nil:
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	resp, err := t.o.Client.Do(req)
	if err != nil {
		return errors.New(protocol.Reason(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
