package forward

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"modemgate/protocol"
)

func testKey(t *testing.T) protocol.SigningKey {
	t.Helper()
	key, err := protocol.ParseSigningKey("whsec_" + strings.Repeat("A", 32))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// raw is a receiver that answers with bytes of a test's choice, and counts connections
// on which a request came.
func raw(t *testing.T, answer func(c net.Conn)) (url string, requests *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests = &atomic.Int64{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body) // of our own making
				requests.Add(1)
				answer(c)
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close() // once
		<-done
	})
	return "http://" + l.Addr().String() + "/hook", requests
}

func says(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

// drip sends a byte again and again until the client has enough.
func drip(c net.Conn, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for range tick.C {
		if _, err := c.Write([]byte("x")); err != nil {
			return
		}
	}
}

// TestAnswers reads what receivers do, from the table of what they were seen to do.
func TestAnswers(t *testing.T) {
	t.Parallel()
	plain := func(status string, headers ...string) func(net.Conn) {
		return says("HTTP/1.1 " + status + "\r\nContent-Length: 2\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\nok")
	}
	for name, c := range map[string]struct {
		answer  func(net.Conn)
		verdict Verdict
		note    string
		after   time.Duration // Retry-After
	}{
		"200":                           {plain("200 OK"), Delivered, "200", 0},
		"201":                           {plain("201 Created"), Delivered, "201", 0},
		"202":                           {plain("202 Accepted"), Delivered, "202", 0},
		"204":                           {says("HTTP/1.1 204 No Content\r\n\r\n"), Delivered, "204", 0},
		"299":                           {plain("299 Fine"), Delivered, "299", 0},
		"1xx before":                    {says("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Delivered, "200", 0},
		"a portal's page":               {says("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"), Delivered, "200", 0},
		"a body without end":            {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("x", 1<<20)) }, Delivered, "200", 0},
		"302 to another host":           {plain("302 Found", "Location: http://127.0.0.1:1/"), Refused, "302", 0},
		"307 to another host":           {plain("307 Temporary Redirect", "Location: http://127.0.0.1:1/"), Refused, "307", 0},
		"400":                           {plain("400 Bad Request"), Refused, "400", 0},
		"404":                           {plain("404 Not Found"), Refused, "404", 0},
		"409":                           {plain("409 Conflict"), Refused, "409", 0},
		"422":                           {plain("422 Unprocessable"), Refused, "422", 0},
		"401":                           {plain("401 Unauthorized"), Failed, "401", 0},
		"403":                           {plain("403 Forbidden"), Failed, "403", 0},
		"410":                           {plain("410 Gone"), Gone, "410", 0},
		"429 in seconds":                {plain("429 Slow", "Retry-After: 7"), Failed, "429", 7 * time.Second},
		"500":                           {plain("500 Oops"), Failed, "500", 0},
		"503 with junk":                 {plain("503 Later", "Retry-After: soon"), Failed, "503", 0},
		"503 negative":                  {plain("503 Later", "Retry-After: -5"), Failed, "503", 0},
		"503 huge":                      {plain("503 Later", "Retry-After: 99999999999999999999"), Failed, "503", 0},
		"says nothing":                  {func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, Failed, "timeout", 0},
		"a body that drips":             {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"); drip(c, 50*time.Millisecond) }, Failed, "200, then timeout", 0},
		"a head that drips":             {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "); drip(c, 50*time.Millisecond) }, Failed, "timeout", 0},
		"closes without an answer":      {func(net.Conn) {}, Failed, "connection closed", 0},
		"closes inside the body":        {says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), Failed, "200, then connection closed", 0},
		"garbage":                       {says("SSH-2.0-OpenSSH\r\n"), Failed, "", 0},
		"resets":                        {func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, Failed, "connection closed", 0},
		"a status that is none":         {says("HTTP/1.1 abc\r\n\r\n"), Failed, "", 0},
		"an answer that quotes secrets": {says("HTTP/1.1 400 Bad\r\nContent-Length: 5\r\n\r\nzone\xff"), Refused, "400", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, requests := raw(t, c.answer)
			s := running(t, NewWebhook(WebhookOptions{URL: url, Keys: []protocol.SigningKey{testKey(t)}, Workers: 1}))
			begun := time.Now()
			r := send(s, 1, 400*time.Millisecond)
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("the worker was held for %v", took)
			}
			if r.Verdict != c.verdict || c.note != "" && r.Note != c.note || r.Note == "" {
				t.Errorf("%d (%s), not %d (%s)", r.Verdict, r.Note, c.verdict, c.note)
			}
			if r.RetryAfter != c.after {
				t.Errorf("Retry-After %v", r.RetryAfter)
			}
			if strings.Contains(r.Note, "127.0.0.1") || strings.Contains(r.Note, "hook") {
				t.Errorf("the note tells the URL: %s", r.Note)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%d requests", n)
			}
			if len(r.Answer) > 2*keepAnswer {
				t.Errorf("%d bytes of the answer are kept", len(r.Answer))
			}
		})
	}
}

// TestNeverCalled holds the sender to addresses that it may call, whatever name leads there.
func TestNeverCalled(t *testing.T) {
	t.Parallel()
	url, requests := raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	own := netip.MustParseAddrPort(strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/hook"))
	for _, target := range []string{url, strings.Replace(url, "127.0.0.1", "localhost", 1), "http://169.254.169.254/latest", "http://[fe80::1]/"} {
		s := NewWebhook(WebhookOptions{URL: target, Keys: []protocol.SigningKey{testKey(t)}, Workers: 1, Own: []netip.AddrPort{own}})
		if r := send(s, 1, time.Second); r.Verdict != Failed {
			t.Errorf("%s: %d (%s)", target, r.Verdict, r.Note)
		}
	}
	if requests.Load() != 0 {
		t.Error("our own listener was called")
	}
}

// TestUntrusted refuses certificates that nobody vouches for, and sends nothing before.
func TestUntrusted(t *testing.T) {
	t.Parallel()
	var got atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key, roots := certificate(t, dir)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }), ErrorLog: nil}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.ServeTLS(l, cert, key); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	defer func() {
		_ = server.Close() // once
		<-done
	}()
	o := WebhookOptions{URL: "https://" + l.Addr().String() + "/", Keys: []protocol.SigningKey{testKey(t)}, Workers: 1}
	if r := send(NewWebhook(o), 1, 2*time.Second); r.Verdict != Failed || r.Note != "certificate not trusted" || got.Load() != 0 {
		t.Errorf("%d (%s), %d requests", r.Verdict, r.Note, got.Load())
	}
	o.CA = roots
	if r := send(running(t, NewWebhook(o)), 1, 2*time.Second); r.Verdict != Delivered {
		t.Errorf("with its own root: %d (%s)", r.Verdict, r.Note)
	}
}

// FuzzTemplate renders whatever an event holds: JSON stays JSON, or nothing is sent.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"", "zone 3", "a \"quoted\" \\ line\n", "\xff\xfe", "\u2028</script>", strings.Repeat("x", 2000)} {
		f.Add(text, "+4930", "door")
	}
	bodies := []string{`{"text":{{json .Data.text}}}`, `{"text":{{json (printf "%v: %v" .Sim .Data.from)}}}`, `{"raw":"{{.Data.text}}"}`}
	var all []*Template
	for _, b := range bodies[:2] {
		tmpl, err := ParseTemplate(b, "application/json", "rack")
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, tmpl)
	}
	if _, err := ParseTemplate(bodies[2], "application/json", "rack"); err == nil {
		f.Fatal("a body that does not escape is taken")
	}
	f.Fuzz(func(t *testing.T, text, from, sim string) {
		p := &Parcel{ID: "evt_1", SIM: sim, Body: fmt.Appendf(nil, `{"type":"sms.received","id":"evt_1","timestamp":"t","data":{"text":%q,"from":%q}}`, text, from)}
		for _, tmpl := range all {
			body, kind, err := tmpl.render(p)
			if err == nil && (!isJSON(kind) || len(body) == 0) {
				t.Errorf("%q: %s", body, kind)
			}
			if err != nil && text != "" && len(text) > 8 && strings.Contains(err.Error(), text) {
				t.Errorf("the error quotes the text")
			}
		}
		topic, err := ParseTopic(DefaultTopic)
		if err != nil {
			t.Fatal(err)
		}
		v, err := p.view("rack")
		if err != nil {
			return
		}
		if got, err := topic.render(v); err == nil && (strings.ContainsAny(got, "+#") || strings.Count(got, "/") != 4) {
			t.Errorf("topic %q", got)
		}
	})
}
