package app

import (
	"context"
	"time"

	"modemgate/pool"
)

const (
	hoursOfDay  = 24
	firstErased = 5 * time.Minute // after the start
)

// chores does what is due every hour and every day, until ctx ends. At the start and
// every day the audit log is checked, and its head noted in the journal, where whoever can
// write the store can't. Every hour what is older than its time is erased.
func (a *App) chores(ctx context.Context) error {
	timer := time.NewTimer(firstErased)
	defer timer.Stop()
	for hours := 0; ; hours++ {
		if hours%hoursOfDay == 0 {
			a.checkAudit()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			timer.Reset(time.Hour)
		}
		a.retain()
	}
}

// retain erases what is older than its time. Nothing is erased while the clock is not
// known to be right.
func (a *App) retain() {
	if !a.o.Sync() {
		a.log.Info("nothing is erased: the clock is not known to be right")
		return
	}
	a.mu.Lock()
	limits := a.config.Retention
	a.mu.Unlock()
	done, err := a.store.Retain(time.Now(), limits)
	if err == nil && done.Any() {
		a.pool.Trim(a.store.OldestMessage())
		a.log.Info("erased after their time", "what", done.String())
		err = a.pool.Audited(pool.Audit{Who: "modemgate", What: "retention.erased", Subject: done.String()})
	}
	if err != nil {
		a.log.Error("erasing what is older than its time", "error", err)
	}
}

func (a *App) checkAudit() {
	err := a.store.CheckAudit()
	a.mu.Lock()
	a.auditBroken = err != nil
	a.mu.Unlock()
	if err != nil {
		a.log.Error("the audit log is not whole", "error", err)
		return
	}
	seq, hash := a.store.AuditHead()
	if seq == 0 {
		return // nothing has happened yet
	}
	a.log.Info("audit head", "seq", seq, "hash", hash)
}

func (a *App) auditCondition(add func(name pool.AlarmName, subject, format string, args ...any)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.auditBroken {
		add(pool.AuditBroken, "", "the audit log is not whole: modemgate audit verify")
	}
}
