package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"modemgate/cmd/modemgate/app"
	"modemgate/cmd/modemgate/config"
	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/simulator"
)

const (
	demoReady = 20 * time.Second // until the rack must be ready
	demoDrain = 4 * time.Second  // before the end nothing new is sent
	demoLate  = 15 * time.Second // what is under way may take so long
)

func demoCommand() command {
	return command{
		name: "demo", short: "shows the whole product on this machine, without hardware",
		long: "A simulated rack on pseudo terminals, a real store in a temporary folder, a stand-in receiver that checks every\n" +
			"signature, and a stand-in SMS provider. SMS arrive and are pushed; an application reserves a number and waits for its\n" +
			"code; a monitor tests delivery by the provider, which alters and drops some on purpose; one modem hangs for a while.\n" +
			"It ends with a summary, and exits with 1 when anything was lost or came twice, or a verdict was wrong.",
		setup: func(e *env) func() error {
			n := e.flags.Int("modems", 8, "how many modems")
			length := e.flags.Duration("for", 0, "how long; 0: until it is interrupted")
			api := e.flags.String("api", "127.0.0.1:0", "where the API listens")
			admin := e.flags.String("admin", "127.0.0.1:0", "where the admin endpoint listens")
			return func() error {
				if *n < 1 || *n > 256 {
					return fmt.Errorf("%w: -modems must be from 1 to 256", errUsage)
				}
				return demo(e, *n, *length, *api, *admin)
			}
		},
	}
}

// stage is everything that a demo runs on.
type stage struct {
	rack     *modems.Rack
	receiver *simulator.Receiver
	provider *simulator.Provider
	planted  *planted
	app      *app.App
	token    string
}

func demo(e *env, n int, length time.Duration, apiListen, adminListen string) (err error) {
	dir, err := os.MkdirTemp("", "modemgate-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := setStage(dir, n, apiListen, adminListen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.app.Start(); err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(e.ctx, syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	fmt.Fprintf(e.stdout, "%d simulated modems in %s\nstatus page http://%s/\nAPI         http://%s/v1/numbers (Authorization: Bearer %s)\n",
		n, filepath.Join(dir, "rack"), s.app.AdminAddr(), s.app.APIAddr(), s.token)
	t := newTraffic(s)
	defer t.close()
	if err := t.awaitReady(ctx, n); err != nil {
		return err
	}
	send := ctx
	if length > 0 {
		var stop context.CancelFunc
		send, stop = context.WithTimeout(ctx, max(length-demoDrain, time.Second))
		defer stop()
	}
	t.run(send, newScreen(e.stdout, t))
	if ctx.Err() != nil {
		t.cut()
	}
	if err := s.app.Pool().PauseMonitor("codes", "the demo ends", time.Hour); err != nil {
		return err
	}
	t.drain(e.ctx, demoLate)
	sum := t.sum()
	fmt.Fprintln(e.stdout, sum)
	if sum.lost > 0 || sum.duplicated > 0 || sum.wrong > 0 || sum.right < sum.verdicts {
		return &failure{what: "the demo lost or doubled messages, or an answer or a verdict was wrong"}
	}
	return nil
}

// setStage makes rack, receiver and gateway.
func setStage(dir string, n int, apiListen, adminListen string) (*stage, error) {
	s := &stage{token: rand.Text()}
	var key [32]byte
	rand.Read(key[:])
	secret := "whsec_" + base64.StdEncoding.EncodeToString(key[:])
	signing, err := protocol.ParseSigningKey(secret)
	if err != nil {
		return nil, err
	}
	files := map[string]string{"crm.whsec": secret, "qa.token": s.token}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			return nil, err
		}
	}
	rackDir := filepath.Join(dir, "rack")
	if err := os.Mkdir(rackDir, 0o700); err != nil {
		return nil, err
	}
	if s.rack, err = modems.New(modems.Options{
		Dir: rackDir, Modems: n, Profiles: []modems.Profile{modems.EC25(), modems.SIM800(), modems.Huawei(), modems.Wavecom()},
		Baud: 115200, LatencyMin: 5 * time.Millisecond, LatencyMax: 30 * time.Millisecond, Seed: uint64(time.Now().UnixNano()),
	}); err != nil {
		return nil, err
	}
	if s.receiver, err = simulator.NewReceiver([]protocol.SigningKey{signing}, nil); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.planted = &planted{deeds: map[string]pool.Verdict{}, hangs: numberOf(s.rack, hangs(s.rack))}
	if s.provider, err = simulator.NewProvider(simulator.ProviderOptions{From: "SHOP", Behave: s.planted.behave, Deliver: s.deliver}); err != nil {
		return nil, errors.Join(err, s.close())
	}
	path := filepath.Join(dir, "modemgate.toml")
	if err := os.WriteFile(path, []byte(demoConfig(dir, rackDir, s.receiver.URL(), apiListen, adminListen)+s.testsConfig()), 0o600); err != nil {
		return nil, errors.Join(err, s.close())
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.app, err = app.New(app.Options{Config: c, Version: version(), Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func demoConfig(dir, rackDir, hook, apiListen, adminListen string) string {
	return fmt.Sprintf(`data_dir = %q
[api]
listen = %q
[admin]
listen = %q
[modems]
ports = [%q]
[[destination]]
name = "crm"
url = %q
secret_file = %q
[[app]]
name = "qa"
token_file = %q
senders = ["SHOP"]
sims = { all = true }
rate = 1000
quiet = "1s"
`, filepath.Join(dir, "data"), apiListen, adminListen, filepath.Join(rackDir, "slot*"), hook, filepath.Join(dir, "crm.whsec"), filepath.Join(dir, "qa.token"))
}

// testsConfig is the demo's provider, and a monitor of two numbers.
func (s *stage) testsConfig() string {
	numbers := []string{numberOf(s.rack, 0)}
	if s.rack.Len() > 1 {
		numbers = append(numbers, numberOf(s.rack, 1))
	}
	return fmt.Sprintf(`[[provider]]
name = "stand-in"
url = %q
body = '{"to":{{json .Number}},"text":{{json .Text}}}'
id_pointer = "/id"
daily_messages = 100000
[[monitor]]
name = "codes"
provider = "stand-in"
select = { numbers = ["%s"] }
interval = "3s"
interval_failing = "2s"
jitter = 0.1
deadline = "4s"
degraded = "3s"
late = "10s"
texts = ["otp"]
daily_messages = 100000
expect = { from = ["SHOP"] }
`, s.provider.URL(), strings.Join(numbers, `", "`))
}

func (s *stage) close() error {
	var errs []error
	if s.app != nil {
		errs = append(errs, s.app.Stop(context.Background()))
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

// isTerminal says whether w is a terminal that can be drawn on.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
