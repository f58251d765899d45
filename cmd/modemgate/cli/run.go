package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

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
	a, err := app.New(app.Options{Config: c, Version: version(), Logger: log})
	if err != nil {
		return startFailure(err)
	}
	ctx, cancel := signal.NotifyContext(e.ctx, syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	if err := a.Start(); err != nil {
		return errors.Join(err, a.Stop(e.ctx))
	}
	log.Info("modemgate runs", "version", version(), "api", a.APIAddr(), "admin", a.AdminAddr())
	notify("READY=1")
	reloaded := make(chan struct{})
	go func() {
		defer close(reloaded)
		reload(ctx, a, path, hup, log)
	}()
	err = a.Wait(ctx)
	cancel()
	<-reloaded
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

// startFailure says what can be done about a gateway that does not start.
func startFailure(err error) error {
	switch {
	case errors.Is(err, store.ErrLocked):
		return &failure{what: "starting", err: err, try: "stop the other one first: systemctl stop modemgate"}
	case errors.Is(err, store.ErrDamaged), errors.Is(err, store.ErrNotStore), errors.Is(err, store.ErrLost):
		return &failure{what: "starting", err: err, code: exitStore,
			try: "put a good copy of the data folder in its place, or move the damaged one and its .marker aside to begin anew"}
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

// notify tells systemd of the service's state; without systemd it does nothing.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(state)) // nobody can be told
}
