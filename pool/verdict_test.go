package pool

import (
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sheet is a PDU of these tests, written as JSON.
type sheet struct {
	From, Text, Encoding, SMSC string
	PID, Class                 int
	Ref, Total, Seq            int
	Nonce                      int // tells equal messages apart
}

func (s sheet) bytes() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return b
}

// sheets decodes them.
type sheets struct{}

func (sheets) Decode(pdu []byte) (Decoded, error) {
	var s sheet
	if err := json.Unmarshal(pdu, &s); err != nil {
		return Decoded{}, err
	}
	bits := 0
	if s.Total > 1 {
		bits = 16
	}
	return Decoded{
		Kind: Text, From: s.From, FromKind: "alphanumeric", Text: s.Text, HasText: true, SMSC: s.SMSC, Encoding: s.Encoding, PID: s.PID, Class: s.Class,
		Ref: s.Ref, RefBits: bits, Total: s.Total, Seq: s.Seq, Digest: md5.Sum(pdu),
	}, nil
}

func (d sheets) Join(parts [][]byte) string {
	var b strings.Builder
	gap := false
	for _, p := range parts {
		if p == nil {
			if !gap {
				b.WriteString("[…]")
			}
			gap = true
			continue
		}
		m, _ := d.Decode(p)
		b.WriteString(m.Text)
		gap = false
	}
	return b.String()
}

func (sheets) Digest(pdu []byte) Digest { return md5.Sum(pdu) }

func (sheets) Segments(text string) (int, string) {
	encoding, alone, part := "gsm7", 160, 153
	for _, r := range text {
		if r > 255 {
			encoding, alone, part = "ucs2", 70, 67
		}
	}
	n := len([]rune(text))
	if n <= alone {
		return 1, encoding
	}
	return (n + part - 1) / part, encoding
}

// deed is something that a provider does to a message, and what must be found of it.
type deed struct {
	name    string
	do      func(*sheet) // to the message
	from    string       // sender, where another
	delay   time.Duration
	drop    bool
	refuse  bool
	skip    bool // the second part
	swap    bool // the two parts
	finding FindingCode
	also    FindingCode
	verdict Verdict
}

var tokenForm = regexp.MustCompile(`\d{6}`)

func deeds() []deed {
	return []deed{
		{name: "plain", verdict: VerdictPassed},
		{name: "plain again", verdict: VerdictPassed},
		{name: "prefix", do: func(s *sheet) { s.Text = "[AD] " + s.Text }, finding: TextPrefixed, verdict: VerdictDegraded},
		{name: "suffix", do: func(s *sheet) { s.Text += " Reply STOP" }, finding: TextSuffixed, verdict: VerdictDegraded},
		{name: "cut", do: func(s *sheet) { s.Text = s.Text[:len(s.Text)-12] }, finding: TextTruncated, verdict: VerdictFailed},
		{name: "characters", do: func(s *sheet) { s.Text = strings.ReplaceAll(s.Text, "é", "?") }, finding: CharsReplaced, verdict: VerdictDegraded},
		{name: "link", do: func(s *sheet) { s.Text = strings.ReplaceAll(s.Text, "https://acme.example/v", "https://sho.rt/x") }, finding: LinkRewritten, verdict: VerdictFailed},
		{name: "words", do: func(s *sheet) { s.Text = "Please give " + tokenForm.FindString(s.Text) + " to nobody at all" }, finding: TextChanged, verdict: VerdictFailed},
		{name: "sender", from: "+4915799999", finding: FromChanged, also: FromKindChanged, verdict: VerdictFailed},
		{name: "alphabet", do: func(s *sheet) { s.Encoding = "ucs2" }, finding: EncodingChanged, verdict: VerdictDegraded},
		{name: "centre", do: func(s *sheet) { s.SMSC = "+336000000" }, finding: SMSCUnexpected, verdict: VerdictDegraded},
		{name: "pid", do: func(s *sheet) { s.PID = 32 }, finding: PIDUnexpected, verdict: VerdictDegraded},
		{name: "flash", do: func(s *sheet) { s.Class = 0 }, finding: ClassUnexpected, verdict: VerdictDegraded},
		{name: "slow", delay: 25 * time.Second, finding: Slow, verdict: VerdictDegraded},
		{name: "late", delay: 90 * time.Second, verdict: VerdictFailed},
		{name: "missing", drop: true, verdict: VerdictFailed},
		{name: "refused", refuse: true, finding: SendRefused, verdict: VerdictFailed},
		{name: "swapped parts", swap: true, finding: PartsOutOfOrder, verdict: VerdictPassed},
		{name: "missing part, still awaited at the deadline", skip: true, delay: 30 * time.Second, finding: PartsMissing, verdict: VerdictFailed},
		{name: "missing part", skip: true, finding: PartsMissing, verdict: VerdictFailed},
	}
}

const (
	verdictSIMs  = 32
	verdictItems = 10000
	crashEvery   = 10 * time.Minute
	slowFrom     = 20 * time.Second
	itemDeadline = time.Minute
)

// span in which something was not as it should be.
type outage struct{ from, to time.Time }

// phone is a modem with its card, as the network and the pool see it.
type phone struct {
	n      int
	iccid  string
	number string
	sick   bool
	away   bool     // the network can't reach it
	held   [][]byte // by the network, for then
	stored [][]byte // in the modem: not known to be on disk
	ill    []outage
}

// truth is what the test knows of an item.
type truth struct {
	deed  deed
	phone *phone
}

type itemOfTest struct {
	test ID
	n    int
}

// worldOfTests runs a pool with modems and a provider in virtual time.
type worldOfTests struct {
	t      *testing.T
	mu     sync.Mutex
	p      *Pool
	mem    *memory
	run    context.CancelFunc
	ended  chan struct{}
	begun  time.Time
	gen    int
	phones []*phone
	truths map[itemOfTest]*truth
	downs  []outage
	counts map[Verdict]int
	refs   int
	rng    *rand.Rand
	all    []deed
}

func (w *worldOfTests) config() *Config {
	c := &Config{PartialAfter: 40 * time.Second, Providers: []Provider{{Name: "main", DailyMessages: 1 << 30}}}
	for _, ph := range w.phones {
		number := ph.number
		c.SIMs = append(c.SIMs, FileSIM{ICCID: ph.iccid, Facts: SIMFacts{Number: &number}})
	}
	return c
}

// start begins a process on what the store has.
func (w *worldOfTests) start() {
	var p *Pool
	p, err := New(Options{
		Store: w.mem, Decoder: sheets{}, Config: w.config(), Boot: Boot{ID: "b", At: time.Now(), Clock: time.Since(w.begun)},
		Send:  func(s Send) { go w.send(s) },
		Check: func(slot string, done func(error)) { go w.check(slot, done) },
		Count: Counters{TestItem: func(_, _, _ string, v Verdict) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.counts[v]++
		}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.mu.Lock()
	w.p, w.run, w.ended = p, cancel, make(chan struct{})
	ended := w.ended
	w.mu.Unlock()
	go func() {
		defer close(ended)
		_ = p.Run(ctx)
	}()
}

// crash ends the process as it is, and begins another two seconds later. What modems
// hold and nobody has on disk is found by their first sweep.
func (w *worldOfTests) crash() {
	w.mu.Lock()
	w.gen++
	w.downs = append(w.downs, outage{from: time.Now()})
	cancel, ended := w.run, w.ended
	w.p = nil
	for _, ph := range w.phones {
		ph.away = true
	}
	w.mu.Unlock()
	cancel()
	<-ended
	w.mem = w.mem.crashed()
	time.Sleep(2 * time.Second)
	w.start()
	time.Sleep(time.Second)
	w.mu.Lock()
	w.downs[len(w.downs)-1].to = time.Now()
	gen := w.gen
	w.mu.Unlock()
	for _, ph := range w.phones {
		w.mu.Lock()
		p, sick := w.p, ph.sick
		left := slices.Clone(ph.stored)
		w.mu.Unlock()
		if sick {
			p.ModemChanged(ph.modem(false), time.Now().Add(-time.Second), false, false)
			continue
		}
		p.ModemChanged(ph.modem(true), time.Now(), true, false)
		for _, pdu := range left {
			w.hand(ph, pdu, false, gen)
		}
		w.back(ph)
	}
}

// back lets the network bring what it has held, in order.
func (w *worldOfTests) back(ph *phone) {
	for {
		w.mu.Lock()
		if ph.sick || w.p == nil {
			w.mu.Unlock()
			return
		}
		if len(ph.held) == 0 {
			ph.away = false
			w.mu.Unlock()
			return
		}
		pdu := ph.held[0]
		ph.held = ph.held[1:]
		ph.stored = append(ph.stored, pdu)
		gen := w.gen
		w.mu.Unlock()
		w.hand(ph, pdu, true, gen)
		time.Sleep(30 * time.Millisecond)
	}
}

func (ph *phone) modem(ready bool) Modem {
	return Modem{Slot: fmt.Sprint("s", ph.n), IMEI: fmt.Sprint("i", ph.n), ICCID: ph.iccid, State: "ready", Ready: ready}
}

// hand gives the pool a PDU; once it is on disk the modem's copy is deleted.
func (w *worldOfTests) hand(ph *phone, pdu []byte, announced bool, gen int) {
	w.mu.Lock()
	p := w.p
	w.mu.Unlock()
	if p == nil {
		return
	}
	p.Receive(Incoming{Slot: fmt.Sprint("s", ph.n), ICCID: ph.iccid, Storage: "SM", PDU: pdu, Announced: announced, AtConnect: !announced, At: time.Now()}, func(err error) {
		w.mu.Lock()
		if err != nil || w.gen != gen {
			w.mu.Unlock()
			return
		}
		ph.stored = slices.DeleteFunc(ph.stored, func(o []byte) bool { return string(o) == string(pdu) })
		w.mu.Unlock()
		go p.Deleted(ph.iccid, pdu)
	})
}

// arrive is the network bringing a PDU.
func (w *worldOfTests) arrive(ph *phone, pdu []byte) {
	w.mu.Lock()
	if ph.away {
		ph.held = append(ph.held, pdu) // of a hung modem and of one without a program the network gets no answer
		w.mu.Unlock()
		return
	}
	ph.stored = append(ph.stored, pdu)
	gen := w.gen
	w.mu.Unlock()
	w.hand(ph, pdu, true, gen)
}

// check looks through a modem, as the rack does.
func (w *worldOfTests) check(slot string, done func(error)) {
	time.Sleep(50 * time.Millisecond)
	for _, ph := range w.phones {
		if fmt.Sprint("s", ph.n) != slot {
			continue
		}
		w.mu.Lock()
		sick, left, gen := ph.sick, slices.Clone(ph.stored), w.gen
		w.mu.Unlock()
		if sick {
			time.Sleep(6 * time.Second)
			done(errors.New("no answer"))
			return
		}
		for _, pdu := range left {
			w.hand(ph, pdu, false, gen)
		}
		done(nil)
	}
}

// ail makes a modem sick for a while. The pool learns of it when a question is not
// answered, if it still is then.
func (w *worldOfTests) ail(ph *phone, d time.Duration) {
	w.mu.Lock()
	if ph.sick {
		w.mu.Unlock()
		return
	}
	ph.sick, ph.away = true, true
	begun := time.Now()
	ph.ill = append(ph.ill, outage{from: begun})
	w.mu.Unlock()
	if d > 2500*time.Millisecond {
		time.Sleep(2500 * time.Millisecond)
		w.tell(ph, false, begun.Add(-500*time.Millisecond))
		d -= 2500 * time.Millisecond
	}
	time.Sleep(d)
	w.mu.Lock()
	ph.sick = false
	ph.ill[len(ph.ill)-1].to = time.Now()
	w.mu.Unlock()
	w.tell(ph, true, time.Now())
	w.back(ph)
}

func (w *worldOfTests) tell(ph *phone, ready bool, heard time.Time) {
	w.mu.Lock()
	p := w.p
	w.mu.Unlock()
	if p != nil {
		p.ModemChanged(ph.modem(ready), heard, ready, false)
	}
}

// send is the provider.
func (w *worldOfTests) send(s Send) {
	w.mu.Lock()
	p, gen := w.p, w.gen
	tr := &truth{deed: w.all[w.rng.IntN(len(w.all))]}
	for _, ph := range w.phones {
		if ph.number == s.Number {
			tr.phone = ph
		}
	}
	w.truths[itemOfTest{s.Test, s.N}] = tr
	w.refs++
	ref := w.refs
	pause := time.Duration(20+w.rng.IntN(400)) * time.Millisecond
	travel := time.Duration(500+w.rng.IntN(8000)) * time.Millisecond
	w.mu.Unlock()
	if p == nil {
		return
	}
	time.Sleep(pause)
	w.mu.Lock()
	again := w.gen == gen
	w.mu.Unlock()
	if again {
		p.Wrote(s.Test, s.N, time.Now())
	}
	go func() {
		time.Sleep(pause)
		w.mu.Lock()
		again := w.gen == gen
		w.mu.Unlock()
		if again {
			p.Answered(s.Test, s.N, Answer{Came: true, Accepted: !tr.deed.refuse, ID: s.Token, Status: "500", At: time.Now()})
		}
	}()
	if tr.deed.drop || tr.deed.refuse {
		return
	}
	time.Sleep(travel + tr.deed.delay)
	for _, m := range tr.deed.sheets(s.Text, ref) {
		w.arrive(tr.phone, m.bytes())
		time.Sleep(200 * time.Millisecond)
	}
}

// sheets are the parts of a message after what was done to it.
func (d *deed) sheets(text string, ref int) []sheet {
	m := sheet{From: "ACME", Text: text, SMSC: "+4917000", Class: -1, Nonce: ref}
	if d.from != "" {
		m.From = d.from
	}
	_, m.Encoding = sheets{}.Segments(text)
	if d.do != nil {
		d.do(&m)
	}
	var out []sheet
	for at := 0; at < len(m.Text) || at == 0; at += 153 {
		part := m
		part.Text = m.Text[at:min(at+153, len(m.Text))]
		out = append(out, part)
	}
	if len(m.Text) <= 160 {
		return []sheet{m}
	}
	for i := range out {
		out[i].Ref, out[i].Total, out[i].Seq = ref%65536, len(out), i+1
	}
	switch {
	case d.skip:
		out = append(out[:1:1], out[2:]...)
	case d.swap:
		out[0], out[1] = out[1], out[0]
	}
	return out
}

func textFor(d string) string {
	base := "Café " + d + ": code {token} at https://acme.example/v for you only"
	if strings.Contains(d, "part") {
		base += strings.Repeat(" and so on and so forth", 6)
	}
	return base
}

// TestVerdicts runs ten thousand items against planted faults, sick receivers and a crash
// every ten minutes, in virtual time: no verdict is wrong, each fault is the finding that
// it should be, inconclusive is only what nothing proves.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		w := &worldOfTests{
			t: t, begun: time.Now().Add(-time.Hour), mem: newMemory(), truths: map[itemOfTest]*truth{}, counts: map[Verdict]int{}, rng: rand.New(rand.NewPCG(seed, 1)), all: deeds(),
		}
		for n := range verdictSIMs {
			w.phones = append(w.phones, &phone{n: n, iccid: fmt.Sprintf("89490200000000000%02d", n), number: fmt.Sprintf("+49151000000%02d", n)})
		}
		w.mem.fails = true
		w.start()
		for _, ph := range w.phones {
			w.tell(ph, true, time.Now())
		}
		stop := make(chan struct{})
		var helpers sync.WaitGroup
		helpers.Go(func() { w.ailments(stop) })
		helpers.Go(func() { w.crashes(stop) })
		ids := w.order()
		close(stop)
		helpers.Wait()
		time.Sleep(3 * time.Minute)
		w.judge(ids)
		w.run()
		<-w.ended
		w.mem.close()
	})
}

func (w *worldOfTests) ailments(stop chan struct{}) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		w.mu.Lock()
		ph := w.phones[w.rng.IntN(len(w.phones))]
		d := time.Duration(1+w.rng.IntN(40)) * time.Second
		next := time.Duration(2+w.rng.IntN(8)) * time.Second
		w.mu.Unlock()
		wg.Go(func() { w.ail(ph, d) })
		select {
		case <-stop:
			return
		case <-time.After(next):
		}
	}
}

func (w *worldOfTests) crashes(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(crashEvery):
		}
		w.crash()
	}
}

// order opens tests on every number, a few items at a time, until there are enough.
func (w *worldOfTests) order() []ID {
	var ids []ID
	var mu sync.Mutex
	var wg sync.WaitGroup
	n := 0
	for range 48 {
		wg.Go(func() {
			for {
				mu.Lock()
				more := n < verdictItems
				n += 2
				mu.Unlock()
				if !more {
					return
				}
				if id := w.one(); id != 0 {
					mu.Lock()
					ids = append(ids, id)
					mu.Unlock()
				} else {
					time.Sleep(3 * time.Second)
					mu.Lock()
					n -= 2
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return ids
}

// one opens a test of two numbers and waits until it is closed, over restarts.
func (w *worldOfTests) one() ID {
	w.mu.Lock()
	p := w.p
	a := w.rng.IntN(len(w.phones))
	b := (a + 1 + w.rng.IntN(len(w.phones)-1)) % len(w.phones)
	long := w.rng.IntN(4) == 0
	w.mu.Unlock()
	if p == nil {
		return 0
	}
	kind := "one"
	if long {
		kind = "two parts"
	}
	v, _, err := p.StartTest(context.Background(), "", TestRequest{
		Numbers: []string{w.phones[a].number, w.phones[b].number}, Token: Token{Length: 6}, Text: textFor(kind), Provider: "main",
		Expect: Expect{From: []string{"ACME"}, Text: TextExact, SMSC: []string{"+49"}}, Deadline: itemDeadline, Degraded: slowFrom, Late: 2 * time.Minute,
	})
	if err != nil {
		return 0
	}
	for {
		time.Sleep(time.Second)
		w.mu.Lock()
		p := w.p
		w.mu.Unlock()
		if p == nil {
			continue
		}
		if now, err := p.Test("", v.ID); err == nil && now.State != TestOpen {
			return v.ID
		}
	}
}
