package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"modemgate/cmd/modemgate/app"
	"modemgate/cmd/modemgate/config"
	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/simulator"
	"modemgate/protocol/trigger"
)

const (
	selftestModems = 4
	selftestName   = "selftest"
	selftestReport = "selftest-receipts" // secret of the receipts' path
)

func selftestCommand() command {
	return command{
		name: "selftest", short: "runs the API's documentation point by point",
		long: "By default against an instance of its own with this configuration, on a simulated rack, with webhooks that go to a\n" +
			"stand-in: nothing real is touched. With -live against a running gateway's API with the token of an application: only what\n" +
			"leaves no trace but a reservation of some seconds and a cancelled test.",
		setup: func(e *env) func() error {
			path := e.configFlag()
			live := e.flags.String("live", "", "the `URL` of a running gateway's API")
			tokenFile := e.flags.String("token-file", "", "the `file` of an application's token, with -live")
			asJSON := e.jsonFlag()
			return func() error {
				if (*live == "") != (*tokenFile == "") {
					return fmt.Errorf("%w: -live and -token-file belong together", errUsage)
				}
				ctx, stop := signal.NotifyContext(e.ctx, syscall.SIGINT, syscall.SIGTERM)
				defer stop()
				s := &selftest{ctx: ctx, http: &http.Client{Timeout: 70 * time.Second}}
				defer s.http.CloseIdleConnections()
				if *live != "" {
					text, err := os.ReadFile(*tokenFile)
					if err != nil {
						return &failure{what: "reading the token", err: err}
					}
					s.url, s.token = strings.TrimRight(*live, "/"), strings.TrimSpace(string(text))
					return s.report(e, livePoints(), *asJSON)
				}
				return s.private(e, *path, *asJSON)
			}
		},
	}
}

// selftest asks a gateway and judges its answers.
type selftest struct {
	ctx   context.Context
	http  *http.Client
	url   string
	token string

	// Of a private instance; nil with -live.
	rack     *modems.Rack
	receiver *simulator.Receiver
	provider *simulator.Provider
	app      *app.App
}

// point is one sentence of the documentation.
type point struct {
	section string // of api.md
	what    string
	check   func(s *selftest) error
}

// verdictRow is a point's row.
type verdictRow struct {
	Section string  `json:"section"`
	Point   string  `json:"point"`
	OK      bool    `json:"ok"`
	Why     *string `json:"why"`
}

// report runs the points and prints a row each.
func (s *selftest) report(e *env, points []point, asJSON bool) error {
	var rows []verdictRow
	failed := 0
	for _, p := range points {
		if s.ctx.Err() != nil {
			return &failure{what: "interrupted"}
		}
		row := verdictRow{Section: p.section, Point: p.what, OK: true}
		word := "ok  "
		if err := p.check(s); err != nil {
			why := oneLine(err.Error())
			row.OK, row.Why = false, &why
			failed++
			word = "FAIL"
		}
		rows = append(rows, row)
		if !asJSON {
			fmt.Fprintf(e.stdout, "%s api.md %s: %s", word, p.section, p.what)
			if row.Why != nil {
				fmt.Fprintf(e.stdout, ": %s", *row.Why)
			}
			fmt.Fprintln(e.stdout)
		}
	}
	if asJSON {
		if err := printJSON(e.stdout, protocol.List[verdictRow]{Items: rows}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(e.stdout, "%d of %d points hold\n", len(points)-failed, len(points))
	}
	if failed > 0 {
		return &failure{what: fmt.Sprintf("%d of %d points do not hold", failed, len(points))}
	}
	return nil
}

// private runs all points against an instance of its own.
func (s *selftest) private(e *env, given string, asJSON bool) (err error) {
	c := &config.Config{}
	if path := configPath(given); path != "" {
		if c, err = loadConfig(given); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "modemgate-selftest-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.stage(c, dir); err != nil {
		return err
	}
	if err := s.app.Start(); err != nil {
		return err
	}
	s.url = "http://" + s.app.APIAddr()
	s.provider.SetReceipts(s.url + "/v1/dlr/" + selftestName + "/" + selftestReport)
	if err := s.until("every simulated modem to be ready", func() bool {
		ready := 0
		for _, m := range s.app.Pool().Modems() {
			if m.State == "ready" {
				ready++
			}
		}
		return ready == selftestModems
	}); err != nil {
		return err
	}
	return s.report(e, append(livePoints(), privatePoints()...), asJSON)
}

// stage makes rack, stand-ins and gateway. Of the operator's configuration everything
// stays that reaches nothing real: times, routes, applications, and webhooks, which go to
// the stand-in.
func (s *selftest) stage(c *config.Config, dir string) (err error) {
	rackDir := filepath.Join(dir, "rack")
	if err := os.Mkdir(rackDir, 0o700); err != nil {
		return err
	}
	if s.rack, err = modems.New(modems.Options{Dir: rackDir, Modems: selftestModems, Profiles: modems.Profiles(), Seed: 1}); err != nil {
		return err
	}
	var raw [32]byte
	rand.Read(raw[:])
	key, err := protocol.ParseSigningKey("whsec_" + base64.StdEncoding.EncodeToString(raw[:]))
	if err != nil {
		return err
	}
	keys := []protocol.SigningKey{key}
	for _, d := range c.Destinations {
		keys = append(keys, d.Keys...)
	}
	var mu sync.Mutex
	refused := map[string]bool{} // what contains "refused once" is, by its id
	if s.receiver, err = simulator.NewReceiver(keys, func(d *simulator.Delivery) simulator.Behaviour {
		mu.Lock()
		defer mu.Unlock()
		if bytes.Contains(d.Body, []byte("refused once")) && !refused[d.ID] {
			refused[d.ID] = true
			return simulator.Behaviour{Status: http.StatusInternalServerError}
		}
		return simulator.Behaviour{}
	}); err != nil {
		return err
	}
	if s.provider, err = simulator.NewProvider(simulator.ProviderOptions{From: "SELFTEST", Deliver: s.deliver, Behave: func(o simulator.Order) simulator.Deed {
		if strings.HasPrefix(o.Text, "altered") {
			return simulator.Deed{Text: o.Text + " STOP", Report: "DELIVRD", After: time.Second}
		}
		return simulator.Deed{Report: "DELIVRD", After: time.Second}
	}}); err != nil {
		return err
	}
	if err := s.configure(c, dir, filepath.Join(rackDir, "slot*"), key); err != nil {
		return err
	}
	s.app, err = app.New(app.Options{Config: c, Version: version(), Sync: func() bool { return true }})
	return err
}

// configure turns an operator's configuration into that of the private instance.
func (s *selftest) configure(c *config.Config, dir, ports string, key protocol.SigningKey) error {
	s.token = rand.Text() + rand.Text()
	if c.Host == "" { // there is none: the defaults
		path := filepath.Join(dir, "modemgate.toml")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		made, err := config.Load(path)
		if err != nil {
			return err
		}
		*c = *made
	}
	c.DataDir = filepath.Join(dir, "data")
	c.API = config.Listener{Listen: "127.0.0.1:0"}
	c.Admin = config.Listener{Listen: "127.0.0.1:0"}
	c.Modems.Ports, c.Modems.Ignore, c.Modems.LetRing = []string{ports}, nil, false
	c.Alarms, c.Pool.HoldUnlisted = nil, false
	var hooks []config.Destination
	var known []pool.Destination
	for _, d := range c.Destinations {
		if d.Kind == "webhook" {
			d.URL, d.CA = s.receiver.URL(), nil
			hooks = append(hooks, d)
			known = append(known, pool.Destination{Name: d.Name, Events: d.Events})
		}
	}
	events := []pool.EventType{pool.SMSReceived, pool.CallReceived, pool.TestFinished}
	own := config.Destination{
		Name: selftestName, Kind: "webhook", Events: events, URL: s.receiver.URL(), Keys: []protocol.SigningKey{key}, Timeout: 5 * time.Second, Workers: 4,
		Retry: []time.Duration{time.Second}, GiveUpAfter: time.Hour, BacklogRate: 100,
	}
	c.Destinations, c.Pool.Destinations = append(hooks, own), append(known, pool.Destination{Name: selftestName, Events: events})
	if len(c.Pool.Routes) > 0 {
		c.Pool.Routes = append([]pool.Route{{Name: selftestName, To: []string{selftestName}}}, c.Pool.Routes...)
	}
	mine := pool.App{
		Name: selftestName, Scopes: []pool.Scope{pool.ScopeRead, pool.ScopeReserve, pool.ScopeTest}, Senders: []string{"SELFTEST"},
		Select: pool.Selection{All: true}, MaxReservations: 10, MaxTTL: time.Hour,
	}
	c.Apps = append(c.Apps, config.App{App: mine, Tokens: []string{s.token}, Rate: 1000})
	c.Pool.Apps = append(c.Pool.Apps, mine)
	request, err := trigger.ParseRequest(trigger.RequestText{
		Method: http.MethodPost, URL: s.provider.URL(), ContentType: "application/json", Body: `{"to":{{json .Number}},"text":{{json .Text}}}`,
	})
	if err != nil {
		return err
	}
	c.Providers = []trigger.Provider{{Name: selftestName, Request: request, Accepted: []int{http.StatusCreated}, ID: "/id", Timeout: 5 * time.Second}}
	c.Pool.Providers, c.Pool.Monitors = []pool.Provider{{Name: selftestName, DailyMessages: 1000, Reports: true}}, nil
	c.Reporters = []apiReporter{selftestReporter()}
	return nil
}

// deliver puts a provider's message on the card that has the number.
func (s *selftest) deliver(to, from, text string) {
	for i := range s.rack.Len() {
		if numberOf(s.rack, i) == to {
			s.rack.Modem(i).Deliver(modems.SMS{From: from, Text: text})
		}
	}
}

func (s *selftest) close() error {
	var errs []error
	if s.app != nil {
		errs = append(errs, s.app.Stop(context.WithoutCancel(s.ctx)))
	}
	if s.provider != nil {
		errs = append(errs, s.provider.Close())
	}
	if s.receiver != nil {
		errs = append(errs, s.receiver.Close())
	}
	if s.rack != nil {
		errs = append(errs, s.rack.Close())
	}
	return errors.Join(errs...)
}

// until waits for what the gateway brings about.
func (s *selftest) until(what string, holds func() bool) error {
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-limit.C:
			return fmt.Errorf("waited in vain for %s", what)
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// reply is what a request got.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// ask makes one request with the token; headers are names and values, and an empty value
// takes a header away.
func (s *selftest) ask(method, path, body string, headers ...string) (*reply, error) {
	req, err := http.NewRequestWithContext(s.ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		} else {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.Header.Get("X-Request-Id") == "" {
		err = errors.New("the answer has no X-Request-Id")
	}
	return &reply{resp.StatusCode, resp.Header, text}, err
}

// want makes one request whose answer must have a status, and a code when it is a problem.
func (s *selftest) want(status int, code, method, path, body string, headers ...string) (*reply, error) {
	r, err := s.ask(method, path, body, headers...)
	if err != nil {
		return nil, err
	}
	if r.status != status {
		return nil, fmt.Errorf("%s %s: %d, want %d: %s", method, path, r.status, status, bounded(r.body))
	}
	if status < 400 {
		return r, nil
	}
	var p protocol.Problem
	if err := protocol.Read(r.body, &p); err != nil {
		return nil, fmt.Errorf("%s %s: no problem document: %w", method, path, err)
	}
	if p.Code != code || p.Status != status || p.Type != "/v1/problems/"+code {
		return nil, fmt.Errorf("%s %s: %s, want %s", method, path, p.Code, code)
	}
	return r, nil
}

// get reads an object, exactly: a field that the documentation does not name is a fault.
func get[T any](s *selftest, status int, method, path, body string, headers ...string) (v T, err error) {
	r, err := s.want(status, "", method, path, body, headers...)
	if err != nil {
		return v, err
	}
	err = protocol.Read(r.body, &v)
	return v, err
}

// because is a fault with the error behind it, where there is one.
func because(err error, format string, args ...any) error {
	if err == nil {
		return fmt.Errorf(format, args...)
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

func bounded(b []byte) string { return string(b[:min(len(b), 300)]) }

// quote quotes for JSON.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}
