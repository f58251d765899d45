package modem

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"modemgate/modem/answer"
	"modemgate/modem/line"
	"modemgate/modem/pdu"
)

// maxReads is how often one message is read until two readings are the same.
const maxReads = 4

// storing is what a session knows of the modem's storages.
type storing struct {
	storages []string // to look in; the one that receives last
	mems     []string // the arguments of AT+CPMS= that the modem has accepted
	mem1     string   // selected for reading and deleting; empty: not known
	unproven bool     // something was read that may lie elsewhere: the modem can have left mem1 by itself
	alias    bool     // CPMS? names the storages otherwise than CPMS= does: it proves nothing

	announced []announcement  // not read yet, in order
	held      map[place]*held // read, and not yet deleted
	doomed    []place         // of held: on disk, may go
	direct    []line.URC      // came with their PDU

	found    []found   // by a sweep in the middle of a session; their announcements may be on their way
	foundDue time.Time // when those that were not announced are handed over

	toSweep   []string // rest of the sweep under way
	sweepAt   time.Time
	gap       bool // the sweep could not read all there is
	first     bool // no sweep of this session has been complete
	listed    int  // storages that the sweep could list
	drafts    int  // in the storage that receives: drafts and copies of what was sent, which stay
	cardChore bool
	doubted   bool // checkAnnouncing is among the chores
	busy      int

	operatorTries int
}

// held is a message between its reading and its deletion.
type held struct {
	pdu    string
	ticket uint64
	kept   bool
}

// found is a message that a sweep has listed.
type found struct {
	place
	m  answer.Message
	at time.Time
}

// late is how long an announcement may come after the listing that has the message: a
// modem says it when the answer to the listing is through.
const late = 100 * time.Millisecond

// handFound hands over what a sweep has found and nothing has announced meanwhile.
func (s *session) handFound() {
	list := s.found
	s.found = nil
	if len(list) > 0 {
		s.doubtAnnouncing()
	}
	for _, f := range list {
		s.hand(f.place, f.m, Sweep, f.at)
	}
	s.sweepEnds()
}

// announce takes the word of a modem that a place holds a new message. One that was
// read and whose deletion is not sent yet is meant by it: a place is used again only
// when it has been emptied.
func (s *session) announce(a announcement) {
	if s.held[a.place] != nil {
		return
	}
	// One that a sweep has found is meant, too: it is not read again, for a second reading
	// would bring a second deletion, and the place may be another message's by then.
	if i := slices.IndexFunc(s.found, func(f found) bool { return f.place == a.place }); i >= 0 {
		m := s.found[i].m
		s.found = slices.Delete(s.found, i, i+1)
		s.hand(a.place, m, Announced, a.at)
		s.sweepEnds()
		return
	}
	for i := range s.announced {
		if s.announced[i].place == a.place {
			return
		}
	}
	s.announced = append(s.announced, a)
}

// readAnnounced reads the message that was announced first and hands it over. This is
// the way that every message should take.
func (s *session) readAnnounced(ctx context.Context) error {
	a := s.announced[0]
	if s.held[a.place] != nil {
		s.announced = s.announced[1:]
		return nil
	}
	m, err := s.read(ctx, a.place)
	if err != nil && !refused(err) && !oddAnswer(err) {
		return err // still announced: read again, or found by the sweep of the next session
	}
	s.announced = s.announced[1:]
	switch {
	case err != nil: // a hint is no proof: it may name the wrong storage or place
		s.log.Debug("announced message not read", "storage", a.storage, "error", err)
		s.sweepAll()
	case received(m):
		s.hand(a.place, m, Announced, a.at)
	}
	return nil
}

// received says whether a message came from the network, rather than being a draft or
// a copy of one that was sent from here (TS 27.005 clause 3.1).
func received(m answer.Message) bool {
	if m.Stat != answer.Unstated {
		return m.Stat <= 1
	}
	d, err := pdu.DecodeHex(m.PDU)
	return err != nil || d.Type != pdu.Submit
}

// oddAnswer says whether an answer to AT+CMGR could not be used.
func oddAnswer(err error) bool {
	return errors.Is(err, answer.ErrEmpty) || errors.Is(err, answer.ErrMalformed)
}

// read reads one place. What is not as long as its header says, or was read while the
// line was noisy, is read until it comes twice the same.
func (s *session) read(ctx context.Context, p place) (answer.Message, error) {
	if err := s.selectStorage(ctx, p.storage); err != nil {
		return answer.Message{}, err
	}
	var last string
	for range maxReads {
		noise := s.conn.Noise()
		lines, err := s.do(ctx, read(p.index))
		if errors.Is(err, line.ErrOutOfStep) { // a plain OK: an empty place, or somebody else's
			return answer.Message{}, answer.ErrEmpty
		}
		if err != nil {
			return answer.Message{}, err
		}
		m, err := answer.CMGR(lines)
		if err != nil {
			return m, err
		}
		if m.PDU == last || last == "" && m.Whole() && s.conn.Noise() == noise {
			return m, nil
		}
		last = m.PDU
	}
	return answer.Message{}, answer.ErrMalformed
}

// hand gives a message to the sink. Its place is held until the sink has spoken and
// the deletion is sent.
func (s *session) hand(p place, m answer.Message, found Found, at time.Time) {
	//failpoint:read
	s.ticket++
	s.unproven = true
	h := &held{pdu: m.PDU, ticket: s.ticket}
	if s.held == nil {
		s.held = make(map[place]*held)
	}
	s.held[p] = h
	box, ticket := s.inbox, h.ticket
	s.o.Sink.Message(s.message(m.PDU, p.storage, found, at), func(err error) {
		box.change(func() { box.kept = append(box.kept, kept{p, ticket, err}) })
	})
}

func (s *session) message(text, storage string, found Found, at time.Time) Message {
	raw, half := octets(text)
	return Message{
		Slot: s.status.Slot, IMEI: s.status.IMEI, ICCID: s.status.ICCID, PDU: raw, HalfHex: half,
		Network: s.status.PLMN, Storage: storage, Found: found, At: at,
	}
}

// octets of a PDU as the modem wrote it; of one that is no hex, what it wrote. half
// says that the last digit had no partner and was dropped.
func octets(text string) (raw []byte, half bool) {
	half = len(text)%2 != 0
	raw, err := hex.DecodeString(text[:len(text)/2*2])
	if err != nil || len(raw) == 0 {
		return []byte(text), false
	}
	return raw, half
}

// settle takes the sink's word on a message.
func (s *session) settle(k kept) {
	h := s.held[k.place]
	if h == nil || h.ticket != k.ticket || h.kept {
		return // of an earlier card or session
	}
	if k.err != nil {
		delete(s.held, k.place) // stays in the modem; the sweep finds it again
		s.log.Warn("message not kept: it stays in the modem", "error", k.err)
		if next := time.Now().Add(gapSweep); s.sweepAt.After(next) {
			s.sweepAt = next
		}
		return
	}
	h.kept = true
	s.doomed = append(s.doomed, k.place)
}

// deleteOne deletes one message that is on disk. Once the command is sent the index
// no longer names it, whatever comes of the command: what is still there is listed by
// a sweep, and found to be known.
func (s *session) deleteOne(ctx context.Context) error {
	p := s.doomed[0]
	s.unproven = true
	err := s.prove(ctx)
	if err == nil {
		err = s.selectStorage(ctx, p.storage)
	}
	if refused(err) {
		s.doomed = s.doomed[1:]
		delete(s.held, p)
		s.sweepAt = time.Now().Add(gapSweep)
		return nil
	}
	if err != nil {
		return err
	}
	s.takeInbox() // what was announced for this place until now means this message
	s.lookForMissed()
	if len(s.doomed) == 0 || s.doomed[0] != p || len(s.announced) > 0 {
		return nil // a message that was announced meanwhile goes first
	}
	s.doomed = s.doomed[1:]
	h := s.held[p]
	delete(s.held, p)
	//failpoint:before_delete
	_, err = s.do(ctx, remove(p.index))
	//failpoint:deleted
	if err == nil && h != nil {
		raw, _ := octets(h.pdu)
		s.o.Sink.Deleted(s.status.ICCID, raw)
	}
	if refused(err) {
		s.log.Warn("message not deleted", "storage", p.storage, "error", err)
		return nil
	}
	return err
}

// prove asks whether what was read came from where it was meant to. Some modems change
// their storage by themselves: the index of a message then names another's elsewhere,
// and nothing may be deleted by it.
func (s *session) prove(ctx context.Context) error {
	if !s.unproven || s.mem1 == "" || s.alias {
		return nil
	}
	mem, err := s.askStorage(ctx)
	if err != nil {
		return err
	}
	s.unproven = false
	if s.moved(mem) {
		s.distrust()
		return fmt.Errorf("storage: %w", errLost)
	}
	return nil
}

// lookForMissed begins a sweep when more is stored than was read or announced: an
// announcement was lost, in a short hang most likely. A busy modem is not asked how it
// is; each deletion asks how full its storage is.
func (s *session) lookForMissed() {
	if s.status.StorageUsed > len(s.held)+len(s.announced)+len(s.found)+s.drafts && len(s.toSweep) == 0 {
		s.sweepAll()
		s.doubtAnnouncing()
	}
}

// doubtAnnouncing has the modem asked, when there is time, whether it still announces: one
// that starts anew while nobody listens says nothing of it, and then keeps its messages to itself.
func (s *session) doubtAnnouncing() {
	if s.stage == receiving && !s.doubted {
		s.doubted = true
		s.chores = append(s.chores, s.checkAnnouncing)
	}
}

// checkAnnouncing sets the modem up anew when it does not announce any more.
func (s *session) checkAnnouncing(ctx context.Context) error {
	lines, err := s.try(ctx, ask("+CNMI", "?"))
	if err != nil {
		return err
	}
	s.doubted = false
	if mt, err := answer.CNMI(lines); s.stage == receiving && err == nil && mt == 0 {
		s.restarted()
	}
	return nil
}

// askStorage asks which storages are selected, and how full they are. What can't be
// read of the answer is empty.
func (s *session) askStorage(ctx context.Context) (mem [3]answer.Storage, err error) {
	lines, err := s.try(ctx, ask("+CPMS", "?"))
	if err != nil {
		return mem, err
	}
	s.countStorage(lines)
	mem, _ = answer.CPMS(lines)
	return mem, nil
}

func (s *session) moved(mem [3]answer.Storage) bool {
	return !s.alias && s.mem1 != "" && mem[0].Name != "" && mem[0].Name != s.mem1
}

// distrust forgets where messages were read: the modem has changed its storage by
// itself. They are found again by a sweep, and known then.
func (s *session) distrust() {
	s.log.Warn("the modem has changed its storage by itself")
	s.held, s.doomed, s.found = nil, nil, nil
	s.mem1, s.unproven = "", false
	s.stage, s.due = cardReady, time.Now()
}

// sweepAll begins a listing of every storage.
func (s *session) sweepAll() {
	s.toSweep = append([]string(nil), s.storages...)
	if len(s.toSweep) == 0 && s.stage >= cardReady {
		s.toSweep = []string{""} // whatever is selected
	}
	s.gap, s.listed = false, 0
	s.sweepAt = s.o.together(time.Now().Add(jitter(s.o.Sweep)))
}

// sweepOne lists one storage of the sweep under way. Between two storages there is
// time for messages that are announced.
func (s *session) sweepOne(ctx context.Context) error {
	name := s.toSweep[0]
	err := s.listStorage(ctx, name)
	switch {
	case err == nil:
		s.listed++
	case refused(err):
		s.log.Debug("storage not listed", "storage", name, "error", err)
	default:
		return err
	}
	if len(s.toSweep) == 0 || s.toSweep[0] != name { // begun anew meanwhile
		return nil
	}
	s.toSweep = s.toSweep[1:]
	if len(s.toSweep) > 0 {
		return nil
	}
	if s.listed > 0 {
		s.status.Swept, s.first = true, false
	}
	s.sweepEnds()
	if s.gap || s.listed == 0 {
		s.sweepAt = time.Now().Add(gapSweep)
	}
	return nil
}

// sweepEnds tells those who wait for a sweep, once all that it found is handed over.
func (s *session) sweepEnds() {
	switch {
	case len(s.toSweep) > 0, len(s.found) > 0:
	case s.gap, s.listed < len(s.storages):
		s.endChecks(errGap)
	case s.listed > 0:
		s.endChecks(nil)
	}
}

// listStorage lists all messages of a storage, whatever their state (TS 27.005 clause
// 4.1), and hands over those that were received and are not held.
func (s *session) listStorage(ctx context.Context, name string) error {
	if name != "" {
		if err := s.prove(ctx); err != nil {
			return err
		}
		s.mem1 = "" // the one thing that finds every message trusts nothing it did not ask for
		if err := s.selectStorage(ctx, name); err != nil {
			return err
		}
	}
	noise := s.conn.Noise()
	lines, err := s.do(ctx, list())
	if answer.IsCMS(err, answer.CMSInvalidIndex) {
		return nil // empty, as some modems say it
	}
	if err != nil {
		return err
	}
	calm := s.conn.Noise() == noise
	how := Sweep
	if s.first {
		how = SweepAtConnect
	}
	at, drafts := time.Now(), 0
	for _, m := range answer.CMGL(lines) {
		p := place{name, m.Index}
		if h := s.held[p]; h != nil {
			continue
		}
		if !m.Whole() || !calm {
			again, err := s.read(ctx, p)
			if refused(err) || oddAnswer(err) {
				s.gap = true
				continue
			}
			if err != nil {
				return err
			}
			again.Index = m.Index
			m = again
		}
		if !received(m) {
			drafts++
			continue
		}
		// One that was announced meanwhile is that: it has its time.
		if i := slices.IndexFunc(s.announced, func(a announcement) bool { return a.place == p }); i >= 0 {
			when := s.announced[i].at
			s.announced = slices.Delete(s.announced, i, i+1)
			s.hand(p, m, Announced, when)
			continue
		}
		if slices.ContainsFunc(s.found, func(f found) bool { return f.place == p }) {
			continue // the sweep before this one has it
		}
		if how == Sweep && name != "" {
			s.found = append(s.found, found{p, m, at})
			s.foundDue = at.Add(late)
			continue
		}
		s.hand(p, m, how, at)
	}
	if n := len(s.storages); n == 0 || name == s.storages[n-1] {
		s.drafts = drafts
	}
	return nil
}

// keepDirect hands over messages that came with their PDU. The modem has acknowledged
// them by itself and does not hold them.
func (s *session) keepDirect() error {
	direct := s.direct
	s.direct = nil
	for _, u := range direct {
		text := u.PDU
		if text == "" {
			m, err := answer.Direct(strings.Split(u.Line, "\n"))
			if err != nil {
				s.log.Warn("a message came without its PDU")
				continue
			}
			text = m.PDU
		}
		m := s.message(text, "", Announced, u.At)
		s.o.Sink.Message(m, func(err error) {
			if err != nil {
				s.log.Error("a message that the modem does not hold was not kept", "error", err)
			}
		})
		s.o.Sink.Deleted(m.ICCID, m.PDU)
	}
	return nil
}

func isNotYet(err error) bool { return errors.Is(err, errNotYet) }
