package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestJudge has one row a rule: what came, and what is found of it.
func TestJudge(t *testing.T) {
	t.Parallel()
	const text = "Your code is 123456"
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	moment := func(d time.Duration) Moment { return Moment{Boot: "b", Clock: time.Hour + d, Wall: at.Add(d)} }
	for _, c := range []struct {
		name    string
		expect  Expect
		message func(*seenMessage)
		item    func(*Item)
		want    []FindingCode
		verdict Verdict
	}{
		{"as it was sent", Expect{}, nil, nil, nil, VerdictPassed},
		{"any sender, where none is expected", Expect{}, func(m *seenMessage) { m.From = "X" }, nil, nil, VerdictPassed},
		{"the sender", Expect{From: []string{"ACME"}}, nil, nil, nil, VerdictPassed},
		{"a sender of the pattern", Expect{From: []string{"X", "AC*"}}, nil, nil, nil, VerdictPassed},
		{"the sender in other letters", Expect{From: []string{"Acme"}}, nil, nil, []FindingCode{FromChanged}, VerdictFailed},
		{"a number for a name", Expect{From: []string{"ACME"}}, func(m *seenMessage) { m.From = "+491570" }, nil, []FindingCode{FromChanged, FromKindChanged}, VerdictFailed},
		{"another number", Expect{From: []string{"+4930"}}, func(m *seenMessage) { m.From = "+4931" }, nil, []FindingCode{FromChanged}, VerdictFailed},
		{"the number without its plus", Expect{From: []string{"+4930*"}}, func(m *seenMessage) { m.From = "493012" }, nil, []FindingCode{FromKindChanged}, VerdictDegraded},
		{"a prefix", Expect{}, func(m *seenMessage) { m.text = "AD " + text }, nil, []FindingCode{TextPrefixed}, VerdictDegraded},
		{"a prefix, and any text will do", Expect{Text: TextAnything}, func(m *seenMessage) { m.text = "AD " + text }, nil, nil, VerdictPassed},
		{"the token split, and any text will do", Expect{Text: TextAnything}, func(m *seenMessage) { m.split = true }, nil, []FindingCode{TextChanged}, VerdictFailed},
		{"known by its likeness", Expect{}, func(m *seenMessage) { m.lost, m.text = true, "Your code is ......" }, nil, []FindingCode{TokenLost}, VerdictFailed},
		{"UCS2 for GSM", Expect{}, func(m *seenMessage) { m.Encoding = "ucs2" }, nil, []FindingCode{EncodingChanged}, VerdictDegraded},
		{"more parts", Expect{}, func(m *seenMessage) { m.Parts.Total = 2 }, nil, []FindingCode{SegmentsChanged}, VerdictPassed},
		{"as many parts as are expected", Expect{Parts: 2}, func(m *seenMessage) { m.Parts.Total = 2 }, nil, nil, VerdictPassed},
		{"a service centre of those", Expect{SMSC: []string{"+33", "+49"}}, nil, nil, nil, VerdictPassed},
		{"another service centre", Expect{SMSC: []string{"+33"}}, nil, nil, []FindingCode{SMSCUnexpected}, VerdictDegraded},
		{"a protocol", Expect{}, func(m *seenMessage) { m.PID = 0x40 }, nil, []FindingCode{PIDUnexpected}, VerdictDegraded},
		{"a class", Expect{}, func(m *seenMessage) { m.Class = 0 }, nil, []FindingCode{ClassUnexpected}, VerdictDegraded},
		{"parts in another order", Expect{}, func(m *seenMessage) { m.disorder = true }, nil, []FindingCode{PartsOutOfOrder}, VerdictPassed},
		{"slow", Expect{}, func(m *seenMessage) { m.last = moment(31 * time.Second) }, nil, []FindingCode{Slow}, VerdictDegraded},
		{"slow, found by a sweep", Expect{}, func(m *seenMessage) { m.last, m.Arrival = moment(31*time.Second), Swept }, nil, nil, VerdictPassed},
		{"before it was sent", Expect{}, func(m *seenMessage) { m.last = moment(-time.Second) }, nil, nil, VerdictPassed},
		{"its receipt came first", Expect{}, nil, func(i *Item) { i.DLR, i.DLRSeen = DLRDelivered, moment(time.Second) }, []FindingCode{DLRBeforeArrival}, VerdictDegraded},
	} {
		c.expect.Text = TextRule(firstOf(string(c.expect.Text), string(TextExact)))
		test := &Test{Expect: c.expect, Degraded: 20 * time.Second}
		i := &Item{Token: "123456", Text: text, Sent: moment(0), Receipt: ReceiptWaiting, Verdict: VerdictOpen}
		m := &seenMessage{text: text, last: moment(2 * time.Second), Message: &Message{
			From: "ACME", FromKind: "alphanumeric", SMSC: "+4917", Encoding: "gsm7", Class: -1, Parts: Parts{Total: 1, Received: 1}, Complete: true, Arrival: Announced,
		}}
		if c.message != nil {
			c.message(m)
		}
		if c.item != nil {
			c.item(i)
		}
		i.judge(test, m, sheets{}.Segments)
		i.conclude()
		var got []FindingCode
		for _, f := range i.Findings {
			got = append(got, f.Code)
		}
		if !slices.Equal(got, c.want) || i.Verdict != c.verdict {
			t.Errorf("%s: %v, %s, want %v, %s", c.name, got, i.Verdict, c.want, c.verdict)
		}
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// TestWorst has the order of verdicts.
func TestWorst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		items []Verdict
		want  Verdict
	}{
		{nil, VerdictSkipped},
		{[]Verdict{VerdictSkipped, VerdictSkipped}, VerdictSkipped},
		{[]Verdict{VerdictSkipped, VerdictPassed}, VerdictPassed},
		{[]Verdict{VerdictInconclusive, VerdictPassed}, VerdictInconclusive},
		{[]Verdict{VerdictInconclusive, VerdictDegraded}, VerdictDegraded},
		{[]Verdict{VerdictDegraded, VerdictFailed, VerdictPassed}, VerdictFailed},
	} {
		var items []*testItem
		for _, v := range c.items {
			items = append(items, &testItem{Item: Item{Verdict: v}})
		}
		if got := worst(items); got != c.want {
			t.Errorf("%v: %s, want %s", c.items, got, c.want)
		}
	}
}

// office is a pool with two applications and three cards of two operators.
type office struct {
	*Pool
	mem   *memory
	mu    sync.Mutex
	sends []Send
	cards []string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{mem: newMemory()}
	number := func(n int) *string { s := fmt.Sprintf("+4915100000%d", n); return &s }
	for n := range 3 {
		o.cards = append(o.cards, fmt.Sprintf("894902000000000000%d", n))
	}
	tags := []string{"two"}
	all := []Scope{ScopeRead, ScopeReserve, ScopeTest}
	conf := &Config{
		PartialAfter: 20 * time.Second,
		Apps: []App{
			{Name: "a", Scopes: all, Senders: []string{"A*"}, Select: Selection{All: true}, MaxReservations: 9, MaxTTL: time.Hour, Quiet: time.Minute},
			{Name: "b", Scopes: all, Senders: []string{"B*"}, Select: Selection{Tags: tags}, MaxReservations: 9, MaxTTL: time.Hour},
		},
		SIMs: []FileSIM{
			{ICCID: o.cards[0], Facts: SIMFacts{Number: number(0)}}, {ICCID: o.cards[1], Facts: SIMFacts{Number: number(1), Tags: &tags}},
			{ICCID: o.cards[2], Facts: SIMFacts{Number: number(2), Tags: &tags}},
		},
		Providers: []Provider{{Name: "main", DailyMessages: 4, Reports: true}},
		Monitors: []Monitor{{Name: "m", Interval: 10 * time.Minute, IntervalFailing: 2 * time.Minute, Texts: []string{"one {token}", "two {token}"}, DailyMessages: 3,
			Request: TestRequest{Tag: "two", Count: 1, Provider: "main", Token: Token{Length: 6}, Deadline: time.Minute, Degraded: 20 * time.Second, Late: time.Hour, Expect: Expect{Text: TextExact}}}},
	}
	var err error
	if o.Pool, err = New(Options{Store: o.mem, Decoder: sheets{}, Config: conf, Boot: Boot{ID: "x", At: time.Now()}, Send: o.take}); err != nil {
		t.Fatal(err)
	}
	for n, operator := range []string{"26201", "26201", "26202"} {
		o.ModemChanged(Modem{Slot: fmt.Sprint(n), ICCID: o.cards[n], IMSI: operator + "0000000000", State: "ready", Ready: true}, time.Now(), true, false)
	}
	return o
}

func (o *office) take(s Send) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sends = append(o.sends, s)
}

// asked is what the provider was asked for so far.
func (o *office) asked() []Send {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.sends)
}

// sms brings a message.
func (o *office) sms(card int, s sheet) {
	s.Class = -1
	s.Encoding = "gsm7"
	done := make(chan error, 1)
	o.Receive(Incoming{Slot: fmt.Sprint(card), ICCID: o.cards[card], Storage: "SM", PDU: s.bytes(), Announced: true, At: time.Now()}, func(err error) { done <- err })
	if err := <-done; err != nil {
		panic(err)
	}
}

// refused says whether an error is a refusal of that code.
func refused(err error, code Code) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

func (o *office) open(t *testing.T, app string, req TestRequest) *TestView {
	t.Helper()
	if req.Deadline == 0 {
		req.Deadline = time.Minute
	}
	req.Late, req.Degraded, req.Token = time.Hour, 20*time.Second, Token{Length: 6}
	if req.Expect.Text == "" {
		req.Expect.Text = TextExact
	}
	v, _, err := o.StartTest(context.Background(), app, req)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (o *office) item(t *testing.T, id ID, n int) ItemView {
	t.Helper()
	v, err := o.Test("", id)
	if err != nil {
		t.Fatal(err)
	}
	return v.Items[n]
}

func inOffice(t *testing.T, fn func(t *testing.T, o *office)) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = o.Run(ctx) }()
		fn(t, o)
		cancel()
		<-ended
		o.mem.close()
	})
}

// TestSelections has one row a rule about which numbers a test uses.
func TestSelections(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		_ = o.PauseMonitor("m", "", time.Hour)
		numbers := func(v *TestView) (out []string) {
			for _, i := range v.Items {
				out = append(out, i.Number[len(i.Number)-1:]+firstOf(i.Reason, "-"))
			}
			return out
		}
		if _, _, err := o.Reserve(context.Background(), "b", ReserveRequest{Number: "+49151000002", TTL: time.Minute}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name, app string
			req       TestRequest
			want      string
			code      Code
		}{
			{"each operator, and one is another's", "a", TestRequest{EachOperator: true, Count: 1}, "0- 2reserved", ""},
			{"the one that was tested longest ago", "a", TestRequest{EachOperator: true, Count: 1}, "1- 2reserved", ""},
			{"each number", "a", TestRequest{Count: 2}, "0- 1-", ""},
			{"more than there are", "a", TestRequest{Count: 9}, "0- 1- 2reserved", ""},
			{"named ones", "a", TestRequest{Numbers: []string{"+49151000002", "+49151000001"}}, "2reserved 1-", ""},
			{"only another's", "a", TestRequest{Numbers: []string{"+49151000002"}}, "", NoNumberFree},
			{"one's own reservation", "b", TestRequest{Numbers: []string{"+49151000002"}}, "2-", ""},
			{"not of the selection", "b", TestRequest{Numbers: []string{"+49151000000"}}, "", NoNumberMatches},
			{"of no country", "a", TestRequest{Country: "FR", Count: 1}, "", NoNumberMatches},
			{"the operator uses what is live", "", TestRequest{Tag: "two", Count: 2}, "1- 2-", ""},
		} {
			c.req.Token, c.req.Deadline, c.req.Late = Token{Length: 6}, time.Second, 0
			v, _, err := o.StartTest(context.Background(), c.app, c.req)
			if c.code != "" {
				if !refused(err, c.code) {
					t.Errorf("%s: %v, want %s", c.name, err, c.code)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			got := numbers(v)
			if !strings.HasPrefix(c.name, "named") {
				slices.Sort(got)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: %v, want %s", c.name, got, c.want)
			}
			time.Sleep(2 * time.Second)
		}
	})
}

// TestTestsKeepTheirMessages gives a test's message to that test alone, whoever holds the number.
func TestTestsKeepTheirMessages(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		_ = o.PauseMonitor("m", "", time.Hour)
		v := o.open(t, "a", TestRequest{Numbers: []string{"+49151000001"}, Text: "code {token}"})
		r, _, err := o.Reserve(context.Background(), "b", ReserveRequest{Number: "+49151000001", TTL: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		o.sms(1, sheet{From: "BANK", Text: v.Items[0].Text})
		o.sms(1, sheet{From: "BANK", Text: "something else", Nonce: 1})
		mine, _ := o.Messages("a", Query{Limit: 9})
		its, _ := o.Messages("b", Query{Limit: 9})
		if len(mine) != 1 || mine[0].Test != v.ID || mine[0].Reservation != 0 || len(its) != 1 || its[0].Reservation != r.ID {
			t.Errorf("a sees %+v, b sees %+v", mine, its)
		}
		if i := o.item(t, v.ID, 0); i.Verdict != VerdictPassed || i.Message != mine[0].ID {
			t.Errorf("%+v", i)
		}
		own := o.open(t, "", TestRequest{Numbers: []string{"+49151000000"}, Text: "code {token}"})
		o.sms(0, sheet{From: "ACME", Text: own.Items[0].Text, Nonce: 2})
		if mine, _ := o.Messages("a", Query{Limit: 9}); len(mine) != 1 {
			t.Errorf("a sees the operator's: %+v", mine[0])
		}
	})
}

// TestLikenessNeedsOneItem gives a text without its token only where one open item fits
// and nobody else holds the number.
func TestLikenessNeedsOneItem(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		_ = o.PauseMonitor("m", "", time.Hour)
		lost := func(nonce int) sheet { return sheet{From: "A", Text: "Your login code is ------ today", Nonce: nonce} }
		ask := TestRequest{Numbers: []string{"+49151000001"}, Text: "Your login code is {token} today"}
		one, two := o.open(t, "a", ask), o.open(t, "a", ask)
		o.sms(1, lost(1))
		if a, b := o.item(t, one.ID, 0), o.item(t, two.ID, 0); a.Message != 0 || b.Message != 0 {
			t.Error("of two items neither may have it")
		}
		o.sms(1, sheet{From: "A", Text: one.Items[0].Text})
		o.sms(1, lost(2))
		if i := o.item(t, two.ID, 0); i.Message == 0 || i.Findings[0].Code != TokenLost || i.Verdict != VerdictFailed {
			t.Errorf("%+v", i)
		}
		three := o.open(t, "a", ask)
		if _, _, err := o.Reserve(context.Background(), "b", ReserveRequest{Number: "+49151000001", TTL: time.Minute}); err != nil {
			t.Fatal(err)
		}
		o.sms(1, lost(3))
		if i := o.item(t, three.ID, 0); i.Message != 0 {
			t.Error("a holder's message was taken")
		}
	})
}

// TestReceiptsOfProviders has what a provider's receipts lead to.
func TestReceiptsOfProviders(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		_ = o.PauseMonitor("m", "", time.Hour)
		v := o.open(t, "a", TestRequest{Numbers: []string{"+49151000000", "+49151000001", "+49151000002"}, Text: "code {token}", Provider: "main"})
		for n := range v.Items {
			o.Wrote(v.ID, n, time.Now())
		}
		if err := o.Reported("main", "p0", DLRDelivered, time.Now()); err != nil { // before the answer says whose it is
			t.Fatal(err)
		}
		for n := range v.Items {
			o.Answered(v.ID, n, Answer{Came: true, Accepted: true, ID: fmt.Sprint("p", n), At: time.Now()})
		}
		o.sms(1, sheet{From: "A", Text: v.Items[1].Text})
		time.Sleep(61 * time.Second)
		var got []string
		for n := range v.Items {
			i := o.item(t, v.ID, n)
			got = append(got, fmt.Sprint(i.Receipt, " ", i.DLR, " ", i.Verdict))
		}
		if want := []string{"not_received delivered failed", "received waiting passed", "not_received waiting failed"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		time.Sleep(time.Hour)
		for n, want := range []FindingCode{DLRFalse, DLRMissing, DLRMissing} {
			i := o.item(t, v.ID, n)
			if len(i.Findings) != 1 || i.Findings[0].Code != want || !i.Findings[0].Late {
				t.Errorf("item %d: %+v, want %s", n, i.Findings, want)
			}
		}
		if _, err := o.ItemDLR("a", v.ID, 0, DLRFailed, time.Time{}); !refused(err, TestIsClosed) {
			t.Errorf("%v", err)
		}
	})
}

// TestMonitorRuns holds schedule, budget, rotation and rest of a monitor.
func TestMonitorRuns(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		time.Sleep(time.Second)
		if len(o.asked()) != 1 || !strings.HasPrefix(o.asked()[0].Text, "one ") {
			t.Fatalf("%+v", o.asked())
		}
		deliver := func(n int) {
			o.Wrote(o.asked()[n].Test, 0, time.Now())
			o.Answered(o.asked()[n].Test, 0, Answer{Came: true, Accepted: true, At: time.Now()})
			for card := range o.cards {
				if fmt.Sprint("+4915100000", card) == o.asked()[n].Number {
					o.sms(card, sheet{From: "A", Text: o.asked()[n].Text, Nonce: n})
				}
			}
		}
		deliver(0)
		time.Sleep(10 * time.Minute)
		if len(o.asked()) != 2 || !strings.HasPrefix(o.asked()[1].Text, "two ") || o.asked()[0].Number == o.asked()[1].Number {
			t.Fatalf("%+v", o.asked())
		}
		o.Wrote(o.asked()[1].Test, 0, time.Now())
		o.Answered(o.asked()[1].Test, 0, Answer{Came: true, Accepted: true, At: time.Now()})
		time.Sleep(2*time.Minute + time.Second) // it does not come: the next is sooner
		row := o.Monitors()[0]
		if len(o.asked()) != 3 || !row.Failing || row.LastVerdict != VerdictFailed || row.Remaining != 0 {
			t.Fatalf("%d sends, %+v", len(o.asked()), row)
		}
		deliver(2)
		time.Sleep(10 * time.Minute)
		row = o.Monitors()[0]
		if len(o.asked()) != 3 || row.LastVerdict != VerdictSkipped || o.item(t, row.LastTest, 0).Reason != ReasonBudget {
			t.Errorf("%d sends, %+v", len(o.asked()), row)
		}
		if err := o.PauseMonitor("m", "works", 30*time.Hour); err != nil {
			t.Fatal(err)
		}
		was := row.LastTest
		time.Sleep(29 * time.Hour)
		if row = o.Monitors()[0]; row.LastTest != was || row.State != "paused" {
			t.Errorf("%+v", row)
		}
		time.Sleep(2 * time.Hour) // another day: another budget
		if row = o.Monitors()[0]; len(o.asked()) != 4 || row.State == "paused" {
			t.Errorf("%d sends, %+v", len(o.asked()), row)
		}
	})
}

// TestOwnCodes matches a caller's own code back to the start.
func TestOwnCodes(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		_ = o.PauseMonitor("m", "", time.Hour)
		v := o.open(t, "a", TestRequest{Numbers: []string{"+49151000001"}, Expect: Expect{Text: TextAnything}})
		o.sms(1, sheet{From: "A", Text: "login with 550917"})
		time.Sleep(time.Second)
		token, at := "550917", time.Now().Add(-2*time.Second)
		i, err := o.ItemSent("a", v.ID, 0, Said{Token: &token, SentAt: &at})
		if err != nil {
			t.Fatal(err)
		}
		if i.Verdict != VerdictPassed || i.Message == 0 {
			t.Errorf("%+v", i)
		}
		m, _ := o.mem.Message(i.Message)
		if m.Test != v.ID {
			t.Errorf("the message belongs to %d", m.Test)
		}
		other := o.open(t, "a", TestRequest{Numbers: []string{"+49151000001"}, Text: "x {token}"})
		if _, err := o.ItemSent("a", other.ID, 0, Said{Token: &token}); !refused(err, Conflict) {
			t.Errorf("a token that is taken: %v", err)
		}
		if _, err := o.ItemSent("b", other.ID, 0, Said{SentAt: &at}); !refused(err, NotFound) {
			t.Errorf("another's test: %v", err)
		}
	})
}
