package pool

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// plain reads "SENDER text" as a PDU.
type plain struct{}

func (plain) Decode(pdu []byte) (Decoded, error) {
	from, text, _ := strings.Cut(string(pdu), " ")
	return Decoded{Kind: Text, From: from, FromKind: "alphanumeric", Text: text, HasText: true, Class: -1, Digest: md5.Sum(pdu)}, nil
}

func (plain) Join(parts [][]byte) string { return "" }

func (plain) Segments(string) (int, string) { return 1, "gsm7" }

func (plain) Digest(pdu []byte) Digest { return md5.Sum(pdu) }

const (
	modelSIMs  = 3
	modelQuiet = 30 * time.Second
)

// modelConfig has three cards and two applications; the first is given all of them, the
// second those of given.
func modelConfig(given [modelSIMs]bool) *Config {
	c := &Config{PartialAfter: time.Minute}
	for i := range modelSIMs {
		number := fmt.Sprintf("+4915100000%d", i)
		tags := []string{}
		if given[i] {
			tags = []string{"both"}
		}
		c.SIMs = append(c.SIMs, FileSIM{ICCID: iccidOf(i), Facts: SIMFacts{Number: &number, Tags: &tags}})
	}
	all := []Scope{ScopeRead, ScopeReserve}
	c.Apps = []App{
		{Name: "a", Scopes: all, Senders: []string{"A*"}, Select: Selection{All: true}, MaxReservations: 2, MaxTTL: time.Hour, Quiet: modelQuiet},
		{Name: "b", Scopes: all, Senders: []string{"B"}, Select: Selection{Tags: []string{"both"}}, MaxReservations: 3, MaxTTL: time.Hour},
	}
	return c
}

func iccidOf(i int) string { return fmt.Sprintf("8949000000000000%03d", i) }

// held is a reservation by the rules of the document.
type held struct {
	id              ID
	app             string
	sim             int
	begun, expires  time.Time
	ended, quietEnd time.Time // zero: open
}

func (h *held) busy(now time.Time) bool { return h.ended.IsZero() || now.Before(h.quietEnd) }

// model is what must be so, and the pool that is held to it.
type model struct {
	t     *rapid.T
	pool  *Pool
	store *memory
	stop  func()
	boot  time.Time

	books []*held
	ready [modelSIMs]bool
	given [modelSIMs]bool // cards of application b
	owner map[string]ID   // of each message, by its text
	sim   map[string]int
	next  int
	keys  int
}

func (m *model) begin() {
	p, err := New(Options{Store: m.store, Decoder: plain{}, Config: modelConfig(m.given), Boot: Boot{ID: "boot", Clock: time.Since(m.boot), At: time.Now()}})
	if err != nil {
		m.t.Fatal(err)
	}
	m.pool = p
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.Run(ctx) // it returns nil
	}()
	m.stop = func() { cancel(); <-done }
	for i := range modelSIMs {
		m.modem(i)
	}
	synctest.Wait()
}

func (m *model) modem(i int) {
	state := "ready"
	if !m.ready[i] {
		state = "not_registered"
	}
	m.pool.ModemChanged(Modem{Slot: fmt.Sprint("slot", i), State: state, ICCID: iccidOf(i), IMEI: fmt.Sprint("86000000000000", i), Ready: m.ready[i]},
		time.Now(), true, false)
}

// settle ends what is due in the model.
func (m *model) settle() {
	synctest.Wait()
	now := time.Now()
	for _, h := range m.books {
		if h.ended.IsZero() && !now.Before(h.expires) {
			m.endIt(h, h.expires)
		}
	}
}

func (m *model) endIt(h *held, at time.Time) {
	h.ended, h.quietEnd = at, at
	if h.app == "a" {
		h.quietEnd = at.Add(modelQuiet)
	}
}

func (m *model) open(app string) (n int) {
	for _, h := range m.books {
		if h.app == app && h.ended.IsZero() {
			n++
		}
	}
	return n
}

// expect is what a reservation must give: a card, or a code.
func (m *model) expect(app, number string) (sim int, code Code) {
	now, best := time.Now(), -1
	matched, live := false, false
	last := func(i int) (id ID) {
		for _, h := range m.books {
			if h.sim == i {
				id = max(id, h.id)
			}
		}
		return id
	}
	for i := range modelSIMs {
		if app == "b" && !m.given[i] || number != "" && number != fmt.Sprintf("+4915100000%d", i) {
			continue
		}
		matched = true
		live = live || m.ready[i]
		busy := slices.ContainsFunc(m.books, func(h *held) bool { return h.sim == i && h.busy(now) })
		if m.ready[i] && !busy && (best < 0 || cmp.Or(cmp.Compare(last(i), last(best)), cmp.Compare(i, best)) < 0) {
			best = i
		}
	}
	limit := map[string]int{"a": 2, "b": 3}[app]
	switch {
	case !matched:
		return 0, NoNumberMatches
	case m.open(app) >= limit:
		return 0, TooManyReservations
	case best >= 0:
		return best, ""
	case !live:
		return 0, ReceiversDown
	}
	return 0, NoNumberFree
}

// reserve asks several times at once under one key while nothing is committed: nobody
// may be answered with a reservation before it is on disk, and all get the same one.
func (m *model) reserve(t *rapid.T) {
	m.settle()
	app := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "app")
	number := rapid.SampledFrom([]string{"", "", "", "+49151000000", "+49151000001", "+49151000002", "+49151999999"}).Draw(t, "number")
	callers := rapid.IntRange(1, 3).Draw(t, "callers")
	ttl := time.Duration(rapid.IntRange(1, 120).Draw(t, "ttl")) * time.Second
	sim, code := m.expect(app, number)
	m.keys++
	req := ReserveRequest{Number: number, TTL: ttl, Idempotency: Idempotency{Path: "/v1/reservations", Key: fmt.Sprint("key", m.keys)}}
	type result struct {
		v   *ReservationView
		err error
	}
	results := make(chan result, callers)
	m.store.hold(true)
	now := time.Now()
	for range callers {
		go func() {
			v, _, err := m.pool.Reserve(context.Background(), app, req)
			results <- result{v, err}
		}()
		synctest.Wait()
	}
	if code == "" && len(results) > 0 {
		t.Fatalf("%d calls were answered before the commit", len(results))
	}
	m.store.hold(false)
	var id ID
	for range callers {
		r := <-results
		got, _ := errors.AsType[*Error](r.err)
		switch {
		case code != "":
			if got == nil || got.Code != code {
				t.Fatalf("%s reserved %q: %v, want %s", app, number, r.err, code)
			}
			continue
		case r.err != nil:
			t.Fatalf("%s reserved %q: %v, want card %d", app, number, r.err, sim)
		case r.v.ICCID != iccidOf(sim):
			t.Fatalf("%s reserved %q: card %s, want %d", app, number, r.v.ICCID, sim)
		case id != 0 && r.v.ID != id:
			t.Fatalf("one key gave %d and %d", id, r.v.ID)
		}
		id = r.v.ID
	}
	if code == "" {
		m.books = append(m.books, &held{id: id, app: app, sim: sim, begun: now, expires: now.Add(ttl)})
	}
}

func (m *model) some(t *rapid.T) *held {
	if len(m.books) == 0 {
		t.Skip("nothing is reserved")
	}
	return m.books[rapid.IntRange(max(0, len(m.books)-4), len(m.books)-1).Draw(t, "reservation")]
}

func (m *model) release(t *rapid.T) {
	m.settle()
	h := m.some(t)
	app := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "app")
	err := m.pool.Release(app, h.id)
	if (err == nil) != (app == h.app) {
		t.Fatalf("%s released the reservation of %s: %v", app, h.app, err)
	}
	if err == nil && h.ended.IsZero() {
		m.endIt(h, time.Now())
	}
}

func (m *model) extend(t *rapid.T) {
	m.settle()
	h := m.some(t)
	_, err := m.pool.Extend(h.app, h.id, time.Minute)
	if (err == nil) != h.ended.IsZero() {
		t.Fatalf("extended, ended %v: %v", h.ended, err)
	}
	if err == nil {
		h.expires = time.Now().Add(time.Minute)
	}
}

func (m *model) pass(t *rapid.T) {
	time.Sleep(time.Duration(rapid.IntRange(1, 50_000).Draw(t, "ms"))*time.Millisecond + time.Microsecond)
	m.settle()
}

// receive lets a message arrive that was announced some time ago.
func (m *model) receive(t *rapid.T) {
	m.settle()
	i := rapid.IntRange(0, modelSIMs-1).Draw(t, "card")
	from := rapid.SampledFrom([]string{"A1", "B", "C"}).Draw(t, "from")
	at := time.Now().Add(-time.Duration(rapid.IntRange(0, 40_000).Draw(t, "ago")) * time.Millisecond)
	m.next++
	text := fmt.Sprint("text", m.next)
	var want ID
	for _, h := range m.books {
		if h.sim == i && !at.Before(h.begun) && (h.ended.IsZero() || !at.After(h.quietEnd)) {
			want = h.id // the newest of those that fit
		}
	}
	got := make(chan error, 1)
	m.pool.Receive(Incoming{Slot: fmt.Sprint("slot", i), ICCID: iccidOf(i), Storage: "SM", Announced: true, At: at, PDU: []byte(from + " " + text)},
		func(err error) { got <- err })
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	m.owner[from+" "+text], m.sim[from+" "+text] = want, i
}

func (m *model) turn(t *rapid.T) {
	i := rapid.IntRange(0, modelSIMs-1).Draw(t, "card")
	m.ready[i] = !m.ready[i]
	m.modem(i)
}

// reload gives application b other cards.
func (m *model) reload(t *rapid.T) {
	m.settle()
	i := rapid.IntRange(0, modelSIMs-1).Draw(t, "card")
	m.given[i] = !m.given[i]
	if err := m.pool.SetConfig(modelConfig(m.given), "operator"); err != nil {
		t.Fatal(err)
	}
}

func (m *model) restart(*rapid.T) {
	synctest.Wait()
	m.stop()
	m.store = m.store.crashed()
	m.begin()
}

// check holds all that can be seen to the model.
func (m *model) check(t *rapid.T) {
	m.settle()
	open := map[int]int{}
	for _, h := range m.books {
		r, err := m.pool.Reservation(h.app, h.id)
		if err != nil || r.EndedAt.IsZero() != h.ended.IsZero() {
			t.Fatalf("reservation %d: %+v, %v; ended should be %v", h.id, r, err, h.ended)
		}
		if h.ended.IsZero() {
			if open[h.sim]++; open[h.sim] > 1 {
				t.Fatalf("card %d is reserved twice", h.sim)
			}
		}
	}
	for _, app := range []string{"a", "b"} {
		items, _ := m.pool.Messages(app, Query{Limit: 1000})
		got := map[string]ID{}
		for _, x := range items {
			got[x.From+" "+*x.Text] = x.Reservation
		}
		for key, owner := range m.owner {
			from, _, _ := strings.Cut(key, " ")
			mine := slices.ContainsFunc(m.books, func(h *held) bool { return h.id == owner && h.app == app })
			see := owner == 0 && (app == "a" || m.given[m.sim[key]]) || mine && (app == "a" && from == "A1" || app == "b" && from == "B")
			if of, seen := got[key]; seen != see || seen && of != owner {
				t.Fatalf("%s of card %d belongs to %d: %s sees it %v (as of %d), should be %v", key, m.sim[key], owner, app, seen, of, see)
			}
		}
	}
}

// TestModel plays requests, messages, time, modems that come and go and restarts at
// random, and holds the pool to a model that was written from the document.
func TestModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ testing.TB }{t}, func(rt *rapid.T) { // a bubble's test has no deadline to ask for
			m := &model{t: rt, store: newMemory(), boot: time.Now().Add(-time.Hour), ready: [modelSIMs]bool{true, true, true}, given: [modelSIMs]bool{true, true}, owner: map[string]ID{}, sim: map[string]int{}}
			m.begin()
			defer func() {
				m.store.hold(false)
				m.stop()
				m.store.close()
			}()
			rt.Repeat(map[string]func(*rapid.T){
				"reserve": m.reserve, "reserve2": m.reserve, "release": m.release, "extend": m.extend, "pass": m.pass, "receive": m.receive,
				"turn": m.turn, "restart": m.restart, "reload": m.reload, "": m.check,
			})
		})
	})
}

// TestPlantedBugs shows that TestModel can fail: it must find each of these.
func TestPlantedBugs(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the package once for each bug")
	}
	type edit struct{ file, is, planted string }
	for _, bug := range []struct {
		name  string
		edits []edit
		by    string // the test that must find it; empty: TestModel
	}{
		{name: "checked, then acted upon", by: "TestLinearizable", edits: []edit{
			{"sim.go", "case b == nil || b.over(now):", "case b == nil || b.over(now) || now.Sub(b.created) < 50*time.Microsecond: // not seen yet"},
		}},
		{name: "a number reserved twice", edits: []edit{{"sim.go", "case b.EndedAt.IsZero():\n\t\treturn Reserved, \"\"", "case b.EndedAt.IsZero():\n\t\treturn Free, \"\""}}},
		{name: "a late message goes to the next holder", edits: []edit{{"reservation.go", "return !t.Before(b.created) && (", "return ("}}},
		{name: "a repeat is answered before its commit", edits: []edit{
			{"idempotency.go", "running != nil {", "running != nil && ks.Object == 0 {"},
			{"reservation.go", "t := p.submit(&Change{}, nil) // it may have changed just now", "t := make(ticket, 1)\n\tt <- nil"},
		}},
		{name: "quiet time is forgotten", edits: []edit{{"reservation.go", "return !b.EndedAt.IsZero() && !now.Before(b.quietEnd)", "return !b.EndedAt.IsZero()"}}},
		{name: "another's message is seen", edits: []edit{{"visible.go", `if holder != "" {`, `if holder == app.Name {`}}},
		{name: "senders are forgotten", edits: []edit{{"visible.go", "fromOneOf(", "true || fromOneOf("}}},
	} {
		t.Run(bug.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			replace := map[string]string{}
			for _, e := range bug.edits {
				source, err := os.ReadFile(e.file)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(string(source), e.is) {
					t.Fatalf("%s has no %q", e.file, e.is)
				}
				here, err := filepath.Abs(e.file)
				if err != nil {
					t.Fatal(err)
				}
				replace[here] = filepath.Join(dir, e.file)
				if err := os.WriteFile(replace[here], []byte(strings.Replace(string(source), e.is, e.planted, 1)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			overlay, err := json.Marshal(map[string]map[string]string{"Replace": replace})
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "overlay.json")
			if err := os.WriteFile(path, overlay, 0o600); err != nil {
				t.Fatal(err)
			}
			by := cmp.Or(bug.by, "TestModel")
			out, err := exec.CommandContext(t.Context(), "go", "test", "-overlay="+path, "-run=^"+by+"$", "-count=1", ".", "-rapid.nofailfile").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+by) {
				t.Errorf("not found: %v\n%s", err, out)
			}
		})
	}
}
