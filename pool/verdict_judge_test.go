package pool

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ill says how long a phone was sick in a time, and whether it was at its end.
func ill(list []outage, from, to time.Time) (sum time.Duration, atEnd bool) {
	for _, o := range list {
		end := o.to
		if end.IsZero() {
			end = to
		}
		sum += overlap(o.from, end, from, to)
		atEnd = atEnd || !to.Before(o.from) && (o.to.IsZero() || to.Before(o.to))
	}
	return sum, atEnd
}

// judge holds every verdict against what was done.
func (w *worldOfTests) judge(ids []ID) {
	closed, wrong := map[Verdict]int{}, 0
	found := map[string]int{}
	for _, id := range ids {
		v, err := w.p.Test("", id)
		if err != nil {
			w.t.Fatalf("test %d: %v", id, err)
		}
		for n := range v.Items {
			i := &v.Items[n]
			closed[i.Verdict]++
			tr := w.truths[itemOfTest{id, i.N}]
			if why := w.fault(i, tr); why != "" && i.Verdict != VerdictSkipped {
				name := "never asked"
				if tr != nil {
					name = tr.deed.name
				}
				if wrong++; wrong <= 10 {
					w.t.Errorf("%s: %s; verdict %s, receipt %s, reason %q, findings %v, sent %v, due %v", name, why, i.Verdict, i.Receipt, i.Reason, i.Findings, i.SentAt, i.Deadline)
				}
			}
			if tr != nil && i.Verdict != VerdictInconclusive && i.Verdict != VerdictSkipped {
				found[tr.deed.name]++
			}
		}
	}
	if wrong > 0 {
		w.t.Errorf("%d verdicts are wrong", wrong)
	}
	for _, d := range w.all {
		if found[d.name] < 20 {
			w.t.Errorf("%s was judged %d times only", d.name, found[d.name])
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !equalCounts(closed, w.counts) {
		w.t.Errorf("counted %v, closed %v", w.counts, closed)
	}
	w.t.Logf("%d items, %d crashes: %v", len(ids)*2, w.gen, closed)
}

func equalCounts(a, b map[Verdict]int) bool {
	for _, v := range Verdicts() {
		if a[v] != b[v] {
			return false
		}
	}
	return true
}

// fault says what is wrong with an item's verdict; empty: nothing is.
func (w *worldOfTests) fault(i *ItemView, tr *truth) string {
	if tr == nil { // the process died before the provider was asked
		return w.excuse(i, "it was never asked")
	}
	from, to := i.SentAt, i.Deadline
	sick, atEnd := ill(tr.phone.ill, from, to)
	down, _ := ill(w.downs, i.AskedAt.Wall.Add(-time.Second), to.Add(time.Second))
	nothing := i.Receipt != ReceiptReceived
	switch {
	case i.Verdict == VerdictInconclusive:
		if !nothing {
			return "inconclusive though it came"
		}
		// From three seconds on the pool may have counted more: it dates sickness back.
		if sick >= 3*time.Second || atEnd || down > 0 || i.Reason == ReasonUnanswered {
			return ""
		}
		return fmt.Sprintf("inconclusive, but its receiver was sick for %v only", sick)
	case nothing && tr.deed.refuse:
		return want(i, tr, SendRefused)
	case nothing && (sick > 6*time.Second || atEnd):
		return fmt.Sprintf("decided though its receiver was sick for %v", sick)
	case nothing && tr.deed.skip && i.Receipt == ReceiptPartial:
		return want(i, tr, PartsMissing)
	case nothing && (tr.deed.drop || tr.deed.delay > itemDeadline):
		if i.Verdict != VerdictFailed || len(early(i)) > 0 {
			return "nothing came: failed, and nothing found"
		}
		return ""
	case nothing:
		return w.excuse(i, "it came")
	}
	return want(i, tr, tr.deed.finding)
}

// excuse lets pass what a restart explains.
func (w *worldOfTests) excuse(i *ItemView, why string) string {
	if down, _ := ill(w.downs, i.AskedAt.Wall.Add(-5*time.Second), i.Deadline.Add(time.Second)); down > 0 {
		return ""
	}
	return why
}

// early are the findings that count.
func early(i *ItemView) (out []FindingCode) {
	for _, f := range i.Findings {
		if !f.Late {
			out = append(out, f.Code)
		}
	}
	return out
}

// want holds the findings of an item that was judged against what was planted.
func want(i *ItemView, tr *truth, code FindingCode) string {
	d := tr.deed
	verdict := d.verdict
	if (d.swap || d.skip) && !strings.Contains(i.Text, "two parts") { // a message of one part has none
		code, verdict = "", VerdictPassed
	}
	codes := early(i)
	// A message that a sick receiver got late is slow besides; one that was found by a
	// sweep has neither latency nor order.
	if slices.Contains(codes, Slow) && code != Slow {
		codes = slices.DeleteFunc(codes, func(c FindingCode) bool { return c == Slow })
		if verdict == VerdictPassed {
			verdict = VerdictDegraded
		}
	}
	if i.Latency == nil && (code == Slow || code == PartsOutOfOrder) {
		return ""
	}
	if code == Slow && !slices.Contains(codes, Slow) {
		return "slow was not found"
	}
	for _, c := range codes {
		if c != code && c != d.also && c != SegmentsChanged {
			return fmt.Sprintf("%s is found too", c)
		}
	}
	if code != "" && !slices.Contains(codes, code) {
		return fmt.Sprintf("%s was not found", code)
	}
	if i.Verdict != verdict {
		return fmt.Sprintf("should be %s", verdict)
	}
	return ""
}
