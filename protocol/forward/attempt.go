package forward

import (
	"context"
	"strings"
	"time"

	"modemgate/pool"
)

// attempt tries one delivery once and sees to what follows.
func (f *Forwarder) attempt(l *line, it *item, retry bool) {
	begun := time.Now()
	f.mu.Lock()
	job, sender, timeout := it.job, l.Sender, l.Timeout
	p := Parcel{Attempt: it.Attempts + 1, Replay: it.Replay}
	f.mu.Unlock()
	r, known := Result{}, true
	if job == nil {
		if job, known = f.o.Store.Job(it.Destination, it.Event); !known {
			r = Result{Verdict: Permanent, Local: true, Note: "the event is no longer kept"}
		}
	}
	if known {
		p.Event = &job.What
		if job.Message != nil {
			p.SIM = job.Message.SIM
		} else if job.What.Call != nil {
			p.SIM = job.What.Call.SIM
		} else if job.What.Modem != nil {
			p.SIM = job.What.Modem.SIM
		}
		if w, err := f.written(job); err != nil {
			r = Result{Verdict: Permanent, Local: true, Note: "the event can't be written"}
		} else {
			p.ID, p.Body = w.ID, w.Body
			ctx, cancel := context.WithTimeout(f.ctx, timeout)
			//failpoint:before_push
			r = sender.Send(ctx, &p)
			//failpoint:pushed
			cancel()
			if m := job.Message; m != nil && m.Text != nil && quotes(r.Answer, *m.Text) {
				r.Answer = quoted
			}
		}
	}
	f.settle(l, it, retry, &r, begun)
}

// written is a job's event as it goes out.
func (f *Forwarder) written(job *pool.Job) (pool.Written, error) {
	if job.Write != nil {
		return job.Write()
	}
	return f.o.Write(&job.What, job.Message)
}

// quoted stands for an answer that gives the message back: lists show answers, and texts
// only to whoever asks for them.
const quoted = "(the answer quotes the message)"

// quotes says whether an answer has a run of the text in it.
func quotes(answer, text string) bool {
	const run = 8 // bytes
	if len(text) < run {
		return len(text) > 3 && strings.Contains(answer, text)
	}
	for i := 0; i+run <= len(text); i++ {
		if strings.Contains(answer, text[i:i+run]) {
			return true
		}
	}
	return false
}

// settle takes an attempt's outcome. The worker keeps its place until a receipt is on disk.
func (f *Forwarder) settle(l *line, it *item, retry bool, r *Result, begun time.Time) {
	ended := time.Now()
	f.mu.Lock()
	aborted := f.ctx.Err() != nil && r.Verdict == Failed
	if aborted { // by our own stop: it says nothing of the destination
		f.free(l, it, retry)
		f.mu.Unlock()
		return
	}
	if it.done && r.Verdict != Delivered { // sent again by hand meanwhile: the new row stands for both
		f.free(l, it, retry)
		f.mu.Unlock()
		return
	}
	it.job = nil
	it.Attempts++
	it.Last = append(it.Last, pool.Attempt{At: begun.UTC().Round(0), Result: r.Note, Answer: r.Answer})
	it.Last = it.Last[max(0, len(it.Last)-keepAttempts):]
	wasDown := l.down
	l.answered(it, r, ended)
	if l.down != wasDown {
		f.log.Warn("destination", "destination", l.Name, "state", l.state(), "last_result", r.Note)
	}
	var row, tried *pool.Delivery // the end of it, or how far it is
	switch r.Verdict {
	case Delivered:
		row = it.closed(pool.Done, ended)
	case Permanent:
		row = it.closed(pool.GivenUp, ended)
	case Gone:
		l.paused, l.why = true, "the destination answered 410"
		tried = it.row()
	default:
		if it.age(ended, f.o.Synchronised()) >= l.GiveUpAfter {
			row = it.closed(pool.GivenUp, ended)
			break
		}
		tried = it.row()
		if !l.down {
			l.later(it, r, begun, ended)
		}
	}
	// Nothing waits for it: it is lost with the next attempt at most. A probe every 10 s would
	// wear out a card.
	if tried != nil && !it.done && (!l.down || ended.Sub(l.notedAt) >= noteProbes) {
		l.notedAt = ended
		f.o.Store.Submit(&pool.Change{Deliveries: []pool.Delivery{*tried}}, func(error) {})
	}
	f.mu.Unlock()
	switch r.Verdict {
	case Delivered:
		f.metrics.result(it.Destination, "done")
		if !it.readAt.IsZero() {
			f.metrics.seconds.WithLabelValues(it.Destination).Observe(ended.Sub(it.readAt).Seconds())
		}
	default:
		f.metrics.result(it.Destination, "retry")
		f.log.Info("delivery failed", "destination", it.Destination, "event", it.Event, "attempt", it.Attempts, "result", r.Note)
	}
	if tried != nil {
		f.o.Settled(tried)
	}
	if r.Verdict == Gone && f.o.Paused != nil {
		f.o.Paused(it.Destination, "the destination answered 410")
	}
	if row != nil {
		f.receipt(row)
	}
	f.mu.Lock()
	if row != nil {
		l.ended(row)
		if !it.done {
			it.done = true
			l.drop(it)
		}
	}
	f.free(l, it, retry)
	f.forget(l)
	next := f.start(l, time.Now())
	f.mu.Unlock()
	if !next.IsZero() {
		f.kick()
	}
}

// free gives a worker's place back.
func (f *Forwarder) free(l *line, it *item, retry bool) {
	it.running = false
	l.running--
	if retry {
		l.retrying--
	}
	if it.probe {
		it.probe, l.probing = false, false
	}
}

// row is the delivery as it is kept.
func (it *item) row() *pool.Delivery {
	row := it.Delivery
	row.Last = append([]pool.Attempt(nil), it.Last...)
	return &row
}

// closed is the row of a delivery that is over.
func (it *item) closed(state pool.DeliveryState, at time.Time) *pool.Delivery {
	row := it.row()
	row.State, row.DoneAt = state, at.UTC().Round(0)
	return row
}

// receipt commits that a delivery is over, and waits until that is on disk.
func (f *Forwarder) receipt(row *pool.Delivery) {
	//failpoint:before_receipt
	done := make(chan error, 1)
	f.o.Store.Submit(&pool.Change{Deliveries: []pool.Delivery{*row}}, func(err error) { done <- err })
	if err := <-done; err != nil {
		f.log.Error("a receipt was not kept", "destination", row.Destination, "error", err)
		f.Halt()
		return
	}
	//failpoint:receipt_kept
	if row.State == pool.GivenUp {
		f.metrics.result(row.Destination, "given_up")
		f.log.Error("delivery given up", "destination", row.Destination, "event", row.Event, "attempts", row.Attempts)
	}
	f.o.Settled(row)
}
