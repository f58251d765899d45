package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"modemgate/protocol"
)

// wire sends bytes as they are and reads one answer; status 0: the connection was closed
// without one.
func (g *gateway) wire(text string) (status int, code string) {
	g.t.Helper()
	c, err := net.Dial("tcp", g.app.APIAddr())
	if err != nil {
		g.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		g.t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(c, text) }() // the server may close before all is written
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body) // cut by the server's closing
	for _, problem := range []string{"unauthorized", "not_found", "method_not_allowed", "too_large", "unsupported_media_type", "invalid_request"} {
		if bytes.Contains(body, []byte(`"code":"`+problem+`"`)) {
			return resp.StatusCode, problem
		}
	}
	return resp.StatusCode, ""
}

// TestHostileRequests sends what a client should not, as bytes on the wire. Nothing is
// taken, nothing breaks, and the token is never echoed.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 1, "")
	auth := "Authorization: Bearer " + qaToken + "\r\n"
	get := func(path, headers string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + "\r\n"
	}
	post := func(headers, body string) string {
		return fmt.Sprintf("POST /v1/reservations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s", auth+headers, len(body), body)
	}
	const json = "Content-Type: application/json\r\n"
	packed := func(text string, times int) string {
		for range times {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			_, _ = io.WriteString(w, text) // to memory
			_ = w.Close()
			text = b.String()
		}
		return text
	}
	for name, c := range map[string]struct {
		request string
		status  int
		code    string
	}{
		"no token":                      {get("/v1/numbers", ""), 401, "unauthorized"},
		"a wrong token":                 {get("/v1/numbers", "Authorization: Bearer nope\r\n"), 401, "unauthorized"},
		"two tokens":                    {get("/v1/numbers", auth+auth), 401, "unauthorized"},
		"scheme in lower case":          {get("/v1/numbers", strings.Replace(auth, "Bearer", "bearer", 1)), 200, ""},
		"Basic":                         {get("/v1/numbers", strings.Replace(auth, "Bearer", "Basic", 1)), 401, "unauthorized"},
		"the token in the query":        {get("/v1/numbers?access_token="+qaToken, ""), 401, "unauthorized"},
		"a token of 1 MB":               {get("/v1/numbers", "Authorization: Bearer "+strings.Repeat("x", 1<<20)+"\r\n"), 431, ""},
		"a head of 40 KiB":              {get("/v1/numbers", auth+"X: "+strings.Repeat("x", 40<<10)+"\r\n"), 431, ""},
		"a thousand headers":            {get("/v1/numbers", auth+strings.Repeat("X-Long-Header-Name: some value\r\n", 1000)), 431, ""},
		"no Host":                       {"GET /v1/numbers HTTP/1.1\r\n" + auth + "\r\n", 400, ""},
		"HTTP/0.9":                      {"GET /v1/numbers\r\n\r\n", 400, ""},
		"HTTP/2 in clear":               {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, ""},
		"TLS":                           {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x01", 300) + "\r\n\r\n", 400, ""},
		"bytes":                         {strings.Repeat("\xff\x00\xfe", 400) + "\r\n\r\n", 400, ""},
		"two lengths":                   {"POST /v1/reservations HTTP/1.1\r\nHost: x\r\n" + auth + json + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 400, ""},
		"a length and chunks":           {"POST /v1/reservations HTTP/1.1\r\nHost: x\r\n" + auth + json + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400, "invalid_request"},
		"chunks and a length":           {"POST /v1/reservations HTTP/1.1\r\nHost: x\r\ntransfer-encoding:chunked\r\n" + auth + json + "CONTENT-LENGTH:2\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400, "invalid_request"},
		"a length and chunks, bare LF":  {"POST /v1/reservations HTTP/1.1\nHost: x\nContent-Length: 2\nTransfer-Encoding: chunked\n" + strings.ReplaceAll(auth+json, "\r", "") + "\n2\r\n{}\r\n0\r\n\r\n", 400, "invalid_request"},
		"chunks in HTTP/1.0":            {"POST /v1/reservations HTTP/1.0\r\n" + auth + json + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400, "invalid_request"},
		"chunks, then a wrong body":     {"POST /v1/reservations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + auth + json + "Transfer-Encoding: chunked\r\n\r\n9\r\n{\"x\":1}\r\n\r\n0\r\n\r\n", 400, "invalid_request"},
		"a path that is none":           {get("/v1/nothing", auth), 404, "not_found"},
		"a slash at the end":            {get("/v1/numbers/", auth), 404, "not_found"},
		"an id with dots":               {get("/v1/reservations/..%2f..%2fetc", auth), 404, "not_found"},
		"an id of 10 kB":                {get("/v1/reservations/res_"+strings.Repeat("1", 10000), auth), 404, "not_found"},
		"an id of another kind":         {get("/v1/reservations/msg_1", auth), 404, "not_found"},
		"an id in upper case":           {get("/v1/reservations/RES_1", auth), 404, "not_found"},
		"PUT":                           {strings.Replace(get("/v1/numbers", auth), "GET", "PUT", 1), 405, "method_not_allowed"},
		"OPTIONS":                       {strings.Replace(get("/v1/numbers", auth), "GET", "OPTIONS", 1), 405, "method_not_allowed"},
		"TRACE":                         {strings.Replace(get("/v1/numbers", auth), "GET", "TRACE", 1), 405, "method_not_allowed"},
		"a query that is broken":        {get("/v1/messages?reservation=res_1%zz&limit=1", auth), 400, "invalid_request"},
		"a query of semicolons":         {get("/v1/messages?limit=1;since=2099-01-01T00:00:00Z", auth), 400, "invalid_request"},
		"limit 0":                       {get("/v1/messages?limit=0", auth), 400, "invalid_request"},
		"limit -1":                      {get("/v1/messages?limit=-1", auth), 400, "invalid_request"},
		"limit 1001":                    {get("/v1/messages?limit=1001", auth), 400, "invalid_request"},
		"limit x":                       {get("/v1/messages?limit=x", auth), 400, "invalid_request"},
		"limit twice":                   {get("/v1/messages?limit=1&limit=2", auth), 400, "invalid_request"},
		"after of another kind":         {get("/v1/messages?after=res_1", auth), 400, "invalid_request"},
		"since without zone":            {get("/v1/messages?since=2026-01-01T00:00:00", auth), 400, "invalid_request"},
		"since in the year 0":           {get("/v1/messages?since=0000-01-01T00:00:00Z", auth), 400, "invalid_request"},
		"since in the future":           {get("/v1/messages?since=2100-01-01T00:00:00Z", auth), 200, ""},
		"Accept: xml":                   {get("/v1/numbers", auth+"Accept: application/xml\r\n"), 200, ""},
		"GET with a body":               {"GET /v1/numbers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + auth + "Content-Length: 2\r\n\r\n{}", 200, ""},
		"no Content-Type":               {post("", "{}"), 415, "unsupported_media_type"},
		"a form":                        {post("Content-Type: application/x-www-form-urlencoded\r\n", "ttl_s=1"), 415, "unsupported_media_type"},
		"utf-16":                        {post("Content-Type: application/json; charset=utf-16\r\n", "{}"), 415, "unsupported_media_type"},
		"brotli":                        {post(json+"Content-Encoding: br\r\n", "{}"), 415, "unsupported_media_type"},
		"two encodings":                 {post(json+"Content-Encoding: gzip, gzip\r\n", packed("{}", 2)), 415, "unsupported_media_type"},
		"no gzip":                       {post(json+"Content-Encoding: gzip\r\n", "{}"), 400, "invalid_request"},
		"gzip cut short":                {post(json+"Content-Encoding: gzip\r\n", packed(`{"purpose":"abc"}`, 1)[:20]), 400, "invalid_request"},
		"gzip in gzip":                  {post(json+"Content-Encoding: gzip\r\n", packed("{}", 2)), 400, "invalid_request"},
		"a bomb":                        {post(json+"Content-Encoding: gzip\r\n", packed(`{"purpose":"`+strings.Repeat("a", 60<<20)+`"}`, 1)), 413, "too_large"},
		"65 KiB":                        {post(json, `{"purpose":"`+strings.Repeat("a", 65<<10)+`"}`), 413, "too_large"},
		"a number without +":            {post(json, `{"number":"0151234567"}`), 400, "invalid_request"},
		"a number of 40 digits":         {post(json, `{"number":"+`+strings.Repeat("4", 40)+`"}`), 400, "invalid_request"},
		"ttl 0":                         {post(json, `{"ttl_s":0}`), 400, "invalid_request"},
		"ttl below 0":                   {post(json, `{"ttl_s":-1}`), 400, "invalid_request"},
		"wait 56":                       {post(json, `{"wait_s":56}`), 400, "invalid_request"},
		"a name that is doubled":        {post(json, `{"ttl_s":1,"ttl_s":2}`), 400, "invalid_request"},
		"what follows":                  {post(json, `{}{}`), 400, "invalid_request"},
		"a forwarded address of others": {get("/v1/numbers", auth+"X-Forwarded-For: 203.0.113.7\r\n"), 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if status, code := g.wire(c.request); status != c.status || code != c.code {
				t.Errorf("%d %s, not %d %s", status, code, c.status, c.code)
			}
		})
	}
	if a := g.request(qaToken, "GET", "/v1/reservations", ""); !strings.Contains(string(a.body), `"items":[]`) {
		t.Errorf("something was reserved: %s", a.body)
	}
}

// TestClientLeaves gives no answer that looks like a good one to a client that has ended
// its side, and a problem for a body that does not come whole.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 1, "")
	sim, _ := g.rack.Modem(0).SIM()
	for name, c := range map[string]struct {
		length int
		body   string
		status int
	}{
		"while it waits":  {0, fmt.Sprintf(`{"number":%q,"timeout_s":5}`, sim.MSISDN), 0},
		"inside the body": {500, `{"num`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", g.app.APIAddr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			length := max(c.length, len(c.body))
			if _, err := fmt.Fprintf(conn, "POST /v1/wait HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", qaToken, length, c.body); err != nil {
				t.Fatal(err)
			}
			if c.status == 0 {
				g.until("the call to wait", func() bool { return g.app.Pool().Waiting() == 1 })
			}
			if tcp, ok := conn.(*net.TCPConn); !ok || tcp.CloseWrite() != nil {
				t.Fatal("can't end our side")
			}
			status := 0
			if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
				status = resp.StatusCode
				_ = resp.Body.Close() // only the status counts
			}
			if status != c.status {
				t.Errorf("%d, not %d", status, c.status)
			}
		})
	}
}

// TestAdminRefusals answers wrong methods with those that are right, and wrong tokens
// only so often.
func TestAdminRefusals(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 1, "")
	ask := func(method, path, token string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.app.AdminAddr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Allow")
	}
	if status, allow := ask("OPTIONS", "/api/v1/status", ""); status != http.StatusMethodNotAllowed || allow != "GET" {
		t.Errorf("%d, Allow %q", status, allow)
	}
	if status, allow := ask("PUT", "/api/v1/messages", ""); status != http.StatusMethodNotAllowed || allow != "GET, DELETE" {
		t.Errorf("%d, Allow %q", status, allow)
	}
	if status, _ := ask("GET", "/api/v1/nothing", ""); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
	if status, _ := ask("POST", "/api/v1/messages/resend", ""); status != http.StatusBadRequest {
		t.Errorf("%d", status)
	}
	g.app.admin.SetToken("the-operator's-own-token")
	for i := range 12 {
		want := http.StatusUnauthorized
		if i >= 10 {
			want = http.StatusTooManyRequests
		}
		if status, _ := ask("GET", "/api/v1/status", "wrong"); status != want {
			t.Errorf("wrong token %d: %d, not %d", i+1, status, want)
		}
	}
	if status, _ := ask("GET", "/api/v1/status", "the-operator's-own-token"); status != http.StatusOK {
		t.Errorf("the right one: %d", status)
	}
	if !g.app.admin.TokenFailures(time.Now()) {
		t.Error("nobody is told of it")
	}
}

// TestLastNumber lets 64 clients ask for one number at once: one gets it. With one
// Idempotency-Key all of them get the same answer.
func TestLastNumber(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 1, "")
	storm := func(headers ...string) (counts map[int]int, ids map[string]bool) {
		counts, ids = map[int]int{}, map[string]bool{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				a := g.request(qaToken, "POST", "/v1/reservations", `{"ttl_s":60}`, headers...)
				var r protocol.Reservation
				a.into(t, &r)
				mu.Lock()
				defer mu.Unlock()
				counts[a.status]++
				if a.status == http.StatusCreated {
					ids[r.ID] = true
				}
			})
		}
		wg.Wait()
		return counts, ids
	}
	counts, ids := storm()
	if counts[201] != 1 || counts[409] != 63 {
		t.Errorf("%v", counts)
	}
	for id := range ids {
		g.request(qaToken, "DELETE", "/v1/reservations/"+id, "")
	}
	counts, ids = storm("Idempotency-Key", "one")
	if counts[201] != 64 || len(ids) != 1 {
		t.Errorf("with one key: %v, %d reservations", counts, len(ids))
	}
}

// TestSlowClients lets many connections trickle while others work on: they are served,
// and the slow ones are closed.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 1, "")
	var slow []net.Conn
	for range 300 {
		c, err := net.Dial("tcp", g.app.APIAddr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "POST /v1/reservations HTTP/1.1\r\nHost: x\r\nX: "); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	for range 50 {
		if a := g.request(qaToken, "GET", "/v1/availability", ""); a.status != http.StatusOK {
			t.Fatalf("a good client: %d", a.status)
		}
	}
	for _, c := range slow[:3] {
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("a slow one was not closed: %v", err)
		}
	}
}
