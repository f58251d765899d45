package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"modemgate/admin"
	"modemgate/cmd/modemgate/config"
	"modemgate/modem"
	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/alarm"
	"modemgate/protocol/api"
	"modemgate/protocol/forward"
	"modemgate/protocol/trigger"
	"modemgate/store"
)

const (
	grace     = 2 * time.Second // for deliveries and answers under way
	stopLimit = 5 * time.Second
	maxConns  = 2048
)

// Options is what an App is made of. Config is required.
type Options struct {
	Config  *config.Config
	Version string
	Logger  *slog.Logger // nil: discarded
	Sync    func() bool  // whether the clock is known to be right; nil: the kernel is asked
	// CheckStore checks a store that was not left in order; nil: here, where a file that is
	// broken in the right way ends the process.
	CheckStore func(path string) (*store.Report, error)
	// Trouble is why the store could not be used until now; empty: it could.
	Trouble string
}

// App is the running gateway.
type App struct {
	o        Options
	log      *slog.Logger
	registry *prometheus.Registry
	counters *counters
	store    *store.Store
	pool     *pool.Pool
	forward  *forward.Forwarder
	trigger  *trigger.Trigger
	alarms   *alarm.Teller
	rack     *modem.Rack
	writer   *api.Writer
	api      *api.Handler
	admin    *admin.Handler
	servers  []*server
	closing  []teardown

	pulse     pulse
	began     time.Time
	sawModem  time.Time // a modem that could receive; the watch's own
	trouble   string    // with the store until now; the watch's own
	lacking   int       // records that the check of the store missed
	backupNow bool      // do not wait for the day's
	degraded  bool      // there is no store

	mu          sync.Mutex
	config      *config.Config
	auditBroken bool
	backupFault string // what is wrong with the backups; empty: nothing
	refused     string // why the newest configuration was; empty: it was taken
	started     bool
	stopped     bool
	cancels     []context.CancelFunc
	wg          sync.WaitGroup
	broken      chan error
}

// teardown is a step of the stop, run last to first.
type teardown struct {
	name string
	fn   func(context.Context) error
}

// New makes everything and binds the listeners. Nothing runs before Start. A failure
// takes back what was made.
func New(o Options) (_ *App, err error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Sync == nil {
		o.Sync = synchronised
	}
	a := &App{o: o, log: o.Logger, config: o.Config, registry: prometheus.NewRegistry(), broken: make(chan error, 4), began: time.Now()}
	a.sawModem = a.began
	defer func() {
		if err != nil {
			err = errors.Join(err, a.unwind(context.Background()))
		}
	}()
	return a, a.setup()
}

func (a *App) onStop(name string, fn func(context.Context) error) {
	a.closing = append(a.closing, teardown{name, fn})
}

// unwind runs the teardowns, last first; none keeps the others from running.
func (a *App) unwind(ctx context.Context) error {
	var errs []error
	for _, v := range slices.Backward(a.closing) {
		if err := v.fn(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", v.name, err))
		}
	}
	a.closing = nil
	return errors.Join(errs...)
}

// setup is one straight function: the order of construction is the order of scope.
func (a *App) setup() error {
	c := a.o.Config
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var err error
	if err = a.openStore(c); err != nil {
		return err
	}
	if err := a.listen(c); err != nil {
		return err
	}
	// The pool is made after the forwarder, which shows reservations by it.
	a.writer = &api.Writer{
		Host: c.Host, View: func(r *pool.Reservation) *pool.ReservationView { return a.pool.View(r) },
		ViewTest: func(t *pool.FinishedTest) *pool.TestView { return a.pool.ViewTest(t) },
	}
	if a.forward, err = forward.New(forward.Options{
		Store: a.store, Write: a.write, Synchronised: a.o.Sync, Destinations: a.destinations(c), Logger: a.log, Registerer: a.registry,
		Settled: func(d *pool.Delivery) {
			if d.State == pool.GivenUp {
				a.pool.GaveUp(d)
			}
			a.admin.DeliverySettled(d)
		},
		Paused: func(name, why string) {
			if err := a.pool.SetDestination(pool.DestinationState{Name: name, Paused: true, Why: why, Since: time.Now().UTC()}, "modemgate"); err != nil {
				a.log.Error("a pause was not kept", "destination", name, "error", err)
			}
		},
	}); err != nil {
		return err
	}
	if a.counters, err = newCounters(a.registry); err != nil {
		return err
	}
	a.counters.apps(c.Pool.Apps)
	a.counters.monitors(c.Pool.Monitors)
	a.trigger = trigger.New(trigger.Options{
		Providers: c.Providers, UserAgent: "modemgate/" + a.o.Version, Own: a.own(), Logger: a.log,
		Wanted:   func(test pool.ID, n int) bool { return a.pool.Wanted(test, n) },
		Wrote:    func(test pool.ID, n int, at time.Time) { a.pool.Wrote(test, n, at) },
		Answered: func(test pool.ID, n int, answer pool.Answer) { a.pool.Answered(test, n, answer) },
	})
	if a.pool, err = pool.New(pool.Options{
		Store: a.store, Decoder: decoder{}, Config: &c.Pool, Boot: bootNow(), Synchronised: a.o.Sync,
		Deliver: a.forward.Deliver, Write: a.write, Count: a.counters.pool(), Send: a.trigger.Send,
		Attend: func(slot string, on bool) { a.rack.Attend(slot, on) },
		Check:  func(slot string, done func(error)) { a.rack.Check(slot, done) },
	}); err != nil {
		return err
	}
	a.pulse.ask = func() { _ = a.pool.Barrier() } // any answer is one
	a.alarms = alarm.New(alarm.Options{
		Client: protocol.NewClient(protocol.Dialer(a.own()), nil, 1), Host: c.Host, Logger: a.log,
		Calm: func() bool { return len(a.pool.Alarms()) == 0 && a.ready() == nil },
	})
	a.alarms.SetReceivers(c.Alarms)
	a.pool.Subscribe(func(ev pool.Event, _ *pool.Message) {
		if ev.Alarm != nil {
			a.logAlarm(ev.Alarm)
			a.alarms.Tell(ev.Alarm)
		}
	})
	networks := pool.LoadNetworks()
	m := c.Modems
	if a.rack, err = modem.New(modem.Options{
		Ports: m.Ports, Ignore: m.Ignore, Rescan: m.Rescan, Baud: m.Baud, Sysfs: m.Sysfs, Sweep: m.Sweep, Health: m.Health,
		Names: m.Names, LetRing: m.LetRing, Region: networks.Region, Sink: sink{a.pool}, Changed: a.modemChanged,
		Logger: a.log, Registerer: a.registry,
	}); err != nil {
		return err
	}
	if a.api, err = api.New(api.Options{
		Pool: a.pool, Writer: a.writer, Apps: apps(c), Allow: c.API.Allow, TrustedProxies: c.API.TrustedProxies,
		StoreFailed: func() bool { return a.store.Err() != nil }, Logger: a.log, Registerer: a.registry,
	}); err != nil {
		return err
	}
	a.api.SetReporters(c.Reporters)
	if a.admin, err = admin.New(admin.Options{
		Pool: a.pool, Store: adminStore{a.store}, Forward: forwardState{a.forward}, Token: c.Admin.Token, Version: a.o.Version,
		Registry: a.registry, Ready: a.ready, Wire: adminWire(), Logger: a.log,
	}); err != nil {
		return err
	}
	for _, s := range a.servers {
		var h http.Handler = a.api
		switch s.name {
		case "admin":
			h = a.admin.Public()
		case "control socket":
			h = a.admin.Trusted()
		}
		s.http.Handler = refuseFaulty(h)
	}
	return nil
}

// write is an event as it goes out.
func (a *App) write(ev *pool.Event, m *pool.Message) (pool.Written, error) {
	body, err := a.writer.Bytes(ev, m)
	return pool.Written{ID: protocol.ID(protocol.EventID, uint64(ev.ID)), Body: body}, err
}

// own are our own listeners, which nothing of ours calls.
func (a *App) own() (out []netip.AddrPort) {
	for _, s := range a.servers {
		if p, err := netip.ParseAddrPort(s.addr()); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// destinations makes the senders of a configuration.
func (a *App) destinations(c *config.Config) []forward.Destination {
	var out []forward.Destination
	for i := range c.Destinations {
		d := &c.Destinations[i]
		out = append(out, forward.Destination{
			Name: d.Name, Kind: d.Kind, Timeout: d.Timeout, Workers: d.Workers, Retry: d.Retry, GiveUpAfter: d.GiveUpAfter, BacklogRate: d.BacklogRate,
			Sender: a.sender(c, d),
		})
	}
	return out
}

func (a *App) sender(c *config.Config, d *config.Destination) forward.Sender {
	switch {
	case d.MQTT != nil:
		o := forward.MQTTOptions{
			Broker: d.MQTT.Broker, Username: d.MQTT.Username, Password: d.MQTT.Password, Topic: d.MQTT.Topic, Name: d.Name, Host: c.Host,
			Timeout: d.Timeout, CA: d.CA, Own: a.own(),
		}
		if d.MQTT.Discovery {
			o.Discovery = a.cards
		}
		return forward.NewMQTT(o)
	case d.Email != nil:
		m := d.Email
		return forward.NewEmail(forward.EmailOptions{
			Server: m.Server, Port: m.Port, TLS: m.TLS, Plain: m.Plain, Username: m.Username, Password: m.Password, From: m.From, To: m.To,
			Subject: m.Subject, Host: c.Host, CA: d.CA, Own: a.own(),
		})
	}
	return forward.NewWebhook(forward.WebhookOptions{
		URL: d.URL, Keys: d.Keys, Headers: d.Headers, Template: d.Template, CA: d.CA, UserAgent: "modemgate/" + a.o.Version, Workers: d.Workers, Own: a.own(),
	})
}

// cards are those that Home Assistant is told of.
func (a *App) cards() []forward.Card {
	modems := map[string]*pool.ModemRow{}
	rows := a.pool.Modems()
	for i := range rows {
		modems[rows[i].Slot] = &rows[i]
	}
	var out []forward.Card
	for _, s := range a.pool.SIMs() {
		c := forward.Card{ICCID: s.ICCID, Name: s.SIM}
		if m := modems[s.Slot]; m != nil && s.Slot != "" {
			c.State, c.SignalDBm, c.Manufacturer, c.Model = m.State, m.SignalDBm, m.Manufacturer, m.Model
		}
		out = append(out, c)
	}
	return out
}

func apps(c *config.Config) []api.App {
	var out []api.App
	for _, app := range c.Apps {
		x := api.App{Name: app.Name, Rate: app.Rate, Scopes: app.Scopes}
		for _, t := range app.Tokens {
			x.Tokens = append(x.Tokens, api.HashToken(t))
		}
		out = append(out, x)
	}
	return out
}

// ready says why the gateway does not serve yet; nil when it does.
func (a *App) ready() error {
	if err := a.store.Err(); err != nil {
		return err
	}
	select {
	case <-a.rack.Scanned():
		return nil
	default:
		return errors.New("modems have not been looked for yet")
	}
}

// Start sets everything going.
func (a *App) Start() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.started {
		return errors.New("app: started before")
	}
	a.started = true
	if a.store.Err() != nil {
		a.serveWithout()
		return nil
	}
	a.goes("deliveries", func(ctx context.Context) error { a.forward.Run(ctx, grace); return nil })
	a.goes("pool", a.pool.Run)
	a.goes("providers", func(ctx context.Context) error { a.trigger.Run(ctx); return nil })
	a.goes("alarms", func(ctx context.Context) error { a.alarms.Run(ctx); return nil })
	a.goes("watch", a.watch)
	a.goes("chores", a.chores)
	a.goes("backups", a.backups)
	a.serve()
	// Modems end first, before those who take what they receive.
	a.goes("modems", a.rack.Run)
	a.onStop("calls that wait", func(context.Context) error { a.pool.Stop(); return nil })
	stopping := a.done()
	a.wg.Go(func() {
		select {
		case <-a.store.Failed():
			a.storeFailed(a.store.Err())
		case <-stopping:
		}
	})
	return nil
}

// serve answers on all listeners until the stop.
func (a *App) serve() {
	for _, s := range a.servers {
		a.onStop(s.name, s.stop)
		a.wg.Go(func() {
			if err := s.serve(); err != nil {
				a.breaks(fmt.Errorf("%s: %w", s.name, err))
			}
		})
	}
}

// goes runs a part until the stop comes to it, and then waits for it.
func (a *App) goes(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	a.wg.Go(func() {
		defer close(done)
		if err := run(ctx); err != nil {
			a.breaks(fmt.Errorf("%s: %w", name, err))
		}
	})
	a.onStop(name, func(context.Context) error {
		cancel()
		<-done
		return nil
	})
}

// done is closed when the stop begins.
func (a *App) done() <-chan struct{} {
	ctx, cancel := context.WithCancel(context.Background())
	a.cancels = append(a.cancels, cancel)
	return ctx.Done()
}

func (a *App) breaks(err error) {
	select {
	case a.broken <- err:
	default:
	}
}

// Wait returns nil when ctx ends, or what broke.
func (a *App) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.broken:
		return err
	}
}

// Stop ends everything in order: calls that wait are answered, modems let go, answers
// and deliveries under way get their time, and the store closes last.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	if a.stopped {
		a.mu.Unlock()
		return nil
	}
	a.stopped = true
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	for _, c := range a.cancels {
		c()
	}
	err := a.unwind(ctx)
	a.wg.Wait()
	return err
}

// reload takes a new configuration. One that needs a restart is refused whole, by name.
func (a *App) reload(c *config.Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := restartNeeded(a.config, c); err != nil {
		return err
	}
	a.forward.SetDestinations(a.destinations(c))
	a.alarms.SetReceivers(c.Alarms)
	a.counters.apps(c.Pool.Apps)
	a.counters.monitors(c.Pool.Monitors)
	a.trigger.SetProviders(c.Providers) // before monitors ask them
	a.api.SetReporters(c.Reporters)
	if err := a.pool.SetConfig(&c.Pool, "operator"); err != nil {
		return err
	}
	a.api.SetApps(apps(c)) // who is let in is known to the pool
	a.admin.SetToken(c.Admin.Token)
	a.config = c
	return nil
}

// restartNeeded names the first key that can't change while the gateway runs.
func restartNeeded(was, is *config.Config) error {
	for _, k := range []struct {
		name    string
		changed bool
	}{
		{"data_dir", was.DataDir != is.DataDir},
		{"[api] listen", was.API.Listen != is.API.Listen || was.API.CertFile != is.API.CertFile || was.API.KeyFile != is.API.KeyFile},
		{"[admin] listen", was.Admin.Listen != is.Admin.Listen || was.Admin.CertFile != is.Admin.CertFile || was.Admin.KeyFile != is.Admin.KeyFile},
		{"[api] allow", !slices.Equal(was.API.Allow, is.API.Allow)},
		{"[api] trusted_proxies", !slices.Equal(was.API.TrustedProxies, is.API.TrustedProxies)},
		{"[modems]", fmt.Sprint(was.Modems) != fmt.Sprint(is.Modems)},
	} {
		if k.changed {
			return fmt.Errorf("%s can't be changed by a reload: restart modemgate", k.name)
		}
	}
	return nil
}

// APIAddr is where applications call, once New has returned.
func (a *App) APIAddr() string { return a.addrOf("API") }

// AdminAddr is where the operator looks.
func (a *App) AdminAddr() string { return a.addrOf("admin") }

func (a *App) addrOf(name string) string {
	for _, s := range a.servers {
		if s.name == name {
			return s.addr()
		}
	}
	return ""
}

// Pool gives tests and the demo what the gateway knows.
func (a *App) Pool() *pool.Pool { return a.pool }
