package modem

import (
	"context"
	"fmt"
	"time"

	"modemgate/modem/answer"
)

// maxAsked is how often a card is asked for its number: one that is busy just after
// the start knows it later (CME 14).
const maxAsked = 3

// readyCard asks whether the card is ready, and identifies it when it is.
func (s *session) readyCard(ctx context.Context) error {
	if err := s.checkLock(ctx); err != nil {
		return err
	}
	if err := s.readCard(ctx); err != nil {
		return err
	}
	if !s.claim(s) {
		return errTwin
	}
	s.lookAt, s.askAt = time.Now(), time.Now()
	return nil
}

// checkLock asks what the card waits for. errNotYet means that it can't be used now.
func (s *session) checkLock(ctx context.Context) error {
	lines, err := s.do(ctx, cpin())
	switch {
	case err == nil:
		s.lock, _ = answer.CPIN(lines)
	case refused(err):
		s.lock = answer.LockOf(err)
	default:
		return err
	}
	switch s.lock {
	case answer.LockReady:
		return nil
	case answer.LockPIN2, answer.LockPUK2: // the second PIN guards nothing that is needed
		s.lock = answer.LockReady
		return nil
	}
	return fmt.Errorf("card: %w", errNotYet)
}

// checkCard asks whether the card is still there and the same, which a modem without
// a detect pin does not tell.
func (s *session) checkCard(ctx context.Context) error {
	s.cardChore = false
	if s.stage < cardReady {
		return nil
	}
	err := s.checkLock(ctx)
	if err == nil {
		was := s.status.ICCID
		if err = s.readCard(ctx); err == nil {
			if s.status.ICCID != was {
				s.log.Info("another card")
				s.stage, s.due = cardReady, time.Now()
				s.lookAt, s.askAt = s.due, s.due
			}
			return nil
		}
	}
	if lost(err) || !isNotYet(err) && !refused(err) {
		return err
	}
	if s.lock == answer.LockNotReady && s.busy < 3 { // busy with something else, most likely
		s.busy++
		s.chores = append(s.chores, s.checkCard)
		return nil
	}
	s.busy = 0
	s.forgetCard()
	s.stage, s.due, s.retries = armed, time.Now().Add(retryMin), 0
	return nil
}

// forgetCard forgets all that was known of a card. What was to be deleted from it is
// another's by now.
func (s *session) forgetCard() {
	s.status.ICCID, s.status.IMSI, s.status.Number, s.status.NumberSource = "", "", "", ""
	s.status.Operator, s.status.PLMN, s.status.Registration, s.status.Roaming = "", "", "", false
	s.status.Swept = false
	s.registration, s.asked = answer.Unknown, 0
	s.storing = storing{storages: s.storages, mems: s.mems, direct: s.direct, first: true}
}

// readCard reads ICCID and IMSI. Another ICCID is another card.
func (s *session) readCard(ctx context.Context) error {
	id, err := s.readICCID(ctx)
	if err != nil {
		return err
	}
	if id != s.status.ICCID {
		s.forgetCard()
		s.status.ICCID = id
	}
	if s.status.IMSI != "" {
		return nil
	}
	lines, err := s.try(ctx, digits("+CIMI"))
	if err != nil {
		return err
	}
	if s.status.IMSI, err = answer.CIMI(lines); err != nil && s.retries < 3 {
		return fmt.Errorf("IMSI: %w", errNotYet) // refused for some seconds after the start (CME 14)
	}
	return nil
}

// readICCID asks in the family's ways, then in the one that all should know.
func (s *session) readICCID(ctx context.Context) (string, error) {
	for _, name := range s.family.iccid {
		lines, err := s.try(ctx, iccid(name))
		if err != nil && !lost(err) {
			return "", err
		}
		if id, err := answer.CCID(lines); err == nil {
			return id, nil
		}
	}
	lines, err := s.try(ctx, crsmICCID())
	if err != nil {
		return "", err
	}
	if id, ok := crsmData(lines); ok {
		return id, nil
	}
	return "", fmt.Errorf("the ICCID can't be read: %w", errNotYet)
}

// lockState is the state of a modem whose card can't be used.
func lockState(lock answer.Lock) (State, Reason, string) {
	switch lock {
	case answer.LockReady:
		return Setup, OtherReason, "reading the card"
	case answer.LockNotInserted:
		return NoSIM, SIMAbsent, "no SIM is inserted"
	case answer.LockPUK:
		return PINLocked, SIMPUK, "the SIM asks for its PUK"
	case answer.LockPIN:
		return PINLocked, SIMPIN, "the SIM asks for its PIN"
	case answer.LockNotReady:
		return NoSIM, SIMBusy, "the SIM is busy"
	}
	return NoSIM, SIMFailure, "the SIM can't be used"
}

func (s *session) numberDue(now time.Time) bool {
	return s.status.Number == "" && s.asked < maxAsked && !now.Before(s.askAt)
}

// findNumber asks for the card's own number: AT+CNUM (TS 27.007 clause 7.1), then the
// phone book of own numbers.
func (s *session) findNumber(ctx context.Context) error {
	s.asked++
	s.askAt = time.Now().Add(3 * time.Second)
	lines, err := s.try(ctx, many(ask("+CNUM", ""), normal))
	if err != nil {
		return err
	}
	for _, n := range answer.CNUM(lines) {
		if s.ownNumber(n, "cnum") {
			return nil
		}
	}
	if _, err := s.do(ctx, set(`AT+CPBS="ON"`)); err != nil {
		if refused(err) {
			return nil
		}
		return err
	}
	if lines, err = s.try(ctx, many(ask("+CPBR", "=1"), normal)); err != nil {
		return err
	}
	for _, e := range answer.CPBR(lines) {
		if s.ownNumber(e.Number, "phonebook") {
			break
		}
	}
	_, err = s.try(ctx, set(`AT+CPBS="SM"`))
	return err
}

func (s *session) ownNumber(number, source string) bool {
	region := ""
	if s.o.Region != nil {
		region = s.o.Region(numberMCC(s.status.IMSI))
	}
	e164, err := Normalize(number, region)
	if err != nil {
		return false
	}
	s.status.Number, s.status.NumberSource = e164, source
	return true
}
