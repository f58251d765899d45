package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"modemgate/cmd/modemgate/config"
	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/simulator"
)

// gateway is the whole product in process, between a simulated rack and a receiver.
type gateway struct {
	t        testing.TB
	dir      string
	rack     *modems.Rack
	receiver *simulator.Receiver
	app      *App
	router   routers.Router
}

const (
	qaToken    = "qa-0123456789abcdefghijklmnopqrstuv"
	otherToken = "other-0123456789abcdefghijklmnopqrs"
)

// newGateway starts one with so many modems; extra is added to its configuration.
func newGateway(t testing.TB, n int, extra string) *gateway {
	t.Helper()
	g := &gateway{t: t, dir: t.TempDir()}
	secret := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	key, err := protocol.ParseSigningKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	if g.receiver, err = simulator.NewReceiver([]protocol.SigningKey{key}, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, g.receiver) })
	for name, text := range map[string]string{"crm.whsec": secret, "qa.token": qaToken, "other.token": otherToken} {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ports := filepath.Join(g.dir, "rack")
	if err := os.Mkdir(ports, 0o700); err != nil {
		t.Fatal(err)
	}
	if g.rack, err = modems.New(modems.Options{Dir: ports, Modems: n, Profiles: modems.Profiles(), Seed: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, g.rack) })
	text := fmt.Sprintf(`data_dir = %[1]q
[api]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[modems]
ports = [%[2]q]
[[destination]]
name = "crm"
url = %[3]q
secret_file = %[4]q
[[app]]
name = "qa"
token_file = %[5]q
senders = ["SHOP"]
sims = { all = true }
rate = 1000000
quiet = "0s"
max_reservations = 1000
[[app]]
name = "other"
token_file = %[6]q
sims = { all = true }
scopes = ["read"]
rate = 1000
`, filepath.Join(g.dir, "data"), filepath.Join(ports, "slot*"), g.receiver.URL(),
		filepath.Join(g.dir, "crm.whsec"), filepath.Join(g.dir, "qa.token"), filepath.Join(g.dir, "other.token")) + extra
	if err := os.WriteFile(filepath.Join(g.dir, "modemgate.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.stop)
	g.start()
	g.describe()
	return g
}

// start starts the gateway on what is in its folder, and waits until all modems are ready.
func (g *gateway) start() {
	g.t.Helper()
	c, err := config.Load(filepath.Join(g.dir, "modemgate.toml"))
	if err != nil {
		g.t.Fatal(err)
	}
	if g.app, err = New(Options{Config: c, Version: "test", Sync: func() bool { return true }}); err != nil {
		g.t.Fatal(err)
	}
	if err := g.app.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.until("every modem to be ready", func() bool {
		ready := 0
		for _, m := range g.app.Pool().Modems() {
			if m.State == "ready" {
				ready++
			}
		}
		return ready == g.rack.Len()
	})
}

func (g *gateway) stop() {
	if g.app == nil {
		return
	}
	if err := g.app.Stop(g.t.Context()); err != nil && g.t.Context().Err() == nil {
		g.t.Error(err)
	}
	g.app = nil
}

// until waits for what the gateway's goroutines bring about.
func (g *gateway) until(what string, holds func() bool) {
	g.t.Helper()
	limit := time.NewTimer(2 * time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-limit.C:
			g.t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

// describe loads the description that the gateway serves, without a token.
func (g *gateway) describe() {
	g.t.Helper()
	resp, err := http.Get("http://" + g.app.APIAddr() + "/v1/openapi.json")
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		g.t.Fatal(err)
	}
	if g.router, err = gorillamux.NewRouter(doc); err != nil {
		g.t.Fatal(err)
	}
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// into decodes an answer's body.
func (a *answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// request is one exchange, of which the answer, and a request that was taken, are held
// to the description.
func (g *gateway) request(token, method, path, body string, headers ...string) *answer {
	g.t.Helper()
	build := func() *http.Request {
		r, err := http.NewRequestWithContext(g.t.Context(), method, "http://"+g.app.APIAddr()+path, strings.NewReader(body))
		if err != nil {
			g.t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return r
	}
	resp, err := http.DefaultClient.Do(build())
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		g.t.Fatal(err)
	}
	if a.header.Get("X-Request-Id") == "" {
		g.t.Errorf("%s %s: no X-Request-Id", method, path)
	}
	described := build()
	described.URL.Host, described.URL.Scheme = "", ""
	route, params, err := g.router.FindRoute(described)
	if err != nil { // no such path or method: a problem all the same
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			g.t.Errorf("%s %s: %d, and the description has no such thing", method, path, a.status)
		}
		return a
	}
	in := &openapi3filter.RequestValidationInput{
		Request: described, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if a.status < 300 {
		if err := openapi3filter.ValidateRequest(g.t.Context(), in); err != nil {
			g.t.Errorf("%s %s was taken against the description: %v", method, path, err)
		}
	}
	if err := openapi3filter.ValidateResponse(g.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), Options: in.Options,
	}); err != nil {
		g.t.Errorf("%s %s: %d: %v", method, path, a.status, err)
	}
	return a
}

// reserve reserves a number as qa and returns the modem that has its card.
func (g *gateway) reserve(body string) (protocol.Reservation, int) {
	g.t.Helper()
	var r protocol.Reservation
	a := g.request(qaToken, "POST", "/v1/reservations", body)
	if a.status != http.StatusCreated {
		g.t.Fatalf("reserving: %d %s", a.status, a.body)
	}
	a.into(g.t, &r)
	return r, g.modemOf(r.Number)
}

func (g *gateway) modemOf(number string) int {
	g.t.Helper()
	for i := range g.rack.Len() {
		if sim, _ := g.rack.Modem(i).SIM(); sim.MSISDN == number {
			return i
		}
	}
	g.t.Fatalf("no card has the number %s", number)
	return 0
}

// pushed waits until a text was pushed, and returns its delivery.
func (g *gateway) pushed(text string) (d simulator.Delivery) {
	g.t.Helper()
	g.until("a push", func() bool {
		got, _ := g.receiver.Deliveries()
		for _, x := range got {
			if x.Event.Type == string(pool.SMSReceived) && x.Event.Data.Text != nil && *x.Event.Data.Text == text {
				d = x
				return true
			}
		}
		return false
	})
	if d.Fault != nil {
		g.t.Errorf("delivery: %v", d.Fault)
	}
	return d
}

func closing(t testing.TB, c io.Closer) {
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// output is what a program prints, readable meanwhile.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String is what was printed so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
