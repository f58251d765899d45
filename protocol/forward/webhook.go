package forward

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"modemgate/protocol"
)

const (
	maxAnswer  = 64 << 10 // of an answer that is read
	keepAnswer = 512      // of an answer that is shown
)

// WebhookOptions is what a webhook is made of. URL and Keys are required.
type WebhookOptions struct {
	URL       string
	Keys      []protocol.SigningKey // one, or two while secrets change
	Headers   map[string]string
	Template  *Template // nil: the event itself
	CA        *x509.CertPool
	UserAgent string
	Workers   int
	Own       []netip.AddrPort // our own listeners, which are never called
}

// webhook posts events as Standard Webhooks has it.
type webhook struct {
	o      WebhookOptions
	client *http.Client
}

// NewWebhook makes a Sender.
func NewWebhook(o WebhookOptions) Sender {
	return &webhook{o: o, client: protocol.NewClient(protocol.Dialer(o.Own), o.CA, o.Workers)}
}

// Send implements Sender.
func (w *webhook) Send(ctx context.Context, p *Parcel) Result {
	body, kind := p.Body, "application/json"
	if w.o.Template != nil {
		var err error
		if body, kind, err = w.o.Template.render(p); err != nil {
			return Result{Verdict: Refused, Local: true, Note: "the template can't be rendered: " + err.Error()}
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.o.URL, bytes.NewReader(body))
	if err != nil {
		return Result{Verdict: Refused, Local: true, Note: "the URL can't be used"}
	}
	now := time.Now()
	for name, value := range w.o.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", w.o.UserAgent)
	// Written as Standard Webhooks writes them; HTTP reads names without case.
	req.Header[protocol.HeaderID] = []string{p.ID}
	req.Header[protocol.HeaderTimestamp] = []string{strconv.FormatInt(now.Unix(), 10)}
	req.Header[protocol.HeaderSignature] = []string{protocol.Sign(w.o.Keys, p.ID, now, body)}
	req.Header[protocol.HeaderAttempt] = []string{strconv.Itoa(p.Attempt)}
	if p.Replay {
		req.Header[protocol.HeaderReplay] = []string{"true"}
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return Result{Verdict: Failed, Note: protocol.Reason(err)}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return verdict(resp, answer, err)
}

// verdict reads an answer: any 2xx whose body ends, or goes on past what is read, in time.
func verdict(resp *http.Response, answer []byte, err error) Result {
	r := Result{Verdict: Refused, Note: strconv.Itoa(resp.StatusCode), Answer: strings.ToValidUTF8(string(answer[:min(len(answer), keepAnswer)]), "�")}
	switch code := resp.StatusCode; {
	case err != nil:
		r.Verdict, r.Note = Failed, r.Note+", then "+protocol.Reason(err)
	case code >= 200 && code < 300:
		r.Verdict, r.Answer = Delivered, ""
	case code == http.StatusGone:
		r.Verdict = Gone
	case code >= 500, code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusTooManyRequests:
		r.Verdict = Failed
	}
	if after := resp.Header.Get("Retry-After"); after != "" {
		if n, err := strconv.ParseInt(after, 10, 32); err == nil && n > 0 {
			r.RetryAfter = time.Duration(n) * time.Second
		} else if at, err := http.ParseTime(after); err == nil {
			r.RetryAfter = time.Until(at)
		}
	}
	return r
}

// Run implements Sender: it lets idle connections go at the end.
func (w *webhook) Run(ctx context.Context) {
	<-ctx.Done()
	w.client.CloseIdleConnections()
}
