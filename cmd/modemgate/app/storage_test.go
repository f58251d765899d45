package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modemgate/cmd/modemgate/config"
	"modemgate/store"
)

// killed is a gateway's configuration with a store that was not left in order.
func killed(t *testing.T) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "modemgate.toml")
	text := "data_dir = \"" + filepath.Join(filepath.Dir(path), "data") + "\"\n[api]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[modems]\nports = [\"/nowhere/*\"]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(c.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(StorePath(c), store.Options{Unchecked: true}) // as a kill leaves it
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if store.LeftInOrder(StorePath(c)) {
		t.Fatal("it is left in order")
	}
	return c
}

// TestInspection: what becomes of a store by what its check says. Only what is proved of
// the file is held against it, and a check that did not get through is made again.
func TestInspection(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		check func(string) (*store.Report, error)
		err   error // of New
		clean bool  // after a stop in order
		logs  string
	}{
		"sound":            {store.Check, nil, true, "has been checked"},
		"records":          {func(string) (*store.Report, error) { return &store.Report{Damaged: 2}, nil }, nil, true, "records of the store are damaged"},
		"could not begin":  {func(string) (*store.Report, error) { return nil, errors.New("no memory") }, nil, false, "could not be checked"},
		"the stop came":    {func(string) (*store.Report, error) { return nil, context.Canceled }, context.Canceled, false, ""},
		"damaged":          {func(string) (*store.Report, error) { return &store.Report{Faults: []string{"page 7"}}, nil }, store.ErrDamaged, false, ""},
		"ends the process": {func(string) (*store.Report, error) { return nil, store.ErrDamaged }, store.ErrDamaged, false, ""},
		"another box's":    {func(string) (*store.Report, error) { return nil, store.ErrForeign }, store.ErrForeign, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := killed(t)
			before, err := os.ReadFile(StorePath(conf))
			if err != nil {
				t.Fatal(err)
			}
			var log output
			a, err := New(Options{Config: conf, Version: "test", Sync: func() bool { return true }, CheckStore: c.check, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if !errors.Is(err, c.err) {
				t.Fatalf("%v", err)
			}
			if !strings.Contains(log.String(), c.logs) {
				t.Errorf("the log does not say %q: %s", c.logs, log.String())
			}
			if err != nil {
				if after, err := os.ReadFile(StorePath(conf)); err != nil || !bytes.Equal(before, after) {
					t.Error("the store was touched")
				}
				return
			}
			if err := errors.Join(a.Start(), a.Stop(t.Context())); err != nil {
				t.Fatal(err)
			}
			if store.LeftInOrder(StorePath(conf)) != c.clean {
				t.Errorf("left in order: %v", !c.clean)
			}
		})
	}
}
