package forward

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
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
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		return forbidden(address, o.Own)
	}}
	return &webhook{o: o, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, DisableCompression: true, MaxIdleConnsPerHost: o.Workers, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.CA},
			ForceAttemptHTTP2: true,
		},
	}}
}

// errForbidden means that an address must not be called.
var errForbidden = errors.New("the address is link-local or our own listener")

// forbidden refuses link-local addresses and our own listeners, whatever name led there.
func forbidden(address string, own []netip.AddrPort) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := a.Addr().Unmap()
	if ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() {
		return errForbidden
	}
	for _, o := range own {
		if o.Port() == a.Port() && (o.Addr().Unmap() == ip || o.Addr().IsUnspecified() && ip.IsLoopback()) {
			return errForbidden
		}
	}
	return nil
}

// Send implements Sender.
func (w *webhook) Send(ctx context.Context, p *Parcel) Result {
	body, kind := p.Body, "application/json"
	if w.o.Template != nil {
		var err error
		if body, kind, err = w.o.Template.render(p); err != nil {
			return Result{Verdict: Refused, Note: "the template can't be rendered: " + err.Error()}
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.o.URL, bytes.NewReader(body))
	if err != nil {
		return Result{Verdict: Refused, Note: "the URL can't be used"}
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
		return Result{Verdict: Failed, Note: reason(err)}
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
		r.Verdict, r.Note = Failed, r.Note+", then "+reason(err)
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

// reason says in few words why no answer came, without the URL: it may hold a secret.
func reason(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, errForbidden):
		return errForbidden.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.As(err, &dns):
		return "name not found"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "certificate not trusted"
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "timeout"
	}
	return fmt.Sprintf("no answer (%T)", err)
}

// Close implements Sender.
func (w *webhook) Close() { w.client.CloseIdleConnections() }
