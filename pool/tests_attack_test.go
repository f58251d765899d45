package pool

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// What an attack on the running program found.

func TestOwnCodeOfTheItemThatIsNamed(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		v := o.open(t, "a", TestRequest{Numbers: []string{"+49151000000", second}, Expect: Expect{Text: TextAnything}})
		o.mem.hold(true) // a message of the second number is on its way to the disk
		s := sheet{From: "A", Text: "login with 550917", Class: -1, Encoding: "gsm7"}
		o.Receive(Incoming{Slot: "1", ICCID: o.cards[1], PDU: s.bytes(), Announced: true, At: time.Now()}, func(error) {})
		said := make(chan *ItemView, 1)
		go func() {
			token := "550917"
			i, err := o.ItemSent("a", v.ID, 1, Said{Token: &token})
			if err != nil {
				i = &ItemView{}
			}
			said <- i
		}()
		time.Sleep(time.Second)
		o.mem.hold(false)
		if i := <-said; i.N != 1 || i.Token != "550917" {
			t.Errorf("%+v", i)
		}
		if i := o.item(t, v.ID, 0); i.Token == "550917" {
			t.Error("another item has the token")
		}
	})
}

func TestTokensRunOut(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		req := TestRequest{Count: 3, Token: Token{Length: 4}, Deadline: time.Hour, Late: time.Hour}
		n := 0
		for ; n < 2000; n++ {
			if _, _, err := o.StartTest(context.Background(), "", req); err != nil {
				if !refused(err, TooManyItems) {
					t.Error(err)
				}
				break
			}
		}
		if n < 1000 || n == 2000 {
			t.Errorf("refused after %d tests", n)
		}
		req.Token.Length = 8
		if _, _, err := o.StartTest(context.Background(), "", req); err != nil {
			t.Errorf("longer ones: %v", err)
		}
	})
}

func TestCancelledTestsCountNoMore(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		for range 500 {
			v := o.open(t, "a", TestRequest{Count: 3})
			if err := o.CancelTest("a", v.ID); err != nil {
				t.Fatal(err)
			}
		}
		o.Pool.mu.Lock()
		n, kept := o.testsOf["a"], len(o.tests)
		o.Pool.mu.Unlock()
		if n != 0 || kept != 500 {
			t.Errorf("%d items count, %d tests are kept", n, kept)
		}
		time.Sleep(11 * time.Minute)
		o.Pool.mu.Lock()
		defer o.Pool.mu.Unlock()
		if len(o.tests) != 0 || len(o.testsOf) != 0 {
			t.Errorf("%d tests are kept, %v", len(o.tests), o.testsOf)
		}
	})
}

func TestReceiptsOfStrangersAreForgottenFirst(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		report := func(id string) {
			if err := o.Reported("main", id, DLRDelivered, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 3000 {
			report(fmt.Sprint("stranger", n))
		}
		report(strings.Repeat("x", 60000))
		report("mine")
		o.Pool.mu.Lock()
		kept, order := len(o.reports), len(o.reportOrder)
		o.Pool.mu.Unlock()
		if kept != maxReports || order != kept {
			t.Errorf("%d are kept, %d in order", kept, order)
		}
		v := o.open(t, "a", TestRequest{Numbers: []string{second}, Text: "x {token}", Provider: "main"})
		o.answered(v.ID, 0, "mine")
		if i := o.item(t, v.ID, 0); i.DLR != DLRDelivered {
			t.Errorf("%+v", i)
		}
	})
}

func TestPagesOfTestsAreBounded(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		o.rest(t)
		for range 400 {
			v := o.open(t, "a", TestRequest{Count: 3})
			if err := o.CancelTest("a", v.ID); err != nil {
				t.Fatal(err)
			}
		}
		seen, pages := 0, 0
		for after := ID(0); pages < 10; pages++ {
			items, next, err := o.Tests("a", TestQuery{Query: Query{After: after, Limit: 1000}})
			if err != nil {
				t.Fatal(err)
			}
			seen += len(items)
			if after = next; next == 0 {
				break
			}
		}
		if seen != 400 || pages != 1 {
			t.Errorf("%d tests on %d pages", seen, pages+1)
		}
		if _, _, err := o.StartTest(context.Background(), "a", TestRequest{Count: 1, Token: Token{Length: 6}, Text: strings.Repeat("яяяяяяяя", 200) + "{token}"}); !refused(err, InvalidRequest) {
			t.Errorf("a text of 24 parts: %v", err)
		}
	})
}
