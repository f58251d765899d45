package modem

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"modemgate/modem/answer"
	"modemgate/modem/line"
)

const (
	retryMin = time.Second
	retryMax = 5 * time.Second  // a modem that is not ready is asked so often
	lookFor  = 2 * time.Second  // between questions of a modem that is not registered
	gapSweep = 15 * time.Second // to the next sweep after one that could not read all
)

// stage is how far a modem is set up; each includes those before.
type stage int

const (
	opened    stage = iota
	armed           // forms of answers are set, the modem is identified
	cardReady       // the card can be read and is identified
	receiving       // messages are announced and can be listed
)

// errTwin means that another slot serves this very modem.
var errTwin = errors.New("another port leads to the same modem")

// serving is what a session knows while a port is open.
type serving struct {
	stage   stage
	due     time.Time // of the next step towards receiving
	retries int
	unheard int // commands in a row without an answer
	note    string
	noSMS   bool // the modem refuses what receiving needs

	family       family
	lock         answer.Lock
	registration answer.RegStat
	domain       string // "+CREG" or "+CEREG": where the modem registered last
	lookAt       time.Time
	asked        int // times that the card was asked for its number
	askAt        time.Time

	healthAt time.Time
	rounds   int
	attended bool                          // it is asked every second
	chores   []func(context.Context) error // questions of health that are left

	storing
	calling
}

// serve does what is most urgent, one command or so at a time, until the modem fails.
// It never returns nil. A message that was announced goes before everything but the
// end of the session; deletes wait for readings, questions of health for both.
func (s *session) serve(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		s.takeInbox()
		err := s.step(ctx)
		switch {
		case err == nil:
		case lost(err): // in step again; what is due is still due
			s.note = err.Error()
		default:
			return err
		}
		s.judge()
	}
}

// step does the next thing, or waits for one.
func (s *session) step(ctx context.Context) error {
	now := time.Now()
	switch {
	case len(s.direct) > 0 && s.stage >= cardReady:
		return s.keepDirect()
	case s.callDue(now):
		return s.handleCall(ctx)
	case s.stage < receiving && !now.Before(s.due):
		return s.advance(ctx)
	case s.stage == receiving && len(s.announced) > 0:
		return s.readAnnounced(ctx)
	case s.stage == receiving && len(s.found) > 0 && !now.Before(s.foundDue):
		s.handFound()
		return nil
	case s.stage == receiving && len(s.doomed) > 0:
		return s.deleteOne(ctx)
	case s.stage == receiving && len(s.toSweep) > 0:
		return s.sweepOne(ctx)
	case s.stage == receiving && !now.Before(s.sweepAt):
		s.sweepAll()
		return nil
	case s.stage >= cardReady && !now.Before(s.lookAt):
		return s.checkRegistration(ctx)
	case s.stage >= cardReady && s.numberDue(now):
		return s.findNumber(ctx)
	case len(s.chores) > 0:
		chore := s.chores[0]
		if err := chore(ctx); err != nil && !refused(err) {
			return err
		}
		s.chores = s.chores[1:]
		return nil
	case s.stage >= cardReady && !now.Before(s.healthAt):
		s.checkUp(now)
		return nil
	}
	return s.wait(ctx)
}

// wait waits until something is due or the inbox has something.
func (s *session) wait(ctx context.Context) error {
	next := time.Now().Add(time.Minute)
	for _, at := range []time.Time{
		s.when(s.stage < receiving, s.due), s.when(s.stage == receiving, s.sweepAt), s.when(s.stage >= cardReady, s.lookAt),
		s.when(s.stage >= cardReady, s.healthAt), s.when(s.stage == receiving && len(s.found) > 0, s.foundDue), s.when(s.stage >= cardReady && s.status.Number == "" && s.asked < maxAsked, s.askAt), s.callAt,
	} {
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.inbox.wake:
	case <-s.conn.Done():
		return s.conn.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

func (s *session) when(applies bool, at time.Time) time.Time {
	if applies {
		return at
	}
	return time.Time{}
}

// takeInbox takes over what others have left.
func (s *session) takeInbox() {
	b := s.inbox
	b.mu.Lock()
	announced, direct, rings, keeps, raised, checks := b.announced, b.direct, b.rings, b.kept, b.flags, b.checks
	b.announced, b.direct, b.rings, b.kept, b.flags, b.checks = nil, nil, nil, nil, 0, nil
	s.attended = b.attended
	b.mu.Unlock()
	for _, k := range keeps {
		s.settle(k)
	}
	for _, a := range announced {
		s.announce(a)
	}
	s.direct = append(s.direct, direct...)
	for _, u := range rings {
		s.ring(u)
	}
	now := time.Now()
	if raised&flagSweep != 0 || len(checks) > 0 {
		s.sweepAll()
	}
	s.checks = append(s.checks, checks...)
	if raised&flagAttend != 0 {
		s.healthAt = now
	}
	if raised&flagNetwork != 0 {
		s.lookAt = now
	}
	if raised&flagCard != 0 && s.stage >= cardReady && !s.cardChore {
		s.cardChore = true
		s.chores = append(s.chores, s.checkCard)
	}
	if raised&flagRestart != 0 && s.stage > opened {
		s.restarted()
	}
}

// restarted sets up anew a modem that has started anew.
func (s *session) restarted() {
	s.log.Info("the modem has restarted")
	s.stage, s.due, s.retries = opened, time.Now(), 0
	s.mem1, s.held, s.doomed, s.found = "", nil, nil, nil // its storages are those of its start again
}

// advance takes the next step towards receiving.
func (s *session) advance(ctx context.Context) (err error) {
	switch s.stage {
	case opened:
		err = s.arm(ctx)
	case armed:
		err = s.readyCard(ctx)
	default:
		err = s.armMessages(ctx)
	}
	if err == nil {
		s.stage++
		s.retries, s.note = 0, ""
		s.due = time.Now()
		return nil
	}
	if !refused(err) && !errors.Is(err, errNotYet) && !lost(err) {
		return err
	}
	s.note = err.Error()
	s.due = time.Now().Add(min(retryMin<<min(s.retries, 8), retryMax))
	s.retries++
	return nil
}

// errNotYet means that something is still missing: it is asked for again.
var errNotYet = errors.New("not yet")

// checkUp queues the questions of one round of health: how full the storages are, whether
// the modem is registered, and in its turn how signal and card are. Each goes by itself, so that
// no message waits for more than one of them. A modem that has answered lately is not idle: it is not asked.
func (s *session) checkUp(now time.Time) {
	// Spread a little, so that modems which were busy together do not stay in step.
	every := s.o.Health
	if s.attended {
		every = min(every, attendedEvery)
	}
	due := s.o.together(s.status.HeardAt.Add(every - rand.N(every/16+1)))
	if now.Before(due) {
		s.healthAt = due
		if due.Sub(now) > every/2 {
			s.rounds = 0 // it was busy: look first whether an announcement was lost meanwhile
		}
		return
	}
	s.healthAt = now.Add(every)
	switch {
	case s.rounds%4 == 3:
		s.chores = append(s.chores, s.checkSignal, s.checkCard)
	case s.rounds%2 == 0 && s.stage == receiving:
		s.chores = append(s.chores, s.checkStorage)
	default:
		s.chores = append(s.chores, s.checkRegistration)
	}
	s.rounds++
}

// judge derives the state from what is known, and shows it.
func (s *session) judge() {
	switch {
	case s.stage == opened:
		s.set(Setup, OtherReason, firstOf(s.note, "setting up"))
	case s.stage == armed && s.lock != "":
		s.set(lockState(s.lock))
	case s.stage < receiving && s.noSMS:
		s.set(Failed, NoSMS, firstOf(s.note, "the modem can't receive messages"))
	case s.stage < receiving || !s.status.Swept && len(s.toSweep) > 0 || s.status.Registration == "":
		s.set(Setup, OtherReason, firstOf(s.note, "setting up"))
	case !s.status.Swept:
		s.set(Failed, NoSMS, "no storage can be listed")
	case !s.registration.SMS():
		s.set(registrationState(s.registration))
	default:
		s.set(Ready, "", "")
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// nameOf is a command without its values.
func nameOf(cmd string) string {
	name, _, _ := strings.Cut(cmd, "=")
	return name
}

// learnProbes finds out which questions serve for a resync of this modem.
func (s *session) learnProbes(ctx context.Context) error {
	var good []line.Spec
	for _, p := range line.Probes() {
		p.Timeout = quick
		_, err := s.do(ctx, p)
		switch {
		case err == nil:
			good = append(good, p)
		case refused(err):
		case lost(err): // answers OK without a line of its own: no use
		default:
			return err
		}
	}
	for _, p := range []line.Spec{ask("+CREG", "?"), digits("+CGSN")} {
		if len(good) >= 2 {
			break
		}
		if _, err := s.do(ctx, p); err == nil {
			good = append(good, p)
		} else if !refused(err) && !lost(err) {
			return err
		}
	}
	s.conn.SetProbes(slices.Clone(good))
	return nil
}

// spread is a moment within d, so that a rack does not ask in step.
func spread(d time.Duration) time.Time { return time.Now().Add(rand.N(d + 1)) }

// beat is what moments without hurry are moved to: modems that are due within one
// wake the program once, and waking is most of what an idle rack costs.
const beat = 250 * time.Millisecond

// together is the last beat of the rack that is not after t.
func (o *Options) together(t time.Time) time.Time {
	return o.begun.Add(t.Sub(o.begun).Truncate(beat))
}
