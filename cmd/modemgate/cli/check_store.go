package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"modemgate/store"
)

// checked is what check -store prints as JSON.
type checked struct {
	*store.Report        // null fields when the store could not be read at all
	Fault         string `json:"fault,omitempty"` // why it could not: one of the words below
	Why           string `json:"why,omitempty"`
}

// faults are the reasons why a store can't be read, by the words that stand for them.
func faults() map[string]error {
	return map[string]error{
		"damaged": store.ErrDamaged, "not_a_store": store.ErrNotStore, "lost": store.ErrLost, "foreign": store.ErrForeign, "newer": store.ErrNewer, "locked": store.ErrLocked,
	}
}

func checkStore(e *env, path string, asJSON bool) error {
	r, err := store.Check(path)
	if asJSON {
		out := checked{Report: r}
		if err != nil {
			out.Fault, out.Why = "disk", err.Error()
			for word, is := range faults() {
				if errors.Is(err, is) {
					out.Fault = word
				}
			}
		}
		text, jerr := json.Marshal(out)
		if jerr != nil {
			return jerr
		}
		if _, werr := fmt.Fprintf(e.stdout, "%s\n", text); werr != nil {
			return werr
		}
	}
	switch {
	case errors.Is(err, store.ErrLocked):
		return &failure{what: "checking the store", err: err, try: "stop the daemon first; or modemgate backup FILE, which checks what it copies"}
	case err != nil:
		return &failure{what: "checking the store", err: err, try: "modemgate restore FILE, with a backup"}
	case !r.Sound():
		return &failure{what: "the store's file is damaged: " + r.Faults[0], try: "start the daemon: it puts the file aside and restores the newest backup; or modemgate restore FILE"}
	}
	if !asJSON {
		if _, err := fmt.Fprintf(e.stdout, "store %s, schema %d: %d records in %d KiB\n", r.Instance, r.Schema, r.Records, r.Bytes>>10); err != nil {
			return err
		}
	}
	if !r.Whole() {
		what := fmt.Sprintf("%d records are damaged and %d are missing", r.Damaged, r.Missing)
		if r.HalfHeader {
			what += "; one of the file's two headers is damaged"
		}
		return &failure{what: what, try: "the daemon runs with what is left; modemgate restore FILE brings a backup back"}
	}
	if !asJSON {
		_, err = fmt.Fprintln(e.stdout, "all is there and as it was written")
	}
	return err
}

// checkInChild lets another process check a store before this one opens it: what a file
// that was cut does to a process can't always be caught. The child ends with this process,
// however that ends: a check that lived on would hold the store against the next start.
func checkInChild(ctx context.Context, config string) func(string) (*store.Report, error) {
	return func(string) (*store.Report, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, self, "check", "-store", "-json", "-config", config)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		runtime.LockOSThread() // prctl(2): the signal comes when the thread that made the child ends
		text, err := cmd.Output()
		runtime.UnlockOSThread()
		var out checked
		if json.Unmarshal(text, &out) != nil { // it did not get so far
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if exit, ok := errors.AsType[*exec.ExitError](err); ok && (bytes.Contains(exit.Stderr, []byte("unexpected fault address")) || bytes.Contains(exit.Stderr, []byte("SIGBUS"))) {
				return nil, fmt.Errorf("%w file: reading it ends the process", store.ErrDamaged)
			}
			return nil, fmt.Errorf("the check did not end: %w", err)
		}
		if is := faults()[out.Fault]; is != nil {
			return nil, &retold{out.Why, is}
		}
		if out.Fault != "" {
			return nil, errors.New(out.Why)
		}
		return out.Report, nil
	}
}

// retold is an error of another process.
type retold struct {
	text string
	is   error
}

// Error is what the other process said.
func (r *retold) Error() string { return r.text }

// Unwrap says which error it was there.
func (r *retold) Unwrap() error { return r.is }
