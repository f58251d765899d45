package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"modemgate/protocol"
)

// framed is a listener whose connections see what net/http hides: a request that says its
// length and is chunked as well (RFC 9112, 6.3: it ought to be handled as an error, as a
// proxy in front may have taken the other of the two). net/http deletes the length.
type framed struct{ net.Listener }

// Accept implements net.Listener.
func (l framed) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &framedConn{Conn: c}, nil
}

// framedConn reads along, line by line; it holds nothing but the begin of the line that it
// is in. A block of lines up to an empty one that has both headers is a head with both:
// nothing else that this gateway takes has such lines, as JSON has no line that begins
// with a name. Only who reads uses it, but both.
type framedConn struct {
	net.Conn
	line             [len("transfer-encoding:")]byte
	n                int // bytes of the line so far; len(line) and more count as len(line)
	length, encoding bool
	both             atomic.Bool // stays: no such request is taken from this connection any more
}

// Read implements io.Reader.
func (c *framedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.scan(p[:n])
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil {
		// As net/http says it to who speaks plain HTTP to a listener with a certificate; it
		// does not know that this connection has TLS.
		_, _ = io.WriteString(plain.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nThis listener speaks HTTPS.\n")
	}
	return n, err
}

// scan notes the lines that p ends or goes on with.
func (c *framedConn) scan(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		c.n += copy(c.line[c.n:], part)
		if end < 0 {
			return
		}
		p = p[end+1:]
		line := c.line[:c.n]
		c.n = 0
		switch {
		case len(bytes.TrimSuffix(line, []byte("\r"))) == 0:
			c.length, c.encoding = false, false
		case hasName(line, "content-length:"):
			c.length = true
		case hasName(line, "transfer-encoding:"):
			c.encoding = true
		}
		if c.length && c.encoding {
			c.both.Store(true)
		}
	}
}

func hasName(line []byte, name string) bool {
	return len(line) >= len(name) && bytes.EqualFold(line[:len(name)], []byte(name))
}

// framedKey is where a request's context has its framedConn.
type framedKey struct{}

func withFramed(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, framedKey{}, c)
}

// refuseFaulty answers 400 to a request whose length is told in two ways, and ends its connection.
func refuseFaulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(framedKey{}).(*framedConn)
		if !ok || !c.both.Load() || len(r.TransferEncoding) == 0 && r.ProtoAtLeast(1, 1) { // in HTTP/1.0 net/http takes the length
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Connection", "close")
		protocol.NewProblem("invalid_request", "both Content-Length and Transfer-Encoding").Write(w)
	})
}
