package modem

import (
	"context"
	"time"

	"modemgate/modem/answer"
)

// checkRegistration asks the domain that took the modem last, then the other: on a
// network without circuits only +CEREG tells (TS 27.007 clauses 7.2 and 10.1.22).
func (s *session) checkRegistration(ctx context.Context) error {
	s.lookAt = time.Now().Add(24 * time.Hour) // until a URC or the round of health asks
	if s.stage < cardReady {
		return nil
	}
	domains := [2]string{"+CREG", "+CEREG"}
	if s.domain == domains[1] {
		domains[0], domains[1] = domains[1], domains[0]
	}
	best, said := answer.Unknown, false
	for _, domain := range domains {
		lines, err := s.try(ctx, registration(domain))
		if err != nil {
			s.lookAt = time.Now()
			return err
		}
		r, err := answer.CREG(lines, domain)
		if err != nil {
			continue
		}
		if !said || r.Stat.SMS() || r.Stat == answer.Denied {
			best, said = r.Stat, true
		}
		if best.SMS() {
			s.domain = domain
			break
		}
	}
	s.registration = best
	s.status.Registration = best.String()
	s.status.Roaming = best == answer.Roaming || best == answer.RoamingSMSOnly || best == answer.RoamingCSFBNotPreferred
	if !best.SMS() {
		s.status.Operator, s.status.PLMN = "", ""
		s.lookAt = time.Now().Add(lookFor)
		return nil
	}
	if s.status.PLMN == "" && s.operatorTries < 3 {
		s.operatorTries++
		return s.readOperator(ctx)
	}
	return nil
}

// registrationState is the state of a modem that is not registered.
func registrationState(stat answer.RegStat) (State, Reason, string) {
	switch stat {
	case answer.Denied:
		return Denied, AccessDenied, "the network refuses the SIM"
	case answer.EmergencyOnly:
		return Denied, AccessDenied, "the network allows emergency calls only"
	}
	return Searching, NotRegistered, "not registered on a network: " + stat.String()
}

// readOperator asks for the network's number, then its name, in which form the modem
// is left (TS 27.007 clause 7.3), and for the signal.
func (s *session) readOperator(ctx context.Context) error {
	for _, q := range []struct {
		form   string
		number bool
		to     *string
	}{{"AT+COPS=3,2", true, &s.status.PLMN}, {"AT+COPS=3,0", false, &s.status.Operator}} {
		if _, err := s.try(ctx, set(q.form)); err != nil {
			return err
		}
		spec := ask("+COPS", "?")
		spec.Timeout = normal
		lines, err := s.try(ctx, spec)
		if err != nil {
			return err
		}
		if op, err := answer.COPS(lines); err == nil && q.number == (op.Format == 2) {
			*q.to = op.Name
		}
	}
	return s.checkSignal(ctx)
}

func (s *session) checkSignal(ctx context.Context) error {
	lines, err := s.try(ctx, ask("+CSQ", ""))
	if err != nil {
		return err
	}
	if signal, err := answer.CSQ(lines); err == nil {
		s.status.SignalDBm = signal.DBm()
	}
	return nil
}
