package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"modemgate/cmd/modemgate/app"
	"modemgate/store"
)

func backupCommand() command {
	return command{
		name: "backup", args: "FILE", nargs: 1, short: "writes a copy of database and archive, checked, while the daemon runs",
		long: "FILE is a gzipped tar, readable by you alone: it holds texts and numbers. What is there under its name is replaced when the copy is whole.",
		setup: func(e *env) func() error {
			ask := e.ask()
			return func() error {
				c, err := ask()
				if err != nil {
					return err
				}
				return backup(e, c, e.args[0])
			}
		},
	}
}

func backup(e *env, c *client, path string) (err error) {
	draft, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // readable by its owner alone
	if err != nil {
		return &failure{what: "writing the backup", err: err}
	}
	defer func() {
		err = errors.Join(err, draft.Close())
		if rerr := os.Remove(draft.Name()); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}()
	if err := c.stream(e.ctx, "/api/v1/backup", draft); err != nil {
		return err
	}
	if _, err := draft.Seek(0, io.SeekStart); err != nil {
		return &failure{what: "reading the backup again", err: err}
	}
	m, err := store.CheckBackup(draft)
	if err != nil {
		return &failure{what: "the backup did not come whole", err: err, try: "once more; the daemon's log says what was wrong"}
	}
	if err := draft.Sync(); err != nil {
		return &failure{what: "writing the backup", err: err}
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return &failure{what: "writing the backup", err: err}
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return &failure{what: "writing the backup", err: err}
	}
	if _, err := fmt.Fprintf(e.stdout, "%s: %d records and %d files of the archive, of %s\n", path, m.Records, len(m.Files)-1, m.Taken.Format(time.RFC3339)); err != nil {
		return err
	}
	if m.Damaged > 0 {
		return &failure{what: fmt.Sprintf("%d records of the store are damaged, in the backup, too", m.Damaged), try: "keep an older backup as well"}
	}
	return nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func restoreCommand() command {
	return command{
		name: "restore", args: "FILE", nargs: 1, short: "puts a backup in the place of the store; refused while the daemon runs",
		long: "The store that is there is kept under another name. What was pending in the backup is held, since much of it may have been\n" +
			"delivered since, until: modemgate destinations resume NAME. With -pending send it goes out at the start.",
		setup: func(e *env) func() error {
			config := e.configFlag()
			pending := e.flags.String("pending", "hold", "hold or send what was pending")
			return func() error {
				if *pending != "hold" && *pending != "send" {
					return fmt.Errorf("%w: -pending is hold or send", errUsage)
				}
				c, err := loadConfig(*config)
				if err != nil {
					return err
				}
				return restore(e, c.DataDir, app.StorePath(c), *pending == "send")
			}
		},
	}
}

func restore(e *env, dir, path string, send bool) error {
	const stopFirst = "systemctl stop modemgate"
	if answers(e.ctx, filepath.Join(dir, "control.sock")) { // also a daemon that has no store open
		return &failure{what: "restoring: the daemon runs", try: stopFirst}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return &failure{what: "restoring", err: err}
	}
	r, err := store.Restore(path, e.args[0], store.RestoreOptions{Send: send, Who: "operator", Why: "modemgate restore"})
	switch {
	case errors.Is(err, store.ErrLocked):
		return &failure{what: "restoring", err: err, try: stopFirst}
	case errors.Is(err, store.ErrForeign):
		return &failure{what: "restoring", err: err, try: "move what is in " + dir + " aside, the .marker too, if the other box's store is meant to live here"}
	case err != nil:
		return &failure{what: "restoring; nothing was replaced unless it says so", err: err}
	}
	if _, err := fmt.Fprintf(e.stdout, "the backup of %s is in place: %d records\n", r.Taken.Format(time.RFC3339), r.Records); err != nil {
		return err
	}
	if r.Replaced != "" {
		if _, err := fmt.Fprintf(e.stdout, "the store that was there is %s\n", r.Replaced); err != nil {
			return err
		}
	}
	if r.Held > 0 {
		_, err = fmt.Fprintf(e.stdout, "%d deliveries that were pending are held: modemgate destinations list, modemgate destinations resume NAME\n", r.Held)
	}
	return err
}

// answers says whether somebody listens on a socket.
func answers(ctx context.Context, socket string) bool {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}
