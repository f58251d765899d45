package modem

import (
	"context"
	"slices"
	"strings"

	"modemgate/modem/answer"
	"modemgate/modem/line"
)

// arm sets up all that needs no SIM, also after the modem has restarted.
func (s *session) arm(ctx context.Context) error {
	// No echo, results in words, errors by number.
	for _, cmd := range []string{"ATE0", "ATV1", "AT+CMEE=1"} {
		if _, err := s.try(ctx, set(cmd)); err != nil {
			return err
		}
	}
	if err := s.identify(ctx); err != nil {
		return err
	}
	if err := s.learnProbes(ctx); err != nil {
		return err
	}
	for _, cmd := range s.family.quiet {
		if _, err := s.try(ctx, set(cmd)); err != nil {
			return err
		}
	}
	// Full functionality (TS 27.007 clause 8.2): ModemManager and some firmware leave
	// 0 or 4. It is not demanded afterwards: some modems always say something else.
	lines, err := s.try(ctx, ask("+CFUN", "?"))
	if err != nil {
		return err
	}
	if level, err := answer.CFUN(lines); err == nil && (level == 0 || level == 4) {
		full := set("AT+CFUN=1")
		full.Timeout = slow
		if _, err := s.try(ctx, full); err != nil {
			return err
		}
	}
	// Registration is reported (clause 7.2), also for modems that are on LTE alone;
	// calls are told apart and with their number (clauses 6.11, 7.6).
	for _, cmd := range []string{"AT+CREG=1", "AT+CEREG=1", "AT+CRC=1", "AT+CLIP=1"} {
		if _, err := s.try(ctx, set(cmd)); err != nil {
			return err
		}
	}
	s.healthAt = s.o.together(spread(s.o.Health))
	return nil
}

// identify finds out what the modem is.
func (s *session) identify(ctx context.Context) error {
	var maker, model, revision string
	for _, q := range []struct {
		name string
		to   *string
	}{{"+CGMI", &maker}, {"+CGMM", &model}, {"+CGMR", &revision}} {
		lines, err := s.try(ctx, words(q.name))
		if err != nil {
			return err
		}
		*q.to = answer.Ident(lines, q.name)
	}
	lines, err := s.try(ctx, line.Spec{Cmd: "ATI", Bare: line.IsText, Lines: line.Many, Timeout: normal})
	if err != nil {
		return err
	}
	ati := answer.ATI(lines)
	s.family = familyOf(maker, strings.Join(lines, "\n"))
	imei, err := s.try(ctx, digits("+CGSN"))
	if err != nil && !lost(err) {
		return err
	}
	s.status.Family = s.family.name
	s.status.Manufacturer = firstOf(maker, ati.Manufacturer)
	s.status.Model = firstOf(model, ati.Model)
	s.status.Revision = firstOf(revision, ati.Revision)
	s.status.IMEI = ati.IMEI
	if n, err := answer.CGSN(imei); err == nil {
		if s.imei != "" && s.imei != n {
			return errIMEI
		}
		s.imei, s.status.IMEI = n, n
	}
	return nil
}

// armMessages sets up PDU mode, the storages and the announcement of messages
// (TS 27.005 clause 3). Announcements come before the first listing, so that nothing
// falls between the two.
func (s *session) armMessages(ctx context.Context) error {
	// Some settings of noise hold only once the card is ready.
	for _, cmd := range append([]string{`AT+CSCS="GSM"`}, s.family.quiet...) {
		if _, err := s.try(ctx, set(cmd)); err != nil {
			return err
		}
	}
	if _, err := s.do(ctx, set("AT+CMGF=0")); err != nil {
		s.noSMS = refused(err) && s.retries >= 3 // while it boots a modem refuses this too
		return err
	}
	if err := s.chooseStorages(ctx); err != nil {
		return err
	}
	// The modem itself acknowledges what it stores.
	if _, err := s.try(ctx, set("AT+CSMS=0")); err != nil {
		return err
	}
	test, err := s.try(ctx, many(ask("+CNMI", "=?"), normal))
	if err != nil {
		return err
	}
	err = answer.ErrAbsent
	for _, value := range answer.PickCNMI(test, cnmi()...) {
		if _, err = s.do(ctx, set("AT+CNMI="+value)); err == nil {
			break
		}
		if !refused(err) {
			return err
		}
	}
	if err != nil {
		s.noSMS = s.retries >= 3
		return err
	}
	s.noSMS = false
	s.status.Swept = false
	s.first = true
	s.sweepAll()
	return nil
}

// cnmi are values for AT+CNMI=, best first (TS 27.005 clause 3.4.1). All store what
// arrives and announce it, mt 1. Status reports come whole, ds 1, before stored ones,
// which some modems announce in the wrong storage; old modems know neither.
func cnmi() []string {
	return []string{"2,1,2,1,0", "2,1,2,2,0", "2,1,2,0,0", "2,1,0,1,0", "2,1,0,2,0", "2,1,0,0,0", "1,1,0,0,0"}
}

// chooseStorages selects where messages are received, SM before all: they stay with
// the card they were sent to. A modem that refuses is read all the same.
func (s *session) chooseStorages(ctx context.Context) error {
	lines, err := s.try(ctx, many(ask("+CPMS", "=?"), normal))
	if err != nil {
		return err
	}
	test, _ := answer.CPMSTest(lines)
	s.mems, s.mem1 = nil, ""
	for _, form := range cpmsForms(test) {
		cmd := set(`AT+CPMS="` + strings.Join(form, `","`) + `"`)
		answered, err := s.do(ctx, cmd)
		if refused(err) {
			continue
		}
		if err != nil {
			return err
		}
		s.mems, s.mem1 = form, form[0]
		s.countStorage(answered)
		break
	}
	s.storages = nil
	if s.mem1 == "" {
		return nil // whatever is selected is read
	}
	mem, err := s.askStorage(ctx)
	if err != nil {
		return err
	}
	s.alias = mem[0].Name != "" && mem[0].Name != s.mem1
	for _, name := range test.Readable() {
		// MT is SM and ME together, BM holds broadcasts, the rest are no storages of their own.
		if name != s.mem1 && (name == "SM" || name == "ME" || name == "SR") && !slices.Contains(s.storages, name) {
			s.storages = append(s.storages, name)
		}
	}
	// The one that receives comes last, so that it is selected when a message is announced.
	s.storages = append(s.storages, s.mem1)
	return nil
}

// cpmsForms are the arguments of AT+CPMS= to try: three, two and one, each from its
// own group of the test answer, SM before ME where there is a choice.
func cpmsForms(test answer.Storages) [][]string {
	var out [][]string
	for _, want := range []string{"SM", "ME", "MT"} {
		var full []string
		for _, group := range test {
			switch {
			case len(group) == 0:
				full = append(full, want)
			case slices.Contains(group, want):
				full = append(full, want)
			default:
				full = append(full, group[0])
			}
		}
		for n := 3; n >= 1; n-- {
			form := full[:n]
			if !slices.ContainsFunc(out, func(o []string) bool { return slices.Equal(o, form) }) && slices.Contains(form, want) {
				out = append(out, form)
			}
		}
	}
	return out
}

// selectStorage makes sure that reading and deleting mean this storage (TS 27.005
// clause 3.2.2): by its name alone, or in the form that the modem has accepted.
func (s *session) selectStorage(ctx context.Context, name string) error {
	if s.mem1 == name {
		return nil
	}
	if err := s.prove(ctx); err != nil {
		return err
	}
	s.mem1 = ""
	_, err := s.do(ctx, set(`AT+CPMS="`+name+`"`))
	if refused(err) && len(s.mems) > 1 {
		form := append([]string{name}, s.mems[1:]...)
		_, err = s.do(ctx, set(`AT+CPMS="`+strings.Join(form, `","`)+`"`))
	}
	if err == nil {
		s.mem1 = name
	}
	return err
}

// checkStorage asks how full the storages are. What is stored and was not announced
// is listed at once: an announcement may have fallen into a short hang.
func (s *session) checkStorage(ctx context.Context) error {
	mem, err := s.askStorage(ctx)
	if err != nil {
		return err
	}
	if s.moved(mem) {
		s.distrust()
		return nil
	}
	s.lookForMissed()
	return nil
}

// countStorage reads how full the storage is that messages are received into.
func (s *session) countStorage(lines []string) {
	mem, err := answer.CPMS(lines)
	if err != nil {
		return
	}
	at := mem[2]
	if at.Total == 0 { // fewer than three
		at = mem[0]
	}
	s.status.StorageUsed, s.status.StorageTotal = at.Used, at.Total
}
