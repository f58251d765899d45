package pool

import (
	"slices"
	"strings"
	"time"
)

// seenMessage is a message with what is known of its way, besides what is kept of it.
type seenMessage struct {
	*Message
	text     string
	last     Moment    // arrival of the last part
	at       time.Time // the same on this process's clock
	disorder bool      // its parts were announced in another order than theirs
	lost     bool      // it was known by its likeness
	split    bool      // its token was
}

// judge takes a whole message as the one that an item waited for: findings, times and
// latency. It is pure.
func (i *Item) judge(t *Test, m *seenMessage, segments func(string) (int, string)) {
	i.Receipt, i.Message, i.SMSC = ReceiptReceived, m.ID, m.SMSC
	i.FirstPartAt, i.LastPart = m.ReceivedAt, m.last
	i.time(m)
	i.judgeSender(&t.Expect, m)
	switch {
	case m.lost:
		i.note(TokenLost, i.Token, nil, false)
	case i.Text != "" && t.Expect.Text != TextAnything:
		for _, d := range compareTexts(t.Expect.Text, i.Text, m.text) {
			i.note(d.code, shown(d.expected), shown(d.observed), false)
		}
	}
	if m.split {
		i.note(TextChanged, i.Token, nil, false)
	}
	i.judgeForm(&t.Expect, m, segments)
	if m.disorder {
		i.note(PartsOutOfOrder, nil, nil, false)
	}
	if i.Latency != nil && *i.Latency > t.Degraded.Seconds() {
		i.note(Slow, t.Degraded.Seconds(), *i.Latency, false)
	}
	if i.claimedBefore() {
		i.note(DLRBeforeArrival, nil, nil, false)
	}
}

// claimedBefore says whether delivered was claimed before the last part was there: the
// report reached us before, or its own time is more than a second before.
func (i *Item) claimedBefore() bool {
	if i.DLR != DLRDelivered || i.Swept || i.DLRSeen.IsZero() {
		return false
	}
	if i.DLRAt.Before(i.LastPart.Wall.Add(-time.Second)) {
		return true
	}
	if i.DLRSeen.Boot == i.LastPart.Boot {
		return i.DLRSeen.Clock < i.LastPart.Clock
	}
	return i.DLRSeen.Wall.Before(i.LastPart.Wall)
}

// shown bounds what a finding shows of a text.
func shown(s string) any {
	if s == "" {
		return nil
	}
	if r := []rune(s); len(r) > maxShownCharacter {
		return string(r[:maxShownCharacter]) + "…"
	}
	return s
}

// time works out latency and the service centre's delay from what is known now. What a
// sweep has found has no time of its own.
func (i *Item) time(m *seenMessage) {
	i.Swept = m.Arrival != Announced
	if !i.Swept {
		i.Latency = i.latency()
		if !m.SentAt.IsZero() {
			d := m.CompletedAt.Sub(m.SentAt).Seconds()
			i.SMSCDelay = &d
		}
	}
}

// latency is from the sending to the last part's arrival: by the clock that nothing sets
// where both are known by it; nil when it is not known, or negative.
func (i *Item) latency() *float64 {
	if i.Sent.IsZero() || i.LastPart.IsZero() {
		return nil
	}
	d := i.LastPart.Wall.Sub(i.Sent.Wall)
	if i.Sent.Boot != "" && i.Sent.Boot == i.LastPart.Boot {
		d = i.LastPart.Clock - i.Sent.Clock
	}
	if d < 0 {
		return nil
	}
	s := d.Round(time.Microsecond).Seconds()
	return &s
}

func (i *Item) judgeSender(e *Expect, m *seenMessage) {
	if len(e.From) == 0 || slices.ContainsFunc(e.From, func(p string) bool { return sender(p, m.From) }) {
		return
	}
	expected := strings.Join(e.From, ", ")
	digits := strings.TrimPrefix(m.From, "+")
	if digits != "" && slices.ContainsFunc(e.From, func(p string) bool { return sender(strings.TrimPrefix(p, "+"), digits) }) {
		i.note(FromKindChanged, expected, m.From, false)
		return
	}
	i.note(FromChanged, expected, m.From, false)
	if !slices.ContainsFunc(e.From, func(p string) bool { return numeric(p) == numeric(m.From) }) {
		i.note(FromKindChanged, expected, m.FromKind, false)
	}
}

// sender compares exactly: a name in other letters is another name to who reads it.
func sender(pattern, from string) bool {
	if head, star := strings.CutSuffix(pattern, "*"); star {
		return strings.HasPrefix(from, head)
	}
	return pattern == from
}

func numeric(s string) bool {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "+"), "*")
	return s != "" && strings.Trim(s, digits) == ""
}

// judgeForm compares how the message was coded and by whom it was passed on.
func (i *Item) judgeForm(e *Expect, m *seenMessage, segments func(string) (int, string)) {
	want := e.Parts
	if i.Text != "" {
		parts, coding := segments(i.Text)
		if want == 0 {
			want = parts
		}
		// Only where the text that came would have fitted: else the change of the text is it.
		if _, needs := segments(m.text); m.Encoding != coding && needs == coding {
			i.note(EncodingChanged, coding, m.Encoding, false)
		}
	}
	if want != 0 && m.Parts.Total != want {
		i.note(SegmentsChanged, want, m.Parts.Total, false)
	}
	if len(e.SMSC) > 0 && !slices.ContainsFunc(e.SMSC, func(p string) bool { return strings.HasPrefix(m.SMSC, p) }) {
		i.note(SMSCUnexpected, strings.Join(e.SMSC, ", "), shown(m.SMSC), false)
	}
	if m.PID > 0 {
		i.note(PIDUnexpected, 0, m.PID, false)
	}
	if m.Class >= 0 {
		i.note(ClassUnexpected, nil, m.Class, false)
	}
}

// conclude derives the verdict of an item that nothing more is awaited for.
func (i *Item) conclude() {
	switch i.Receipt {
	case ReceiptReceived:
		i.Verdict = VerdictPassed
	case ReceiptInconclusive:
		i.Verdict = VerdictInconclusive
		return
	default:
		if i.Reason != "" { // partial, and its receiver was sick
			i.Verdict = VerdictInconclusive
			return
		}
		i.Verdict = VerdictFailed
		return
	}
	for _, f := range i.Findings {
		switch {
		case f.Late:
		case f.Code.Severity() == Severe:
			i.Verdict = VerdictFailed
			return
		case f.Code.Severity() == Warning:
			i.Verdict = VerdictDegraded
		}
	}
}

// worst is the verdict of a test: that of its worst item; skipped only when all are.
func worst(items []*testItem) Verdict {
	rank := []Verdict{VerdictSkipped, VerdictPassed, VerdictInconclusive, VerdictDegraded, VerdictFailed}
	out := VerdictSkipped
	for _, i := range items {
		if slices.Index(rank, i.Verdict) > slices.Index(rank, out) {
			out = i.Verdict
		}
	}
	return out
}
