package app

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"modemgate/modem"
	"modemgate/modem/line"
	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/store"
)

// verdictItems is more in the long form: go test ./cmd/modemgate/app -run Verdicts -verdict-items 10000.
var verdictItems = flag.Int("verdict-items", 2000, "how many items TestVerdictsOverPorts judges")

const (
	ringModems   = 16
	ringDeadline = 40 * time.Second
	ringSlow     = 15 * time.Second
	ringCrash    = 2 * time.Minute
)

// prank is what the provider does to a message.
type prank struct {
	name    string
	text    func(string) string
	from    string
	delay   time.Duration
	drop    bool
	refuse  bool
	finding pool.FindingCode
	verdict pool.Verdict
}

func pranks() []prank {
	return []prank{
		{name: "plain", verdict: pool.VerdictPassed},
		{name: "suffix", text: func(s string) string { return s + " Reply STOP" }, finding: pool.TextSuffixed, verdict: pool.VerdictDegraded},
		{name: "cut", text: func(s string) string { return s[:len(s)-9] }, finding: pool.TextTruncated, verdict: pool.VerdictFailed},
		{name: "characters", text: func(s string) string { return strings.ReplaceAll(s, "é", "?") }, finding: pool.CharsReplaced, verdict: pool.VerdictDegraded},
		{name: "link", text: func(s string) string { return strings.ReplaceAll(s, "acme.example/v", "sho.rt/x1") }, finding: pool.LinkRewritten, verdict: pool.VerdictFailed},
		{name: "sender", from: "+4915799999", finding: pool.FromChanged, verdict: pool.VerdictFailed},
		{name: "slow", delay: 20 * time.Second, finding: pool.Slow, verdict: pool.VerdictDegraded},
		{name: "missing", drop: true, verdict: pool.VerdictFailed},
		{name: "refused", refuse: true, finding: pool.SendRefused, verdict: pool.VerdictFailed},
	}
}

// ring is the product's sessions, pool and store on a rack of simulated modems whose ports
// are in memory, in virtual time.
type ring struct {
	t    *testing.T
	path string
	rack *modems.Rack
	rng  *rand.Rand

	mu     sync.Mutex
	boot   time.Time
	gen    int
	pool   *pool.Pool
	did    map[[2]uint64]prank // by test and item
	ill    [][]outage          // by modem
	downs  []outage
	counts map[pool.Verdict]int
	stop   func()
}

// outage is a time in which something was not as it should be.
type outage struct{ from, to time.Time }

// start begins a process on what is on disk. stop ends it without a word to anybody.
func (r *ring) start() {
	s, err := store.Open(r.path, store.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	conf := &pool.Config{PartialAfter: 10 * time.Second, Providers: []pool.Provider{{Name: "main", DailyMessages: 1 << 30}}}
	for i := range r.rack.Len() {
		sim, _ := r.rack.Modem(i).SIM()
		number := sim.MSISDN
		conf.SIMs = append(conf.SIMs, pool.FileSIM{ICCID: sim.ICCID, Facts: pool.SIMFacts{Number: &number}})
	}
	var rack *modem.Rack
	p, err := pool.New(pool.Options{
		Store: s, Decoder: decoder{}, Config: conf, Boot: pool.Boot{ID: "b", At: time.Now(), Clock: time.Since(r.boot)},
		Send:   func(m pool.Send) { go r.send(m) },
		Attend: func(slot string, on bool) { rack.Attend(slot, on) },
		Check:  func(slot string, done func(error)) { rack.Check(slot, done) },
		Count: pool.Counters{TestItem: func(_, _, _ string, v pool.Verdict) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.counts[v]++
		}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	rack, err = modem.New(modem.Options{
		Ports: []string{filepath.Join(r.rack.Dir(), "slot*")}, Rescan: 20 * time.Second, Sink: sink{p},
		Open:    func(node string, _ int) (line.Port, error) { return r.rack.Open(node) },
		Changed: func(st modem.Status, gone bool) { p.ModemChanged(poolModem(st), st.HeardAt, st.Swept, gone) },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = p.Run(ctx) })
	wg.Go(func() { _ = rack.Run(ctx) })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pool = p
	r.stop = func() {
		cancel()
		wg.Wait()
		if err := s.Close(); err != nil {
			r.t.Error(err)
		}
	}
}

// crash ends the process, and begins another three seconds later.
func (r *ring) crash() {
	r.mu.Lock()
	r.gen++
	stop := r.stop
	r.pool = nil
	r.downs = append(r.downs, outage{from: time.Now()})
	r.mu.Unlock()
	stop()
	time.Sleep(3 * time.Second)
	r.start()
	time.Sleep(3 * time.Second) // until the modems are ready again
	r.mu.Lock()
	defer r.mu.Unlock()
	r.downs[len(r.downs)-1].to = time.Now()
}

func (r *ring) now() (*pool.Pool, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pool, r.gen
}

// send is the provider.
func (r *ring) send(m pool.Send) {
	r.mu.Lock()
	all := pranks()
	what := all[r.rng.IntN(len(all))]
	r.did[[2]uint64{uint64(m.Test), uint64(m.N)}] = what
	pause := time.Duration(20+r.rng.IntN(200)) * time.Millisecond
	travel := time.Duration(300+r.rng.IntN(5000)) * time.Millisecond
	p, gen := r.pool, r.gen
	r.mu.Unlock()
	alive := func() bool {
		_, g := r.now()
		return p != nil && g == gen
	}
	time.Sleep(pause)
	if alive() {
		p.Wrote(m.Test, m.N, time.Now())
	}
	time.Sleep(pause)
	if alive() {
		p.Answered(m.Test, m.N, pool.Answer{Came: true, Accepted: !what.refuse, ID: m.Token, Status: "500", At: time.Now()})
	}
	if what.drop || what.refuse {
		return
	}
	time.Sleep(travel + what.delay)
	text, from := m.Text, "ACME"
	if what.text != nil {
		text = what.text(text)
	}
	if what.from != "" {
		from = what.from
	}
	for i := range r.rack.Len() {
		if sim, _ := r.rack.Modem(i).SIM(); sim.MSISDN == m.Number {
			r.rack.Modem(i).Deliver(modems.SMS{From: from, Text: text, Ref: int(m.Test) % 60000})
		}
	}
}

// trouble makes modems hang, lose the network or reboot, one at a time or several.
func (r *ring) trouble(stop chan struct{}) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		r.mu.Lock()
		i, kind := r.rng.IntN(r.rack.Len()), r.rng.IntN(3)
		d := time.Duration(2+r.rng.IntN(40)) * time.Second
		next := time.Duration(10+r.rng.IntN(20)) * time.Second
		busy := len(r.ill[i]) > 0 && r.ill[i][len(r.ill[i])-1].to.IsZero()
		if !busy {
			r.ill[i] = append(r.ill[i], outage{from: time.Now()})
		}
		r.mu.Unlock()
		if !busy {
			wg.Go(func() { r.ail(i, kind, d) })
		}
		select {
		case <-stop:
			return
		case <-time.After(next):
		}
	}
}

func (r *ring) ail(i, kind int, d time.Duration) {
	m := r.rack.Modem(i)
	switch kind {
	case 0:
		m.Hang(true)
		time.Sleep(d)
		m.Hang(false)
	case 1:
		m.Deregister()
		time.Sleep(d)
		m.Register(1)
	default:
		m.Reboot()
		time.Sleep(d)
	}
	time.Sleep(10 * time.Second) // until it is found to be well again
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ill[i][len(r.ill[i])-1].to = time.Now()
}

// order opens a test of two numbers and waits until it is closed, over restarts.
func (r *ring) order() pool.ID {
	p, _ := r.now()
	if p == nil {
		return 0
	}
	r.mu.Lock()
	a := r.rng.IntN(r.rack.Len())
	b := (a + 1 + r.rng.IntN(r.rack.Len()-1)) % r.rack.Len()
	tail := strings.Repeat(" word by word", r.rng.IntN(3)*10)
	r.mu.Unlock()
	number := func(i int) string {
		sim, _ := r.rack.Modem(i).SIM()
		return sim.MSISDN
	}
	v, _, err := p.StartTest(r.t.Context(), "", pool.TestRequest{
		Numbers: []string{number(a), number(b)}, Token: pool.Token{Length: 6}, Provider: "main", Deadline: ringDeadline, Degraded: ringSlow, Late: time.Minute,
		Text: "Café code {token} at https://acme.example/v" + tail, Expect: pool.Expect{From: []string{"ACME"}, Text: pool.TextExact},
	})
	if err != nil {
		return 0
	}
	for {
		time.Sleep(time.Second)
		if p, _ := r.now(); p != nil {
			if now, err := p.Test("", v.ID); err == nil && now.State != pool.TestOpen {
				return v.ID
			}
		}
	}
}

// TestVerdictsOverPorts runs delivery tests through the real sessions, decoder, pool and
// store, over ports in memory, in virtual time: against planted faults, modems that hang,
// lose the network or reboot, and a restart every two minutes. No verdict is wrong.
func TestVerdictsOverPorts(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dir, ports := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := &ring{
			t: t, path: filepath.Join(dir, "modemgate.db"), rng: rand.New(rand.NewPCG(seed, 2)), boot: time.Now().Add(-time.Hour),
			did: map[[2]uint64]prank{}, counts: map[pool.Verdict]int{}, ill: make([][]outage, ringModems),
		}
		var err error
		if r.rack, err = modems.New(modems.Options{
			Dir: ports, Memory: true, Modems: ringModems, Profiles: modems.Profiles(), LatencyMin: 5 * time.Millisecond, LatencyMax: 30 * time.Millisecond, Seed: seed,
		}); err != nil {
			t.Fatal(err)
		}
		r.start()
		time.Sleep(30 * time.Second)
		stop := make(chan struct{})
		var helpers sync.WaitGroup
		helpers.Go(func() { r.trouble(stop) })
		helpers.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(ringCrash):
				}
				r.crash()
			}
		})
		ids := r.orders()
		close(stop)
		helpers.Wait()
		time.Sleep(3 * time.Minute)
		r.judge(ids)
		r.stop()
		if err := r.rack.Close(); err != nil {
			t.Error(err)
		}
	})
	if files, err := os.ReadDir(ports); err != nil || len(files) != 0 {
		t.Errorf("%d ports are left, %v", len(files), err)
	}
}

func (r *ring) orders() (ids []pool.ID) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	n := 0
	for range 24 {
		wg.Go(func() {
			for {
				mu.Lock()
				more := n < *verdictItems
				n += 2
				mu.Unlock()
				if !more {
					return
				}
				id := r.order()
				mu.Lock()
				if id != 0 {
					ids = append(ids, id)
				} else {
					n -= 2
				}
				mu.Unlock()
				if id == 0 {
					time.Sleep(3 * time.Second)
				}
			}
		})
	}
	wg.Wait()
	return ids
}

var sixDigits = regexp.MustCompile(`^\d{6}$`)

// judge holds every verdict against what was done.
func (r *ring) judge(ids []pool.ID) {
	closed, judged, wrong := map[pool.Verdict]int{}, map[string]int{}, 0
	for _, id := range ids {
		v, err := r.pool.Test("", id)
		if err != nil {
			r.t.Fatal(err)
		}
		for n := range v.Items {
			i := &v.Items[n]
			closed[i.Verdict]++
			what, asked := r.did[[2]uint64{uint64(id), uint64(n)}]
			if !sixDigits.MatchString(i.Token) {
				r.t.Errorf("token %q", i.Token)
			}
			if i.Verdict == pool.VerdictSkipped {
				continue
			}
			if why := r.fault(i, what, asked); why != "" {
				if wrong++; wrong <= 10 {
					r.t.Errorf("%s: %s; %s, %s, reason %q, %+v, latency %v, sent %v, due %v", what.name, why, i.Verdict, i.Receipt, i.Reason, i.Findings, i.Latency, i.SentAt, i.Deadline)
				}
			} else if i.Verdict != pool.VerdictInconclusive {
				judged[what.name]++
			}
		}
	}
	if wrong > 0 {
		r.t.Errorf("%d verdicts are wrong", wrong)
	}
	for _, what := range pranks() {
		if judged[what.name] < 10 {
			r.t.Errorf("%s was judged %d times only", what.name, judged[what.name])
		}
	}
	for _, v := range pool.Verdicts() {
		if closed[v] != r.counts[v] {
			r.t.Errorf("%s: %d counted, %d closed", v, r.counts[v], closed[v])
		}
	}
	r.t.Logf("%d items, %d restarts: %v", 2*len(ids), r.gen, closed)
}

// fault says what is wrong with a verdict; empty: nothing is.
func (r *ring) fault(i *pool.ItemView, what prank, asked bool) string {
	from, to := i.AskedAt.Wall, i.Deadline.Add(16*time.Second) // until its check has ended
	excused := during(r.downs, from, to)
	for m := range r.rack.Len() {
		if sim, _ := r.rack.Modem(m).SIM(); sim.MSISDN == i.Number {
			excused = excused || during(r.ill[m], from.Add(-5*time.Second), to)
		}
	}
	var codes []pool.FindingCode
	for _, f := range i.Findings {
		if !f.Late {
			codes = append(codes, f.Code)
		}
	}
	switch {
	case i.Verdict == pool.VerdictInconclusive && i.Receipt == pool.ReceiptReceived:
		return "inconclusive though it came"
	case i.Verdict == pool.VerdictInconclusive:
		if !excused {
			return "inconclusive, and nothing was sick"
		}
		return ""
	case !asked:
		return "it was never asked for"
	case i.Receipt != pool.ReceiptReceived && !what.drop && !what.refuse:
		if i.Verdict == pool.VerdictFailed {
			return "failed though it came, or its receiver was sick"
		}
		return ""
	}
	verdict := what.verdict
	// A sick receiver gets a message late, by a sweep maybe: then it is slow besides, or has no time.
	if at := slices.Index(codes, pool.Slow); at >= 0 && what.finding != pool.Slow && excused {
		codes = slices.Delete(codes, at, at+1)
		if verdict == pool.VerdictPassed {
			verdict = pool.VerdictDegraded
		}
	}
	if what.finding == pool.Slow && i.Latency == nil && excused {
		return ""
	}
	for _, c := range codes {
		if c != what.finding && c != pool.FromKindChanged && c != pool.SegmentsChanged {
			return fmt.Sprintf("%s is found too", c)
		}
	}
	if what.finding != "" && !slices.Contains(codes, what.finding) {
		return fmt.Sprintf("%s is not found", what.finding)
	}
	if i.Verdict != verdict {
		return "should be " + string(verdict)
	}
	return ""
}

// during says whether one of the times touches another.
func during(list []outage, from, to time.Time) bool {
	return slices.ContainsFunc(list, func(o outage) bool { return o.from.Before(to) && (o.to.IsZero() || o.to.After(from)) })
}
