package protocol

import (
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
	"syscall"
	"text/template"
	"time"
)

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

// Dialer connects to the operator's systems, but never to link-local addresses or to
// our own listeners.
func Dialer(own []netip.AddrPort) *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error { return forbidden(address, own) }}
}

// NewClient makes an HTTP client for the operator's systems: it follows no redirect and
// verifies certificates, by ca where that is not nil. idle bounds the connections that
// are kept to one host.
func NewClient(d *net.Dialer, ca *x509.CertPool, idle int) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: d.DialContext, DisableCompression: true, MaxIdleConnsPerHost: idle, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ca},
			ForceAttemptHTTP2: true,
		},
	}
}

// Reason says in few words why a system did not answer, without its URL: that may hold a secret.
func Reason(err error) string {
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
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return fmt.Sprintf("no answer (%T)", err)
}

// TemplateFuncs are what the operator's templates have besides text/template's own.
func TemplateFuncs() template.FuncMap {
	return template.FuncMap{"json": func(v any) (string, error) {
		text, err := Marshal(v)
		return string(text), err
	}}
}
