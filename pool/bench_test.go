package pool

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// crowded is a card with n open items of one text.
func crowded(n int) (*Pool, *sim) {
	p := &Pool{boot: Boot{ID: "b", At: time.Now()}, o: Options{Decoder: sheets{}}}
	s := &sim{SIM: SIM{ICCID: "8949020000000000001"}}
	for i := range n {
		token := fmt.Sprintf("%06d", 100000+i*7)
		s.items = append(s.items, &testItem{t: &trial{}, Item: Item{
			Token: token, Receipt: ReceiptWaiting, Text: strings.ReplaceAll("Your code is {token}. Do not share it with anyone.", placeholder, token),
		}})
	}
	return p, s
}

// BenchmarkMatch finds the item that a text is of, among 1,000 open ones of its number.
func BenchmarkMatch(b *testing.B) {
	p, s := crowded(1000)
	for _, c := range []struct{ name, text string }{
		{"token", s.items[500].Text},
		{"stranger", "Zone 3 of the alarm panel was opened at 12:04, battery 98 %, signal good."},
		{"lost", "Your code is ------. Do not share it with anyone."},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				hit, _, _ := p.itemOf(s, &heard{text: c.text, complete: true, parts: 1})
				if (hit != nil) != (c.name == "token") {
					b.Fatal("the wrong item")
				}
			}
		})
	}
}

// BenchmarkMatchLong holds a long stranger against 900 long items: among so many it is
// nobody's, and the pool is not locked for longer than one comparison takes.
func BenchmarkMatchLong(b *testing.B) {
	p, s := crowded(0)
	for n := range 900 {
		token := fmt.Sprint(100000 + n)
		s.items = append(s.items, &testItem{t: &trial{}, Item: Item{Token: token, Receipt: ReceiptWaiting, Text: token + " " + strings.Repeat("abcdefghij", 130)}})
	}
	stranger := &heard{text: strings.Repeat("jihgfedcba", 130), complete: true, parts: 1}
	for b.Loop() {
		if hit, _, _ := p.itemOf(s, stranger); hit != nil {
			b.Fatal("it is taken for one of them")
		}
	}
}

// BenchmarkCompare compares a text of three parts with one that was changed in places.
func BenchmarkCompare(b *testing.B) {
	sent := strings.Repeat("Grüße aus Köln, Ihr Code ist 123456. ", 12)
	came := "AD: " + strings.NewReplacer("ü", "u", "ö", "o").Replace(sent)
	b.ReportAllocs()
	for b.Loop() {
		if d := compareTexts(TextExact, sent, came); len(d) != 2 {
			b.Fatalf("%v", d)
		}
	}
}

// BenchmarkTests opens, matches and closes 64 tests of one item at once, without a disk.
func BenchmarkTests(b *testing.B) {
	mem := newMemory()
	conf := &Config{PartialAfter: time.Minute}
	for n := range 64 {
		number := fmt.Sprintf("+491510000%02d", n)
		conf.SIMs = append(conf.SIMs, FileSIM{ICCID: fmt.Sprintf("89490200000000000%02d", n), Facts: SIMFacts{Number: &number}})
	}
	p, err := New(Options{Store: mem, Decoder: sheets{}, Config: conf, Boot: Boot{ID: "b", At: time.Now()}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = p.Run(ctx) }()
	for n := range 64 {
		p.ModemChanged(Modem{Slot: fmt.Sprint(n), ICCID: conf.SIMs[n].ICCID, State: "ready", Ready: true}, time.Now(), true, false)
	}
	nonce := 0
	for b.Loop() {
		var open []*TestView
		for n := range 64 {
			v, _, err := p.StartTest(b.Context(), "", TestRequest{
				Numbers: []string{*conf.SIMs[n].Facts.Number}, Token: Token{Length: 6}, Text: "code {token}", Deadline: time.Minute, Degraded: time.Minute, Expect: Expect{Text: TextExact},
			})
			if err != nil {
				b.Fatal(err)
			}
			open = append(open, v)
		}
		for n, v := range open {
			nonce++
			s := sheet{From: "A", Text: v.Items[0].Text, Encoding: "gsm7", Class: -1, Nonce: nonce}
			p.Receive(Incoming{Slot: fmt.Sprint(n), ICCID: conf.SIMs[n].ICCID, PDU: s.bytes(), Announced: true, At: time.Now()}, func(error) {})
		}
		for _, v := range open {
			if t, err := p.AwaitTest(b.Context(), "", v.ID, time.Minute); err != nil || t.Verdict != VerdictPassed {
				b.Fatalf("%+v, %v", t, err)
			}
		}
	}
	cancel()
	<-ended
	mem.close()
}
