package modem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"

	"modemgate/modem/answer"
	"modemgate/modem/line"
)

const (
	backoffMin = time.Second
	backoffMax = 30 * time.Second
	goodPeriod = 10 * time.Minute // in service for so long: earlier failures are forgotten
	maxUnheard = 3                // commands in a row without an answer: the port is opened anew
)

// errLost means that a command got no usable answer, but the modem is in step again:
// what the command was for is still to be done.
var errLost = errors.New("answer lost")

// session is one modem's worker. The goroutine of run owns all of it but inbox.
type session struct {
	o       *Options
	port    Port
	log     *slog.Logger
	metrics *metrics
	publish func(Status)
	claim   func(*session) bool // whether no other slot serves this very modem
	release func(*session)      // gives the claim up

	inbox     *inbox
	status    Status
	published Status
	conn      *line.Conn
	attempt   int    // picks the way to try; stays while it works
	heard     bool   // the modem has answered since the port was opened
	imei      string // that the modem said first since its port has come
	failures  int    // in a row
	readyAt   time.Time
	ticket    uint64        // of the last reading
	checks    []func(error) // wait for the sweep under way

	serving
}

func newSession(o *Options, p Port, m *metrics, publish func(Status)) *session {
	name := p.Slot
	if given := o.Names[p.Slot]; given != "" {
		name = given
	}
	return &session{
		o: o, port: p, metrics: m, publish: publish, claim: func(*session) bool { return true }, release: func(*session) {},
		log: o.Logger.With("slot", name), inbox: newInbox(),
		status: Status{Slot: name, Port: p.Node, State: Opening, Since: time.Now(), Family: "generic"},
	}
}

// run serves the modem until ctx ends: connect, serve, and after a failure wait and
// begin again.
func (s *session) run(ctx context.Context) {
	s.show()
	for ctx.Err() == nil {
		err := s.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		if !s.readyAt.IsZero() && time.Since(s.readyAt) >= goodPeriod {
			s.failures = 0
		}
		if s.heard {
			s.metrics.recovered(s.status.Slot, "reopen")
		}
		s.readyAt = time.Time{}
		if reasonOf(err) == PortGone { // another modem may come
			s.imei = ""
		}
		s.endChecks(err)
		s.set(Failed, reasonOf(err), err.Error())
		timer := time.NewTimer(jitter(min(backoffMin<<min(s.failures, 16), backoffMax)))
		s.failures++
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// errIMEI means that a modem says another IMEI though its port has never gone: somebody
// has changed it. It is not served until it says the first one again, or is plugged anew.
var errIMEI = errors.New("the modem says another IMEI though it was never unplugged")

// reasonOf is the closed code of what made a connection fail.
func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, errBusy):
		return PortBusy
	case errors.Is(err, errTwin):
		return Duplicate
	case errors.Is(err, errNotAModem):
		return NotAModem
	case errors.Is(err, errIMEI):
		return IMEIChanged
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO), errors.Is(err, unix.EIO), errors.Is(err, line.ErrPort):
		return PortGone
	case errors.Is(err, line.ErrMute), errors.Is(err, line.ErrTimeout):
		return NoAnswer
	}
	return OtherReason
}

// jitter spreads d by a fifth both ways, so that modems which failed together do not
// come back together.
func jitter(d time.Duration) time.Duration { return d - d/5 + rand.N(2*d/5+1) }

// connect opens the port, finds the modem on it and serves it until it fails. It
// never returns nil.
func (s *session) connect(ctx context.Context) error {
	s.heard = false
	if err := s.open(); err != nil {
		return err
	}
	defer func() {
		_ = s.conn.Close() // given up: how that went changes nothing
		s.conn = nil
		s.release(s)
	}()
	s.set(Probing, NoAnswer, "waiting for an answer")
	if err := s.conn.Resync(ctx); err != nil {
		s.attempt++
		if errors.Is(err, line.ErrMute) {
			if s.status.IMEI == "" {
				return fmt.Errorf("%s: %w: %w", s.status.Port, errNotAModem, err)
			}
			return fmt.Errorf("%s: %w", s.status.Port, err)
		}
		return err
	}
	s.heard = true
	s.status.HeardAt = time.Now()
	s.set(Setup, OtherReason, "setting up")
	return s.serve(ctx)
}

// errNotAModem means that a port has never answered: it may not be a modem's.
var errNotAModem = errors.New("no modem has answered here yet")

// way is a node and a speed to try.
type way struct {
	node string
	baud int
}

// ways lists what may lead to the modem, best first: all nodes at the configured
// speed, then at the usual ones; only behind a bridge does the speed matter.
func (s *session) ways() []way {
	bauds := []int{s.o.Baud}
	if s.port.Bridge {
		for _, b := range []int{115200, 9600} {
			if b != s.o.Baud {
				bauds = append(bauds, b)
			}
		}
	}
	var out []way
	for _, b := range bauds {
		for _, node := range append([]string{s.port.Node}, s.port.Others...) {
			out = append(out, way{node, b})
		}
	}
	return out
}

// open opens the port that is due: the one that worked, else the next way.
func (s *session) open() error {
	ways := s.ways()
	w := ways[s.attempt%len(ways)]
	s.status.Port = w.node
	s.set(Opening, OtherReason, "opening")
	p, err := s.o.Open(w.node, w.baud)
	if err != nil {
		s.attempt++
		return err
	}
	s.serving = serving{}
	s.status.Registration = ""
	s.inbox.clear()
	s.conn = line.New(p, s.inbox.unsolicited)
	return nil
}

// do sends one command. The error is a refusal (refused), errLost when no usable
// answer came but the modem is in step again, or means that the port must be opened
// anew.
func (s *session) do(ctx context.Context, spec line.Spec) ([]string, error) {
	for range 2 {
		if s.conn.Stale() { // something odd came in while nothing was asked
			if err := s.resync(ctx); err != nil {
				return nil, err
			}
		}
		begun := time.Now()
		lines, err := s.conn.Do(ctx, spec)
		switch {
		case err == nil, refused(err):
			s.metrics.command.WithLabelValues(s.status.Family).Observe(time.Since(begun).Seconds())
			s.status.HeardAt = time.Now()
			s.unheard = 0
			return lines, err
		case errors.Is(err, line.ErrStale):
			continue
		case errors.Is(err, line.ErrTimeout), errors.Is(err, line.ErrOutOfStep):
			name := nameOf(spec.Cmd)
			if errors.Is(err, line.ErrTimeout) {
				s.set(Failed, NoAnswer, name+": no answer")
				if s.unheard++; s.unheard >= maxUnheard {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
			}
			if again := s.resync(ctx); again != nil {
				return nil, again
			}
			return nil, fmt.Errorf("%s: %w: %w", name, errLost, err)
		default:
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: %w", errLost, line.ErrStale)
}

// resync brings the answers into step. What was announced meanwhile may be lost, so
// every storage is listed then.
func (s *session) resync(ctx context.Context) error {
	s.metrics.recovered(s.status.Slot, "resync")
	if err := s.conn.Resync(ctx); err != nil {
		if errors.Is(err, line.ErrMute) {
			s.set(Failed, NoAnswer, err.Error())
		}
		return err
	}
	s.status.HeardAt = time.Now()
	s.sweepAll()
	s.doubtAnnouncing()
	return nil
}

// try sends a command whose refusal does not matter: the lines are nil then.
func (s *session) try(ctx context.Context, spec line.Spec) ([]string, error) {
	lines, err := s.do(ctx, spec)
	if refused(err) {
		return nil, nil
	}
	return lines, err
}

// refused says whether err is a modem's refusal: it is in step and alive.
func refused(err error) bool {
	_, ok := errors.AsType[*answer.Error](err)
	return ok
}

// lost says whether a command must be given again.
func lost(err error) bool { return errors.Is(err, errLost) }

// set changes the state and shows it.
func (s *session) set(state State, reason Reason, detail string) {
	s.status.State, s.status.Reason, s.status.Detail = state, reason, detail
	s.show()
}

// show publishes the status when anything that others see has changed.
func (s *session) show() {
	if s.status.State != s.published.State {
		s.status.Since = time.Now()
		s.log.Info("modem state", "state", string(s.status.State), "reason", string(s.status.Reason))
		if s.status.State == Ready && s.readyAt.IsZero() {
			s.readyAt = time.Now()
		}
	}
	seen := s.published
	seen.HeardAt = s.status.HeardAt
	if s.status != seen {
		s.published = s.status
		s.publish(s.status)
	}
}
