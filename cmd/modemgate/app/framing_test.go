package app

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFramedConn finds both headers in one head, wherever reads cut it, and not in two.
func TestFramedConn(t *testing.T) {
	const (
		length   = "Content-Length: 2\r\n"
		encoding = "Transfer-Encoding: chunked\r\n"
		begin    = "POST / HTTP/1.1\r\nHost: x\r\n"
	)
	for text, both := range map[string]bool{
		begin + length + encoding + "\r\n":                                                true,
		begin + encoding + "X: y\r\n" + length + "\r\n2\r\n{}\r\n0\r\n\r\n":               true,
		"POST / HTTP/1.1\ncontent-length:2\nTRANSFER-ENCODING:chunked\n\n":                true,
		begin + length + "\r\n{}" + begin + encoding + length + "\r\n":                    true,
		begin + length + "\r\n{}" + begin + encoding + "\r\n0\r\n\r\n":                    false,
		begin + encoding + "\r\n2\r\n{}\r\n0\r\n\r\n" + begin + length + "\r\n{}":         false,
		begin + "X-Content-Length: 2\r\n" + encoding + "\r\n":                             false,
		begin + "X: Content-Length: 2\r\n" + encoding + "\r\n":                            false,
		begin + encoding + " Content-Length: 2\r\n\r\n":                                   false, // goes on with the line before
		begin + encoding + "X: " + strings.Repeat("y", 100) + "Content-Length: 2\r\n\r\n": false,
	} {
		for cut := range len(text) + 1 {
			c := &framedConn{}
			c.scan([]byte(text[:cut]))
			c.scan([]byte(text[cut:]))
			if c.both.Load() != both {
				t.Errorf("%q cut at %d: %v", text, cut, c.both.Load())
			}
		}
		c := &framedConn{}
		for _, b := range []byte(text) {
			c.scan([]byte{b})
		}
		if c.both.Load() != both {
			t.Errorf("%q byte by byte: %v", text, c.both.Load())
		}
	}
}

// TestListenerWithCertificate serves HTTPS, and tells so to who comes without.
func TestListenerWithCertificate(t *testing.T) {
	t.Parallel()
	known := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer known.Close()
	g := newGateway(t, 1, "")
	g.stop()
	pair := known.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(filepath.Join(g.dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(g.dir, "modemgate.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := "tls_cert_file = \"" + filepath.Join(g.dir, "cert.pem") + "\"\ntls_key_file = \"" + filepath.Join(g.dir, "key.pem") + "\"\n"
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "[admin]\n", "[admin]\n"+files, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	g.start()
	for scheme, want := range map[string]int{"https": 200, "http": 400} {
		resp, err := known.Client().Get(scheme + "://" + g.app.AdminAddr() + "/healthz")
		if err != nil {
			t.Errorf("%s: %v", scheme, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // it was read
		if resp.StatusCode != want || err != nil || want == 400 && !strings.Contains(string(body), "HTTPS") {
			t.Errorf("%s: %s, %s, %v", scheme, resp.Status, body, err)
		}
	}
}
