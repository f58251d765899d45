package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"modemgate/cmd/modemgate/config"
	"modemgate/modem"
	"modemgate/pool"
)

const (
	watchEvery   = 5 * time.Second
	oldDelivery  = time.Minute
	givenUpLasts = time.Minute // at least
	failedFor    = 30 * time.Second
	highStorage  = 0.8
	clockPatient = 10 * time.Minute // after the start
	lowShare     = 10               // per cent of the disk
	lowBytes     = 1 << 30
)

// watch tells the pool what is wrong, until ctx ends.
func (a *App) watch(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	needs := map[string]int{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			a.pool.SetConditions(a.conditions(now))
			a.watchBudgets(needs)
		}
	}
}

// watchBudgets warns, when the rack or the configuration has changed, of monitors whose
// day needs more than they may send. needs is what each was seen to need.
func (a *App) watchBudgets(needs map[string]int) {
	for _, m := range a.pool.Monitors() {
		if m.Needs != needs[m.Name] && m.Needs > m.Daily {
			a.log.Warn("a monitor needs more messages a day than it may send: the rest is skipped", "monitor", m.Name, "needs", m.Needs, "daily_messages", m.Daily,
				"try", "raise daily_messages or interval")
		}
		needs[m.Name] = m.Needs
	}
}

// logAlarm tells the journal of an alarm.
func (a *App) logAlarm(al *pool.Alarm) {
	if al.Raised {
		a.log.Warn("alarm raised", "alarm", al.Name, "subject", al.Subject, "detail", al.Detail)
		return
	}
	a.log.Info("alarm cleared", "alarm", al.Name, "subject", al.Subject)
}

// conditions is everything that is wrong now.
func (a *App) conditions(now time.Time) []pool.Condition {
	var out []pool.Condition
	add := func(name pool.AlarmName, subject, format string, args ...any) {
		out = append(out, pool.Condition{Name: name, Subject: subject, Detail: fmt.Sprintf(format, args...)})
	}
	for _, d := range a.forward.Status() {
		switch d.State {
		case "down":
			add(pool.DestinationDown, d.Name, "destination %s does not take events: %s", d.Name, d.LastResult)
		case "paused":
			add(pool.DestinationPaused, d.Name, "destination %s is paused: %s", d.Name, d.Why)
		case "gone": // only with rows
			add(pool.DestinationPaused, d.Name, "destination %s is no longer configured and %d deliveries wait for it", d.Name, d.Depth)
		}
		if d.GaveUp > 0 || now.Sub(d.GaveUpAt) < givenUpLasts {
			add(pool.DeliveryGivenUp, d.Name, "deliveries to %s were given up: modemgate messages list -undelivered", d.Name)
		}
		if d.Held > 0 && d.State == "up" {
			add(pool.DestinationPaused, d.Name, "%d deliveries to %s were pending in a backup that was restored: modemgate destinations resume %s lets them go", d.Held, d.Name, d.Name)
		}
		if age := now.Sub(d.Oldest); !d.Oldest.IsZero() && age > oldDelivery {
			add(pool.OutboxOld, d.Name, "the oldest of %d deliveries to %s waits for %s", d.Depth, d.Name, age.Truncate(time.Second))
		}
	}
	a.storeConditions(add)
	a.modemConditions(now, add)
	a.auditCondition(add)
	for _, slots := range a.pool.Duplicates() {
		add(pool.DuplicateNumbers, strings.Join(slots, " "), "the cards in %s claim one number: set the right one with modemgate sims set", strings.Join(slots, " and "))
	}
	if !a.o.Sync() && now.Sub(a.began) > clockPatient {
		add(pool.ClockUnsynced, "", "nobody keeps the machine's clock right: see timedatectl")
	}
	if a.api.TokenFailures(now) || a.admin.TokenFailures(now) {
		add(pool.TokenFailures, "", "an address has asked too often without a valid token")
	}
	a.mu.Lock()
	if a.backupFault != "" {
		add(pool.BackupFailed, "", "%s", a.backupFault)
	}
	if a.refused != "" {
		add(pool.ConfigRefused, "", "the configuration was refused, the old one goes on: modemgate check")
	}
	a.mu.Unlock()
	return out
}

func (a *App) storeConditions(add func(name pool.AlarmName, subject, format string, args ...any)) {
	switch damaged := max(int(a.store.Damaged()), a.lacking); {
	case a.store.Err() != nil:
		add(pool.StoreError, "", "the store can't be written")
	case damaged > 0:
		add(pool.StoreError, "", "%d records of the store are damaged and left out: modemgate check -store", damaged)
	case a.trouble != "": // it is over
		add(pool.StoreError, "", "%s", a.trouble)
		a.trouble = ""
	}
	if a.store.Room() != nil {
		add(pool.NoRoomLeft, "", "the disk is full: messages stay on the SIMs")
	}
	if free, total := a.store.Disk(); total > 0 && free < lowBytes && free*100 < total*lowShare {
		add(pool.DiskLow, "", "%d MiB of the disk are free", free>>20)
	}
}

func (a *App) modemConditions(now time.Time, add func(name pool.AlarmName, subject, format string, args ...any)) {
	ready := false
	for _, m := range a.pool.Modems() {
		switch m.State {
		case "ready", "no_number":
			ready = true
		case "failed":
			if m.Reason == string(modem.IMEIChanged) {
				add(pool.IMEIChanged, m.Slot, "modem %s: %s", m.Slot, m.Detail)
			}
			if now.Sub(m.Since) > failedFor {
				add(pool.ModemFailed, m.Slot, "modem %s: %s", m.Slot, m.Detail)
			}
		}
		if m.StorageTotal > 0 && float64(m.StorageUsed) >= highStorage*float64(m.StorageTotal) {
			add(pool.SIMStorageHigh, m.Slot, "the storage of modem %s holds %d messages of %d", m.Slot, m.StorageUsed, m.StorageTotal)
		}
	}
	if ready {
		a.sawModem = now
	}
	if now.Sub(a.sawModem) > failedFor {
		add(pool.NoModem, "", "no modem can receive: modemgate status")
	}
}

// ReloadFile takes the configuration of a file. A bad one, or one that needs a restart,
// changes nothing but raises an alarm.
func (a *App) ReloadFile(path string) error {
	c, err := config.Load(path)
	if err == nil {
		err = a.reload(c)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused = ""
	if err != nil {
		a.refused = err.Error()
	}
	return err
}
