package modem

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// maxProbes is how many ports are probed at a time.
const maxProbes = 32

// Probe finds the modems that o allows and identifies each once, for a table: one
// Status a port, ordered by slot, with the state it would have and why. It reads and
// deletes no messages and changes nothing that outlasts it but the form of answers.
// o.Sink may be nil. A port that can't be used is no error but a row.
func Probe(ctx context.Context, o Options) ([]Status, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	ports, problems, err := discover(o)
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		o.Logger.Warn(p.What, "try", p.Try)
	}
	m, err := newMetrics(nil)
	if err != nil {
		return nil, err
	}
	quiet := o
	quiet.Logger = slog.New(slog.DiscardHandler) // the row says it all
	out := make([]Status, len(ports))
	places := make(chan struct{}, maxProbes)
	var wg sync.WaitGroup
	for i, p := range ports {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			out[i] = newSession(&quiet, p, m, func(Status) {}).probe(ctx)
		})
	}
	wg.Wait()
	return out, ctx.Err()
}

// probe tries each way to the modem until one leads there.
func (s *session) probe(ctx context.Context) Status {
	for range s.ways() {
		err := s.ask(ctx)
		if err == nil {
			break
		}
		s.set(Failed, reasonOf(err), err.Error())
		if s.heard || ctx.Err() != nil {
			break
		}
	}
	return s.status
}

// ask asks the modem at the way that is due all that a table shows.
func (s *session) ask(ctx context.Context) error {
	s.heard = false
	if err := s.open(); err != nil {
		return err
	}
	defer func() { _ = s.conn.Close() }() // given up: how that went changes nothing
	if err := s.conn.Resync(ctx); err != nil {
		s.attempt++
		return err
	}
	s.heard = true
	for _, cmd := range []string{"ATE0", "ATV1", "AT+CMEE=1"} {
		if _, err := s.try(ctx, set(cmd)); err != nil {
			return err
		}
	}
	if err := s.identify(ctx); err != nil {
		return err
	}
	if err := s.readyCard(ctx); err != nil {
		s.set(lockState(s.lock))
		return nil
	}
	for _, f := range []func(context.Context) error{s.checkRegistration, s.findNumber} {
		if err := f(ctx); err != nil && !refused(err) && !lost(err) {
			return err
		}
	}
	s.stage, s.status.Swept, s.status.HeardAt = receiving, true, time.Now() // no more is asked of a probe
	s.judge()
	return nil
}
