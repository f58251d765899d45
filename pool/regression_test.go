package pool

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Each of these was broken once.

// regress is a pool on the model's cards.
func regress(t *testing.T, store *memory, conf *Config, decoder Decoder) *Pool {
	t.Helper()
	p, err := New(Options{Store: store, Decoder: decoder, Config: conf, Boot: Boot{ID: "boot", Clock: time.Hour, At: time.Now()}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func plug(p *Pool, slot, iccid string, ready bool) {
	p.ModemChanged(Modem{Slot: slot, State: "x", ICCID: iccid, IMEI: "86" + slot, Ready: ready}, time.Now(), ready, false)
}

func allGiven() *Config { return modelConfig([modelSIMs]bool{true, true, true}) }

// TestUnknownApplication refuses one that a reload has taken out, and goes on.
func TestUnknownApplication(t *testing.T) {
	t.Parallel()
	store := newMemory()
	defer store.close()
	p := regress(t, store, allGiven(), plain{})
	plug(p, "A1", iccidOf(0), true)
	_, _, err := p.Reserve(t.Context(), "gone", ReserveRequest{TTL: time.Minute})
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != Unauthorized {
		t.Errorf("reserving: %v", err)
	}
	_, err = p.Wait(t.Context(), "gone", WaitRequest{Number: "+49151000000"})
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != Unauthorized {
		t.Errorf("waiting: %v", err)
	}
	if _, _, err := p.Reserve(t.Context(), "a", ReserveRequest{TTL: time.Minute}); err != nil {
		t.Errorf("another one: %v", err)
	}
}

// TestQueueAfterReload refuses an application that waits for a number and is taken out.
func TestQueueAfterReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		p := regress(t, store, allGiven(), plain{})
		plug(p, "A1", iccidOf(0), true)
		r, _, err := p.Reserve(t.Context(), "a", ReserveRequest{TTL: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		result := make(chan error, 1)
		go func() {
			_, _, err := p.Reserve(t.Context(), "b", ReserveRequest{TTL: time.Minute, Wait: 50 * time.Second})
			result <- err
		}()
		synctest.Wait()
		conf := allGiven()
		conf.Apps = conf.Apps[:1]
		if err := p.SetConfig(conf, "operator"); err != nil {
			t.Fatal(err)
		}
		if e, ok := errors.AsType[*Error](<-result); !ok || e.Code != Unauthorized {
			t.Error("it goes on waiting")
		}
		if err := p.Release("a", r.ID); err != nil {
			t.Error(err)
		}
		store.close()
	})
}

// TestCheckDigit knows a card that is named without its check digit as the one that a
// modem reads with it, before and after a reload, and when it was set by a command.
func TestCheckDigit(t *testing.T) {
	t.Parallel()
	store := newMemory()
	defer func() { store.close() }()
	conf := allGiven()
	conf.SIMs[0].ICCID = "8949020000000001230"
	const read = "89490200000000012305"
	p := regress(t, store, conf, plain{})
	name := "field"
	if _, err := p.SetSIM("8949020000000009990", SIMFacts{Name: &name}); err != nil {
		t.Fatal(err)
	}
	holds := func(when string) {
		t.Helper()
		n := 0
		for _, s := range p.SIMs() {
			if SameICCID(s.ICCID, read) {
				n++
				if s.ICCID != read || s.State != Free || s.Number != "+49151000000" {
					t.Errorf("%s: %s is %s %s as %s", when, s.ICCID, s.State, s.Reason, s.Number)
				}
			}
			if s.ICCID == "89490200000000099905" && s.SIM != name {
				t.Errorf("%s: what was set is lost", when)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d cards", when, n)
		}
	}
	plug(p, "A1", read, true)
	plug(p, "A2", "89490200000000099905", true)
	holds("at first")
	if err := p.SetConfig(conf, "operator"); err != nil {
		t.Fatal(err)
	}
	holds("after a reload")
	if err := p.Barrier(); err != nil {
		t.Fatal(err)
	}
	store = store.crashed()
	p = regress(t, store, conf, plain{})
	plug(p, "A1", read, true)
	holds("after a restart")
}

// TestSilenceNeedsAReceiver calls silence inconclusive when nothing could be received,
// from the start on.
func TestSilenceNeedsAReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		p := regress(t, store, allGiven(), plain{})
		plug(p, "A1", iccidOf(0), false)
		result := make(chan *WaitResult, 1)
		go func() {
			r, err := p.Wait(t.Context(), "a", WaitRequest{Number: "+49151000000", None: true, Timeout: 50 * time.Second})
			if err != nil {
				t.Error(err)
			}
			result <- r
		}()
		time.Sleep(30 * time.Second)
		plug(p, "A1", iccidOf(0), true)
		if r := <-result; r == nil || r.Outcome != Inconclusive {
			t.Errorf("%+v", r)
		}
		store.close()
	})
}

// TestSinceOfUnsorted finds what came since a time though a message that lacked parts has
// its id later than its time.
func TestSinceOfUnsorted(t *testing.T) {
	t.Parallel()
	now := time.Now()
	store := newMemory()
	defer store.close()
	for i, m := range []struct {
		age  time.Duration
		text string
	}{{2 * time.Hour, "code 0"}, {30 * time.Second, "code 1"}, {3 * time.Minute, "partial"}, {5 * time.Second, "other"}} {
		id := ID(2 * (i + 1))
		store.msgs[id] = Message{ID: id, ICCID: iccidOf(0), Kind: Text, From: "A", Text: &m.text, Complete: true, CompletedAt: now.Add(-m.age)}
	}
	store.next = 20
	p := regress(t, store, allGiven(), plain{})
	plug(p, "A1", iccidOf(0), true)
	r, err := p.Wait(t.Context(), "a", WaitRequest{Number: "+49151000000", Contains: "code", Since: now.Add(-time.Minute)})
	if err != nil || r.Outcome != Matched || len(r.Messages) != 1 || *r.Messages[0].Text != "code 1" {
		t.Errorf("%+v, %v", r, err)
	}
}

// long reads "FROM L<ref>/<total>/<seq> text" as a part of a long message.
type long struct{ plain }

func (l long) Decode(pdu []byte) (Decoded, error) {
	d, err := l.plain.Decode(pdu)
	if _, scanErr := fmt.Sscanf(d.Text, "L%d/%d/%d", &d.Ref, &d.Total, &d.Seq); scanErr == nil {
		d.RefBits = 8
	}
	return d, err
}

func (long) Join(parts [][]byte) string {
	var out []string
	for _, p := range parts {
		out = append(out, string(p))
	}
	return strings.Join(out, "|")
}

// TestReferenceUsedAgain puts a new long message together whose reference an older one
// had that lacks a part; and forgets a part that came late.
func TestReferenceUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		p := regress(t, store, allGiven(), long{})
		plug(p, "A1", iccidOf(0), true)
		in := func(pdu string) {
			p.Receive(Incoming{Slot: "A1", ICCID: iccidOf(0), PDU: []byte(pdu), Announced: true, At: time.Now()}, func(err error) {
				if err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		in("+4930111111 L7/2/1 old")
		time.Sleep(2 * time.Minute)
		p.tick(time.Now()) // it goes out as it is
		in("+4930111111 L7/2/1 new")
		in("+4930111111 L7/2/2 new")
		in("+4930111111 L7/2/2 late")
		synctest.Wait()
		complete, late := 0, 0
		store.mu.Lock()
		for _, m := range store.msgs {
			if m.Complete && strings.Count(*m.Text, "new") == 2 {
				complete++
			}
		}
		for _, part := range store.parts {
			if part.Message != 0 {
				late++
			}
		}
		store.mu.Unlock()
		if complete != 1 || late != 1 {
			t.Errorf("%d new messages are whole, %d parts are late", complete, late)
		}
		if f, err := p.ForgetNumber("+4930111111", "asked to", func(ID) bool { return false }); err != nil || f.Erased != 2 || f.Waiting != 0 {
			t.Errorf("%+v, %v", f, err)
		}
		if len(store.parts) != 0 {
			t.Error("a late part outlives its forgetting")
		}
		store.close()
	})
}

// TestLastMessageOfStrangers shows a holder no time of a message that it does not see.
func TestLastMessageOfStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		p := regress(t, store, allGiven(), plain{})
		plug(p, "A1", iccidOf(0), true)
		if _, _, err := p.Reserve(t.Context(), "a", ReserveRequest{TTL: time.Hour}); err != nil {
			t.Fatal(err)
		}
		seen := func() time.Time {
			synctest.Wait()
			return p.Numbers("a", NumberQuery{})[0].LastMessageAt
		}
		for _, c := range []struct {
			from string
			sees bool
		}{{"BANK", false}, {"A1", true}} {
			time.Sleep(time.Second)
			p.Receive(Incoming{Slot: "A1", ICCID: iccidOf(0), PDU: []byte(c.from + " text"), Announced: true, At: time.Now()}, func(error) {})
			if at := seen(); at.IsZero() == c.sees {
				t.Errorf("after a message of %s: %v", c.from, at)
			}
		}
		store.close()
	})
}

// TestResumeReleases keeps what a restored backup holds through a pause, and from when the
// time of what a resume has released counts through whatever comes after it.
func TestResumeReleases(t *testing.T) {
	t.Parallel()
	store := newMemory()
	defer store.close()
	store.where["crm"] = DestinationState{Name: "crm", Held: 7}
	p := regress(t, store, allGiven(), plain{})
	resumed := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for n, c := range []struct{ set, want DestinationState }{
		{DestinationState{Name: "crm", Paused: true}, DestinationState{Name: "crm", Paused: true, Held: 7}},
		{DestinationState{Name: "crm", Since: resumed}, DestinationState{Name: "crm", Since: resumed, Released: 7, ReleasedAt: resumed}},
		{DestinationState{Name: "crm", Paused: true}, DestinationState{Name: "crm", Paused: true, Released: 7, ReleasedAt: resumed}},
		{DestinationState{Name: "crm"}, DestinationState{Name: "crm", Released: 7, ReleasedAt: resumed}},
		{DestinationState{Name: "erp"}, DestinationState{Name: "erp"}},
	} {
		if err := p.SetDestination(c.set, "operator"); err != nil {
			t.Fatal(err)
		}
		if got := store.where[c.set.Name]; got != c.want {
			t.Errorf("step %d: %+v, not %+v", n, got, c.want)
		}
	}
}

// TestMetCopies notes at most once a day that a card still has a copy of what is known, so
// that it stays known for as long as that goes on.
func TestMetCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		p := regress(t, store, allGiven(), plain{})
		plug(p, "A1", iccidOf(0), true)
		pdu := []byte("PANEL zone 3")
		key := seenKey{iccidOf(0), plain{}.Digest(pdu)}
		list := func(announced bool) time.Time {
			done := make(chan error, 1)
			p.Receive(Incoming{Slot: "A1", ICCID: iccidOf(0), PDU: pdu, Announced: announced, At: time.Now()}, func(err error) { done <- err })
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			p.mu.Lock()
			delete(p.recent, key) // as a minute does
			p.mu.Unlock()
			s, _ := store.Seen(key.iccid, key.digest)
			return s.Met
		}
		if met := list(true); !met.IsZero() {
			t.Errorf("the first one was met at %v", met)
		}
		first := list(false)
		if !first.Equal(time.Now()) {
			t.Errorf("the copy was met at %v", first)
		}
		time.Sleep(23 * time.Hour)
		if met := list(false); !met.Equal(first) {
			t.Errorf("written down again after 23 h: %v", met)
		}
		time.Sleep(2 * time.Hour)
		if met := list(false); !met.Equal(time.Now()) {
			t.Errorf("after a day: %v", met)
		}
		store.close()
	})
}

// TestWrittenOnce writes a message's event once for all its destinations, and before its
// commit is through.
func TestWrittenOnce(t *testing.T) {
	t.Parallel()
	store := newMemory()
	defer store.close()
	conf := allGiven()
	for _, name := range []string{"crm", "erp"} {
		conf.Destinations = append(conf.Destinations, Destination{Name: name, Events: []EventType{SMSReceived}})
	}
	written := 0
	jobs := make(chan []Job, 1)
	p, err := New(Options{
		Store: store, Decoder: plain{}, Config: conf, Boot: Boot{ID: "boot", Clock: time.Hour, At: time.Now()},
		Deliver: func(list []Job) { jobs <- list },
		Write: func(ev *Event, m *Message) (Written, error) {
			written++
			return Written{ID: fmt.Sprint(ev.ID), Body: []byte(*m.Text)}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	plug(p, "A1", iccidOf(0), true)
	store.hold(true)
	p.Receive(Incoming{Slot: "A1", ICCID: iccidOf(0), PDU: []byte("PANEL zone 3"), Announced: true, At: time.Now()}, func(error) {})
	if written != 1 {
		t.Errorf("written %d times before the commit", written)
	}
	store.hold(false)
	list := <-jobs
	for _, j := range list {
		if w, err := j.Write(); err != nil || string(w.Body) != "zone 3" || w.ID != fmt.Sprint(j.Event) {
			t.Errorf("%+v, %v", w, err)
		}
	}
	if len(list) != 2 || written != 1 {
		t.Errorf("%d jobs, written %d times", len(list), written)
	}
}
