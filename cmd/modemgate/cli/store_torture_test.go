//go:build torture

package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// buildKeeper builds the program that does one thing to a store, with failpoints.
func buildKeeper(t *testing.T) (path string, names map[string][]string) {
	t.Helper()
	flags, names := withFailpoints(t)
	path = filepath.Join(t.TempDir(), "keeper")
	build := exec.CommandContext(t.Context(), "go", append(append([]string{"build"}, flags...), "-o", path, "./cmd/modemgate/cli/testdata/keeper")...)
	build.Dir, build.Env = moduleDir(t, ""), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path, names
}

// TestTortureStore ends a process at each step of archiving, compacting, backing up and
// restoring, by panic and by SIGKILL. Afterwards every record is there once, the audit log
// is whole, and doing it again gets it done.
func TestTortureStore(t *testing.T) {
	keeper, names := buildKeeper(t)
	run := func(env []string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), keeper, args...)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := run(nil, args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	pristine, backups := t.TempDir(), t.TempDir()
	db := func(dir string) string { return filepath.Join(dir, "modemgate.db") }
	must("fill", db(pristine))
	must("backup", db(pristine), backups)
	want := must("list", db(pristine))
	if !strings.HasPrefix(want, "960 960 960 ") {
		t.Fatalf("%.100s", want)
	}
	kept, err := filepath.Glob(filepath.Join(backups, "*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%v, %v", kept, err)
	}
	bloated := t.TempDir()
	must("fill", db(bloated))
	must("bloat", db(bloated))
	steps := map[string][]string{ // what passes each step
		"before_archived": {"retain"}, "archived": {"retain"}, "before_compacted": {"open"}, "compacted": {"open"},
		"backup_copied": {"backup", backups}, "backed_up": {"backup", backups}, "before_restored": {"restore", kept[0]}, "put_aside": {"restore", kept[0]},
	}
	for _, name := range names["store"] {
		if steps[name] == nil && !strings.HasSuffix(name, "_commit") {
			t.Errorf("nothing passes the step %s", name)
		}
	}
	for name, op := range steps {
		for _, how := range []string{"panic", "kill"} {
			for _, nth := range []int{1, 5} {
				if nth > 1 && op[0] != "retain" {
					continue
				}
				t.Run(fmt.Sprint(name, "/", how, "/", nth), func(t *testing.T) {
					dir := t.TempDir()
					from := pristine
					if op[0] == "open" {
						from = bloated
					}
					if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
						t.Fatal(err)
					}
					args := append([]string{op[0], db(dir)}, op[1:]...)
					hit := filepath.Join(dir, "hit")
					out, err := run([]string{fmt.Sprintf("%s=%s:%s:%d", failpointEnv, name, how, nth), failpointHit + "=" + hit}, args...)
					exit, ok := errors.AsType[*exec.ExitError](err)
					if !ok || exit.ExitCode() != exitCrashed && exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
						t.Fatalf("it did not end at the step: %v\n%s", err, out)
					}
					if err := os.Remove(hit); err != nil {
						t.Fatal("the run is void: ", err)
					}
					if name != "put_aside" { // a restore that was cut off there is done again
						must("check", db(dir))
						if got := must("list", db(dir)); got != want {
							t.Errorf("after the end: %.200s", got)
						}
					}
					must(args...)
					if got := must("list", db(dir)); got != want {
						t.Errorf("done again: %.200s", got)
					}
					must("check", db(dir))
					left, err := filepath.Glob(db(dir) + ".*")
					if err != nil {
						t.Fatal(err)
					}
					for _, file := range left {
						if !strings.HasSuffix(file, ".marker") && !strings.Contains(file, ".replaced-") {
							t.Errorf("left behind: %s", file)
						}
					}
				})
			}
		}
	}
}
