package pool

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// What a reader of the change found, each with what it would have done wrong.

// rest lets the office's monitor rest, so that a test has the provider for itself.
func (o *office) rest(t *testing.T) {
	t.Helper()
	if err := o.PauseMonitor("m", "not now", 1000*time.Hour); err != nil {
		t.Fatal(err)
	}
}

// restart begins another process on what the store has, at a boot.
func (o *office) restart(t *testing.T, boot Boot, synchronised bool) *Pool {
	t.Helper()
	p, err := New(Options{Store: o.mem, Decoder: sheets{}, Config: o.config, Boot: boot, Synchronised: func() bool { return synchronised }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = p.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return p
}

func (o *office) modem(n int, ready bool) Modem {
	m := Modem{Slot: fmt.Sprint(n), ICCID: o.cards[n], IMSI: "262010000000000", State: "failed", Ready: ready}
	if ready {
		m.State = "ready"
	}
	return m
}

// answered says that a test's item was sent and accepted.
func (o *office) answered(id ID, n int, as string) {
	o.Wrote(id, n, time.Now())
	o.Answered(id, n, Answer{Came: true, Accepted: true, ID: as, At: time.Now()})
}

const second = "+49151000001" // number of the office's second card

func TestCancelledRunFreesItsMonitor(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		time.Sleep(time.Second)
		first := o.asked()[0]
		if err := o.CancelTest("", first.Test); err != nil {
			t.Fatal(err)
		}
		if o.Wanted(first.Test, 0) {
			t.Error("a cancelled message is still to be sent")
		}
		time.Sleep(11 * time.Minute)
		if n := len(o.asked()); n != 2 {
			t.Errorf("%d runs", n)
		}
	})
}

func TestOwnTokenTakesNobodyElses(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		v := o.open(t, "a", TestRequest{Numbers: []string{second}, Expect: Expect{Text: TextAnything}})
		token := "code"
		if _, err := o.ItemSent("a", v.ID, 0, Said{Token: &token}); err != nil {
			t.Fatal(err)
		}
		own := o.open(t, "", TestRequest{Numbers: []string{second}, Text: "Your code is {token}."})
		o.sms(1, sheet{From: "BANK", Text: own.Items[0].Text})
		if i := o.item(t, own.ID, 0); i.Verdict != VerdictPassed {
			t.Errorf("a word of another's took the operator's message: %+v", i)
		}
		if _, _, err := o.Reserve(context.Background(), "b", ReserveRequest{Number: second, TTL: time.Minute}); err != nil {
			t.Fatal(err)
		}
		o.sms(1, sheet{From: "BANK", Text: "Your code is 991122", Nonce: 1})
		if mine, _ := o.Messages("a", Query{Limit: 9}); len(mine) != 0 {
			t.Errorf("a sees b's message: %+v", mine[0])
		}
		if its, _ := o.Messages("b", Query{Limit: 9}); len(its) != 1 {
			t.Errorf("b sees %d messages", len(its))
		}
	})
}

func TestLongStrangerIsNotLike(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		stranger := "Welcome to Example Mobile! You have now 500 MB of data and 100 minutes for calls in our home network. To recharge your account visit the " +
			"nearest store or dial *100#. Prices for calls abroad and other conditions are shown at example.com. Opening hours 08:00-20:00, Monday to Saturday."
		for n, text := range []string{"Your code is {token}. Do not share it with anyone.", "Your code is {token}", "Code {token}"} {
			v := o.open(t, "", TestRequest{Numbers: []string{second}, Text: text})
			o.sms(1, sheet{From: "NET", Text: stranger, Nonce: n})
			o.sms(1, sheet{From: "BANK", Text: v.Items[0].Text})
			if i := o.item(t, v.ID, 0); i.Verdict != VerdictPassed {
				t.Errorf("%s: %+v", text, i)
			}
		}
	})
}

func TestSicknessThatTheCheckShows(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		done := make(chan func(error), 1)
		o.Pool.mu.Lock()
		o.o.Check = func(_ string, f func(error)) { done <- f }
		o.Pool.mu.Unlock()
		v := o.open(t, "a", TestRequest{Numbers: []string{second}, Text: "x {token}"})
		time.Sleep(54 * time.Second)
		heard := time.Now() // the last good answer, 6 s before the deadline
		time.Sleep(7 * time.Second)
		o.ModemChanged(o.modem(1, false), heard, true, false) // a command has timed out
		time.Sleep(2 * time.Second)
		o.ModemChanged(o.modem(1, true), time.Now(), true, false)
		(<-done)(nil)
		if i := o.item(t, v.ID, 0); i.Verdict != VerdictInconclusive || i.Reason != ReasonNotReady {
			t.Errorf("%s %s %q", i.Receipt, i.Verdict, i.Reason)
		}
	})
}

func TestAnotherBootWithoutAClock(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		v := o.open(t, "a", TestRequest{Numbers: []string{second}, Text: "x {token}"})
		time.Sleep(10 * time.Second)
		p := o.restart(t, Boot{ID: "y", At: time.Now()}, false)
		time.Sleep(20 * time.Second)
		p.ModemChanged(o.modem(1, true), time.Now(), true, false)
		time.Sleep(11 * time.Minute)
		w, err := p.Test("", v.ID)
		if err != nil || w.State != TestClosed || w.Items[0].Verdict != VerdictInconclusive {
			t.Errorf("%+v, %v", w, err)
		}
	})
}

func TestArrivalBeforeTheRequestWasWritten(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		v := o.open(t, "a", TestRequest{Numbers: []string{second}, Text: "x {token}", Provider: "main"})
		o.sms(1, sheet{From: "A", Text: v.Items[0].Text})
		p := o.restart(t, Boot{ID: "x", At: time.Now(), Clock: time.Second}, true)
		p.ModemChanged(o.modem(1, true), time.Now(), true, false)
		time.Sleep(3 * time.Minute)
		w, err := p.Test("", v.ID)
		if err != nil || w.Items[0].Receipt != ReceiptReceived || w.Items[0].Verdict != VerdictPassed {
			t.Errorf("%+v, %v", w, err)
		}
		twice := o.open(t, "a", TestRequest{Numbers: []string{second}, Text: "y {token}", Provider: "main"})
		o.sms(1, sheet{From: "A", Text: twice.Items[0].Text})
		o.sms(1, sheet{From: "A", Text: twice.Items[0].Text, Nonce: 1})
		o.answered(twice.ID, 0, "t")
		if i := o.item(t, twice.ID, 0); !i.found(DuplicateMessage) || i.Verdict != VerdictDegraded {
			t.Errorf("%+v", i)
		}
	})
}

func TestHonestReceipts(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		ask := TestRequest{Numbers: []string{second}, Text: "x {token}", Provider: "main"}
		v := o.open(t, "a", ask)
		o.answered(v.ID, 0, "p")
		time.Sleep(2 * time.Second)
		announced := time.Now()
		time.Sleep(300 * time.Millisecond)
		if err := o.Reported("main", "p", DLRDelivered, time.Time{}); err != nil { // true: the SIM has it
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond) // until it is read
		done := make(chan error, 1)
		s := sheet{From: "A", Text: v.Items[0].Text, Class: -1, Encoding: "gsm7"}
		o.Receive(Incoming{Slot: "1", ICCID: o.cards[1], Storage: "SM", PDU: s.bytes(), Announced: true, At: announced}, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if i := o.item(t, v.ID, 0); i.Verdict != VerdictPassed {
			t.Errorf("a receipt after the announcement: %+v", i.Findings)
		}
		// Claimed at once, come after the close, and then again.
		v = o.open(t, "a", ask)
		o.answered(v.ID, 0, "q")
		if err := o.Reported("main", "q", DLRDelivered, time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		o.sms(1, sheet{From: "A", Text: v.Items[0].Text})
		was := o.item(t, v.ID, 0)
		o.sms(1, sheet{From: "A", Text: v.Items[0].Text, Nonce: 7})
		i := o.item(t, v.ID, 0)
		if i.Receipt != ReceiptLate || i.Verdict != VerdictFailed || !i.found(DLRBeforeArrival) || !i.found(DuplicateMessage) || i.Message != was.Message {
			t.Errorf("%+v", i)
		}
		for _, f := range i.Findings {
			if !f.Late {
				t.Errorf("%s is not late", f.Code)
			}
		}
	})
}

func TestBudgetOverClockSteps(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		o.Pool.mu.Lock()
		defer o.Pool.mu.Unlock()
		now := time.Now()
		req := &TestRequest{Provider: "main"}
		for o.spend(req, 1, now) { // all of today's
		}
		if !o.spend(req, 1, now.Add(-24*time.Hour)) {
			t.Error("another day has another budget")
		}
		if o.spend(req, 1, now) {
			t.Error("a step of the clock and back filled the budget")
		}
		for n := range 100 {
			o.spend(req, 1, now.Add(time.Duration(n)*24*time.Hour))
		}
		if len(o.spent) > keepDays {
			t.Errorf("%d days are kept", len(o.spent))
		}
	})
}

func TestMonitorTakenOutAndPutBack(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		time.Sleep(time.Second)
		o.rest(t)
		with := o.config
		without := *with
		without.Monitors = nil
		for _, c := range []*Config{&without, with} {
			if err := o.SetConfig(c, "operator"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		if row := o.Monitors()[0]; len(o.asked()) != 1 || row.State != "paused" || row.Why != "not now" {
			t.Errorf("%d runs, %+v", len(o.asked()), row)
		}
	})
}

func TestMonitorOfANumberThatIsNotThere(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		c := *o.config
		m := c.Monitors[0]
		m.Name, m.Request.Tag, m.Request.Numbers = "n", "", []string{second, "+49999999999"}
		none := m
		none.Name, none.Request.Numbers = "none", []string{"+49999999999"}
		c.Monitors = []Monitor{m, none}
		if err := o.SetConfig(&c, "operator"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		rows := o.Monitors()
		if len(o.asked()) != 1 || rows[0].LastTest == 0 || rows[1].LastVerdict != VerdictSkipped {
			t.Errorf("%d runs, %+v", len(o.asked()), rows)
		}
	})
}

func TestAnnouncedAfterTheDeadline(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		checks := make(chan func(error), 1)
		o.Pool.mu.Lock()
		o.o.Check = func(_ string, f func(error)) { checks <- f }
		o.Pool.mu.Unlock()
		v := o.open(t, "a", TestRequest{Numbers: []string{second}, Text: "x {token}"})
		time.Sleep(66 * time.Second)
		o.sms(1, sheet{From: "A", Text: v.Items[0].Text})
		if i := o.item(t, v.ID, 0); i.Receipt != ReceiptLate || i.Verdict != VerdictFailed {
			t.Errorf("%+v", i)
		}
		(<-checks)(nil)
		if i := o.item(t, v.ID, 0); i.Receipt != ReceiptLate || i.Verdict != VerdictFailed {
			t.Errorf("after the check: %+v", i)
		}
	})
}

func TestIDsThatAProviderUsesAgain(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		ask := TestRequest{Numbers: []string{second}, Text: "x {token}", Provider: "main"}
		old := o.open(t, "a", ask)
		o.answered(old.ID, 0, "same")
		o.sms(1, sheet{From: "A", Text: old.Items[0].Text})
		time.Sleep(59 * time.Minute)
		fresh := o.open(t, "a", ask)
		o.answered(fresh.ID, 0, "same")
		o.sms(1, sheet{From: "A", Text: fresh.Items[0].Text, Nonce: 1})
		time.Sleep(2 * time.Minute) // the older one's late window is over
		if err := o.Reported("main", "same", DLRDelivered, time.Now()); err != nil {
			t.Fatal(err)
		}
		if i := o.item(t, fresh.ID, 0); i.DLR != DLRDelivered {
			t.Errorf("%+v", i)
		}
	})
}

func TestOwnCodeThatIsNotOnDiskYet(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		v := o.open(t, "a", TestRequest{Numbers: []string{second}, Expect: Expect{Text: TextAnything}})
		o.mem.hold(true)
		s := sheet{From: "A", Text: "login with 550917", Class: -1, Encoding: "gsm7"}
		o.Receive(Incoming{Slot: "1", ICCID: o.cards[1], PDU: s.bytes(), Announced: true, At: time.Now()}, func(error) {})
		said := make(chan error, 1)
		go func() {
			token := "550917"
			_, err := o.ItemSent("a", v.ID, 0, Said{Token: &token})
			said <- err
		}()
		time.Sleep(time.Second)
		o.mem.hold(false)
		if err := <-said; err != nil {
			t.Fatal(err)
		}
		if i := o.item(t, v.ID, 0); i.Verdict != VerdictPassed {
			t.Errorf("%+v", i)
		}
	})
}

func TestTestOfAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		v := o.open(t, "a", TestRequest{Numbers: []string{second}, Text: strings.Repeat("x", 10) + " {token}"})
		o.mem.mu.Lock() // as a process whose clock stood four years ahead has left it
		items := o.mem.items[v.ID]
		items[0].Due.Wall = items[0].Due.Wall.Add(4 * 365 * 24 * time.Hour)
		o.mem.mu.Unlock()
		p := o.restart(t, Boot{ID: "z", At: time.Now()}, true)
		p.ModemChanged(o.modem(1, true), time.Now(), true, false)
		time.Sleep(3 * time.Minute)
		if w, err := p.Test("", v.ID); err != nil || w.State != TestClosed {
			t.Errorf("%+v, %v", w, err)
		}
	})
}

// TestClosedWhileCommitting shows no test as open that has closed and is on its way to the
// disk, neither by itself nor in a list.
func TestClosedWhileCommitting(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		v, _, err := o.StartTest(context.Background(), "", TestRequest{
			Numbers: []string{second}, Text: "Your code is {token}.", Token: Token{Length: 6}, Deadline: time.Minute, Degraded: 20 * time.Second, Expect: Expect{Text: TextExact},
		})
		if err != nil {
			t.Fatal(err)
		}
		o.mem.hold(true)
		arrived := make(chan struct{})
		go func() {
			defer close(arrived)
			o.sms(1, sheet{From: "BANK", Text: v.Items[0].Text})
		}()
		time.Sleep(time.Second)
		var shown *TestView
		var list []*TestView
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			var err error
			if shown, err = o.Test("", v.ID); err != nil {
				t.Error(err)
			}
			if list, _, err = o.Tests("", TestQuery{Query: Query{Limit: 9}}); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(time.Second)
		o.mem.hold(false)
		<-arrived
		<-asked
		for _, now := range append(list, shown) {
			if now.ID == v.ID && (now.State != TestClosed || now.Verdict != VerdictPassed) {
				t.Errorf("%s, %s", now.State, now.Verdict)
			}
		}
	})
}
