package app

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"modemgate/store"
)

// backupEvery is a bit less than a day, so that a look every hour comes to one a day.
const backupEvery = 24*time.Hour - 10*time.Minute

// backups takes the day's backup when it is due, until ctx ends: by itself, since a disk of
// another machine may take its time.
func (a *App) backups(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		a.backup(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// backup takes a backup if one is due. What is wrong with it is an alarm until one goes well.
func (a *App) backup(ctx context.Context) {
	a.mu.Lock()
	c := a.config.Backup
	a.mu.Unlock()
	fault := ""
	if c.Dir != "" {
		if err := a.backupInto(ctx, c.Dir, c.Keep); err != nil {
			if ctx.Err() != nil {
				return // it was cut short by the stop
			}
			a.log.Error("the backup failed", "error", err)
			fault = "the backup failed: " + err.Error()
		} else if sameDisk(c.Dir, a.o.Config.DataDir) {
			fault = "the folder of the backups is on the disk of data_dir: what befalls the one befalls the other"
		}
	}
	a.mu.Lock()
	a.backupFault = fault
	a.mu.Unlock()
}

func (a *App) backupInto(ctx context.Context, dir string, keep int) error {
	list, err := store.Backups(dir, a.store.Header().Instance)
	if err != nil {
		return err
	}
	if len(list) > 0 && !a.backupNow {
		if age := time.Since(store.TakenAt(list[0])); age >= 0 && age < backupEvery {
			return nil
		}
	}
	begun := time.Now()
	path, err := a.store.BackupInto(ctx, dir, keep)
	if err != nil {
		return err
	}
	a.backupNow = false
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("the backup is gone: %w", err)
	}
	a.log.Info("backup", "file", path, "bytes", info.Size(), "took", time.Since(begun).Round(time.Millisecond))
	return nil
}

func sameDisk(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	if errX != nil || errY != nil {
		return false
	}
	sx, okX := x.Sys().(*syscall.Stat_t)
	sy, okY := y.Sys().(*syscall.Stat_t)
	return okX && okY && sx.Dev == sy.Dev
}
