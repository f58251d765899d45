package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"modemgate/cmd/modemgate/config"
	"modemgate/pool"
	"modemgate/store"
)

const (
	storeFile = "modemgate.db"
	// reopenEvery is how often a store is tried that the disk did not let us open.
	reopenEvery = 10 * time.Second
	// lastWords is how long a process whose store has failed may go on telling of it.
	lastWords = 500 * time.Millisecond
)

// ErrStoreBack is what breaks a gateway that had no store when there is one again: it is
// to be made anew.
var ErrStoreBack = errors.New("the store can be used again")

// StorePath is where a configuration has its store.
func StorePath(c *config.Config) string { return filepath.Join(c.DataDir, storeFile) }

// openStore opens the store. One that was not left in order is checked first; one that is
// damaged is put aside, and the newest good backup takes its place. Where only the disk
// stands in the way the store is unusable, and the gateway runs to say so.
func (a *App) openStore(c *config.Config) error {
	path := StorePath(c)
	o := store.Options{Logger: a.log, Registerer: a.registry}
	err := os.MkdirAll(c.DataDir, 0o750)
	if err == nil {
		o.Unchecked, err = a.inspect(path)
	}
	if errors.Is(err, context.Canceled) { // the stop came meanwhile
		return err
	}
	if err == nil {
		a.store, err = store.Open(path, o)
	}
	if errors.Is(err, store.ErrDamaged) && store.Expected(path) {
		if err = a.replaceDamaged(path, c.Backup.Dir, err); err == nil {
			o.Unchecked = false
			a.store, err = store.Open(path, o)
		}
	}
	if err != nil && !store.Final(err) {
		a.log.Error("the store can't be used: messages stay on the SIMs until it can", "error", err)
		a.store, err = store.Unusable(path, err, o)
	}
	if err != nil {
		return err
	}
	a.onStop("store", func(context.Context) error { return a.store.Close() })
	if a.store.HalfHeader() {
		const lost = "one of the store's two headers was damaged: if it was the newer one, the last transaction is lost"
		a.log.Error(lost)
		a.backupNow, a.o.Trouble = true, lost
	}
	a.readTrouble(path)
	return nil
}

// inspect checks a store that was not left in order. unchecked means that the check could
// not be made: the next start is to try again.
func (a *App) inspect(path string) (unchecked bool, err error) {
	if store.LeftInOrder(path) {
		return false, nil
	}
	check := a.o.CheckStore
	if check == nil {
		check = store.Check
	}
	begun := time.Now()
	r, err := check(path)
	switch {
	case store.Final(err), errors.Is(err, context.Canceled):
		return false, err
	case err != nil: // opening it says more
		a.log.Warn("the store could not be checked", "error", err)
		return true, nil
	case !r.Sound():
		return false, fmt.Errorf("%w file: %s", store.ErrDamaged, r.Faults[0])
	}
	a.log.Info("the store was not left in order and has been checked", "records", r.Records, "took", time.Since(begun).Round(time.Millisecond))
	if r.Damaged+r.Missing > 0 {
		a.log.Error("records of the store are damaged; they are left out, all others are there", "damaged", r.Damaged, "missing", r.Missing)
		a.lacking = r.Damaged + r.Missing
	}
	return false, nil
}

// replaceDamaged puts the newest good backup in the place of the store, which is kept
// beside it. Without one the store stays where it is. What the disk can't give is not
// taken for damage, neither of the store nor of a backup: that error may pass.
func (a *App) replaceDamaged(path, dir string, why error) error {
	if err := store.Readable(path); err != nil {
		return fmt.Errorf("reading the store: %w", err)
	}
	var list []string
	if dir != "" {
		var err error
		if list, err = store.Backups(dir, store.Instance(path)); err != nil {
			return fmt.Errorf("the store is damaged, and the folder of its backups can't be read: %w", err)
		}
	}
	for _, backup := range list {
		r, err := store.Restore(path, backup, store.RestoreOptions{Aside: "damaged", Who: "modemgate", Why: "the store was damaged"})
		switch {
		case err == nil:
			a.log.Error("the store is damaged and was put aside; a backup was restored: what came after it is lost, what was pending in it is held until each destination is resumed",
				"error", why, "aside", r.Replaced, "file", backup, "taken", r.Taken, "held", r.Held)
			a.o.Trouble = "the store was damaged: the backup of " + r.Taken.Format(time.RFC3339) + " is in its place, what came after it is lost"
			return nil
		case errors.Is(err, store.ErrNotBackup), errors.Is(err, store.ErrForeign), errors.Is(err, store.ErrDamaged), errors.Is(err, store.ErrNewer):
			a.log.Error("a backup is of no use", "file", backup, "error", err)
		default:
			return fmt.Errorf("restoring %s: %w", backup, err)
		}
	}
	return fmt.Errorf("%w; there is no good backup in [backup] dir", why)
}

// troubleFile tells the next run why this one has ended.
func troubleFile(path string) string { return path + ".failed" }

// readTrouble takes note of what kept an earlier run, or an earlier try of this one, from
// using the store: it is an alarm that begins and ends now.
func (a *App) readTrouble(path string) {
	a.trouble = a.o.Trouble
	if a.store.Err() != nil {
		return
	}
	if text, err := os.ReadFile(troubleFile(path)); err == nil {
		if a.trouble != "" {
			a.trouble += "; "
		}
		a.trouble += string(text)
		if err := os.Remove(troubleFile(path)); err != nil {
			a.log.Warn("removing the note of the last failure", "error", err)
		}
	}
}

// storeFailed is what is done when the store has failed: nothing more goes out, and
// whoever is to be told of alarms is told.
func (a *App) storeFailed(err error) {
	a.forward.Halt()
	a.tellStoreError(err)
	a.breaks(err)
	// Where the disk takes nothing there is no note, and the journal has it.
	_ = os.WriteFile(troubleFile(StorePath(a.o.Config)), []byte("the last run ended because the store could not be written"), 0o600)
}

func (a *App) tellStoreError(err error) {
	al := &pool.Alarm{Name: pool.StoreError, Raised: true, Detail: "the store can't be used: " + err.Error(), Since: time.Now().UTC()}
	a.logAlarm(al)
	a.alarms.Tell(al)
}

// Failed says whether the store has failed, so that the process is to end at once: nothing
// may be acknowledged any more, and there is nothing to be put in order. The caller gives
// those who are told of alarms the time of LastWords.
func (a *App) Failed() bool { return a.store.Err() != nil && !a.degraded }

// LastWords waits for as long as a process whose store has failed goes on.
func LastWords() <-chan time.Time { return time.After(lastWords) }

// serveWithout says what is wrong while there is no store: the API answers that, and
// nothing is taken from modems. It ends with ErrStoreBack.
func (a *App) serveWithout() {
	a.degraded = true
	why := a.store.Err()
	a.pool.SetConditions([]pool.Condition{{Name: pool.StoreError, Detail: "the store can't be used: " + why.Error()}})
	a.goes("alarms", func(ctx context.Context) error { a.alarms.Run(ctx); return nil })
	a.tellStoreError(why)
	a.serve()
	a.goes("store", func(ctx context.Context) error {
		tick := time.NewTicker(reopenEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			err := a.tryStore(a.o.Config)
			if err == nil || store.Final(err) { // what is final is told by the next start
				return ErrStoreBack
			}
		}
	})
	a.onStop("calls that wait", func(context.Context) error { a.pool.Stop(); return nil })
}

// tryStore opens the store and closes it again.
func (a *App) tryStore(c *config.Config) error {
	if err := os.MkdirAll(c.DataDir, 0o750); err != nil {
		return err
	}
	unchecked, err := a.inspect(StorePath(c))
	if err != nil {
		return err
	}
	s, err := store.Open(StorePath(c), store.Options{Unchecked: unchecked})
	if err != nil {
		return err
	}
	return s.Close()
}
