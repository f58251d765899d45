package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"modemgate/cmd/modemgate/app"
	"modemgate/cmd/modemgate/config"
	"modemgate/store"
)

func runCommand() command {
	return command{
		name: "run", short: "runs the gateway",
		long: "SIGHUP reads the configuration again, SIGTERM ends it, a second one at once. It exits with 78 when the configuration is at\n" +
			"fault and with 79 when the store is damaged.",
		setup: func(e *env) func() error {
			path := e.configFlag()
			verbose := e.flags.Bool("debug", false, "log more")
			return func() error { return run(e, *path, *verbose) }
		},
	}
}

// gcPercent lets the heap grow by half before it is collected: a guest on a small
// machine, that has little to collect, gives memory for a little time.
const gcPercent = 50

const noConfig = `modemgate: there is no configuration
try: write ` + defaultConfig + `, the smallest is an empty file: an inventory and inbox of the rack
try: modemgate probe shows the modems that are found
try: modemgate token makes tokens and secrets
try: modemgate check -config FILE says what is wrong with a file
`

func run(e *env, given string, verbose bool) error {
	path := configPath(given)
	if path == "" {
		fmt.Fprint(e.stderr, noConfig)
		return &failure{what: "not started", code: exitConfig}
	}
	c, err := config.Load(path)
	if err != nil {
		return &failure{what: "reading the configuration", err: err, code: exitConfig}
	}
	debug.SetGCPercent(gcPercent)
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: level}))
	ctx, cancel := signal.NotifyContext(e.ctx, syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	o := app.Options{Config: c, Version: version(), Logger: log, CheckStore: checkInChild(ctx, path)}
	for {
		err := serve(ctx, e, o, path, hup)
		if !errors.Is(err, app.ErrStoreBack) {
			return err
		}
		log.Info("the store can be used again")
		o.Trouble = "for a while the store could not be used: messages waited on the SIMs"
		if c, err := config.Load(path); err == nil { // as it is now, where it is good
			o.Config = c
		}
	}
}

// serve runs one gateway until ctx ends or it breaks.
func serve(ctx context.Context, e *env, o app.Options, path string, hup <-chan os.Signal) error {
	log := o.Logger
	a, err := begin(ctx, o)
	if ctx.Err() != nil && a == nil {
		log.Info("modemgate was stopped while it started")
		return nil
	}
	if err != nil {
		return startFailure(err)
	}
	if err := a.Start(); err != nil {
		return errors.Join(err, a.Stop(e.ctx))
	}
	log.Info("modemgate runs", "version", version(), "api", a.APIAddr(), "admin", a.AdminAddr())
	notify("READY=1")
	ended, end := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { reload(ended, a, path, hup, log) })
	beside.Go(func() { watchdog(ended, a) })
	err = a.Wait(ctx)
	end()
	beside.Wait()
	if a.Failed() {
		<-app.LastWords()
		return &failure{what: "running", err: err}
	}
	if errors.Is(err, app.ErrStoreBack) {
		return errors.Join(err, a.Stop(e.ctx))
	}
	notify("STOPPING=1")
	stop, cut := signal.NotifyContext(e.ctx, syscall.SIGTERM, syscall.SIGINT)
	defer cut()
	if stopErr := a.Stop(stop); stopErr != nil {
		log.Error("stopping", "error", stopErr)
		err = errors.Join(err, stopErr)
	}
	if err != nil {
		return &failure{what: "running", err: err}
	}
	log.Info("modemgate has stopped")
	return nil
}

// begin makes the gateway. A stop does not wait for a disk that takes its time: what is
// under way there is as safe as at a kill.
func begin(ctx context.Context, o app.Options) (*app.App, error) {
	type made struct {
		a   *app.App
		err error
	}
	done := make(chan made, 1)
	go func() { // it ends with the process
		a, err := app.New(o)
		done <- made{a, err}
	}()
	select {
	case m := <-done:
		return m.a, m.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(startGrace)
	defer timer.Stop()
	select {
	case m := <-done:
		return m.a, m.err
	case <-timer.C:
		return nil, ctx.Err()
	}
}

// startGrace is how long a start that is under way may go on after a stop.
const startGrace = 2 * time.Second

// startFailure says what can be done about a gateway that does not start.
func startFailure(err error) error {
	switch {
	case errors.Is(err, store.ErrLocked):
		return &failure{what: "starting", err: err, try: "stop the other one first: systemctl stop modemgate"}
	case errors.Is(err, store.ErrDamaged), errors.Is(err, store.ErrNotStore), errors.Is(err, store.ErrLost), errors.Is(err, store.ErrForeign):
		return &failure{what: "starting", err: err, code: exitStore,
			try: "modemgate restore FILE, with a backup; or move what is in data_dir aside, the .marker too, to begin anew"}
	case errors.Is(err, store.ErrNewer):
		return &failure{what: "starting", err: err, code: exitStore, try: "install the newer version again"}
	case errors.Is(err, syscall.EADDRINUSE):
		return &failure{what: "starting", err: err, try: "another program listens there: stop it, or change listen"}
	}
	return &failure{what: "starting", err: err}
}

// reload takes the configuration again at each SIGHUP. A bad one changes nothing.
func reload(ctx context.Context, a *app.App, path string, hup <-chan os.Signal, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		}
		if err := a.ReloadFile(path); err != nil {
			log.Error("the configuration was refused; the old one goes on", "error", err)
			continue
		}
		log.Info("the configuration was taken")
	}
}
