package app

import (
	"context"
	"time"

	"modemgate/pool"
)

const day = 24 * time.Hour

// daily does what is due at the start and every day, until ctx ends: the audit log is
// checked, and its head noted in the journal, where whoever can write the store can't.
func (a *App) daily(ctx context.Context) error {
	tick := time.NewTicker(day)
	defer tick.Stop()
	for {
		a.checkAudit()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
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
	a.log.Info("audit head", "seq", seq, "hash", hash)
}

func (a *App) auditCondition(add func(name pool.AlarmName, subject, format string, args ...any)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.auditBroken {
		add(pool.AuditBroken, "", "the audit log is not whole: modemgate audit verify")
	}
}
