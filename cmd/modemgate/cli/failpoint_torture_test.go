//go:build torture

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What ends a process at a step: an environment variable names the step, how it ends, and
// at which pass of the step: "before_commit:kill:7". The file is made when it comes so far.
// "slow" ends nothing, but lets each n-th pass take a second.
const (
	failpointEnv = "MODEMGATE_FAILPOINT"
	failpointHit = "MODEMGATE_FAILPOINT_HIT"
	noSyncEnv    = "MODEMGATE_TORTURE_NOSYNC" // the database syncs nothing: for controls that must fail
)

// failpointSource is what a build with failpoints has in each package that has any.
const failpointSource = `package %s

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var failpointPasses atomic.Int64

func failpoint(name string) {
	f := strings.Split(os.Getenv("` + failpointEnv + `"), ":")
	if len(f) != 3 || f[0] != name {
		return
	}
	nth, _ := strconv.ParseInt(f[2], 10, 64)
	switch pass := failpointPasses.Add(1); {
	case f[1] == "slow" && pass%%nth == 0:
		time.Sleep(time.Second)
		return
	case pass != nth || f[1] == "slow":
		return
	}
	_ = os.WriteFile(os.Getenv("` + failpointHit + `"), nil, 0o600)
	switch f[1] {
	case "panic":
		panic("failpoint " + name)
	case "stall":
		time.Sleep(400 * time.Millisecond)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}
`

var failpointComment = regexp.MustCompile(`//failpoint:([a-z_]+)`)

// ofBolt are the database's own steps, by its comments for gofail.
func ofBolt() map[string]string {
	return map[string]string{"beforeSyncDataPages": "before_sync", "beforeSyncMetaPage": "between_syncs"}
}

// withFailpoints makes calls of the comments that name failpoints, in our own source by an
// overlay and in a copy of the database's, and lists them by package folder, ours relative
// to the module. flags are those of go build.
func withFailpoints(t *testing.T) (flags []string, names map[string][]string) {
	t.Helper()
	root, dir := moduleDir(t, ""), t.TempDir()
	replace := map[string]string{}
	names = map[string][]string{}
	add := func(path string, source []byte) {
		to := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(to, source, 0o600); err != nil {
			t.Fatal(err)
		}
		replace[path] = to
	}
	take := func(folder, path string, source, called []byte, found []string) {
		add(path, called)
		if len(names[folder]) == 0 {
			pkg := regexp.MustCompile(`(?m)^package (\w+)`).FindSubmatch(source)[1]
			add(filepath.Join(filepath.Dir(path), "zz_failpoint.go"), fmt.Appendf(nil, failpointSource, pkg))
		}
		names[folder] = append(names[folder], found...)
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var found []string
		for _, m := range failpointComment.FindAllSubmatch(source, -1) {
			found = append(found, string(m[1]))
		}
		if len(found) > 0 {
			folder, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			take(folder, path, source, failpointComment.ReplaceAll(source, []byte(`failpoint("$1")`)), found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	bolt := filepath.Join(dir, "bbolt")
	if err := os.CopyFS(bolt, os.DirFS(moduleDir(t, "go.etcd.io/bbolt"))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(bolt, "tx.go")
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for theirs, ours := range ofBolt() {
		called := bytes.Replace(source, []byte("// gofail: var "+theirs+" struct{}"), []byte(`failpoint("`+ours+`")`), 1)
		if bytes.Equal(called, source) {
			t.Fatalf("the database has no step %s any more", theirs)
		}
		source = called
		names["bbolt"] = append(names["bbolt"], ours)
	}
	syncs, err := os.ReadFile(filepath.Join(bolt, "bolt_linux.go"))
	if err != nil {
		t.Fatal(err)
	}
	const sync = "return syscall.Fdatasync("
	if !bytes.Contains(syncs, []byte(sync)) {
		t.Fatal("the database syncs in another way now")
	}
	syncs = bytes.Replace(syncs, []byte(sync), []byte("if noSync() {\n\t\treturn nil\n\t}\n\t"+sync), 1)
	own := append(fmt.Appendf(nil, failpointSource, "bbolt"), fmt.Sprintf("\nfunc noSync() bool { return os.Getenv(%q) != \"\" }\n", noSyncEnv)...)
	for name, text := range map[string][]byte{"tx.go": source, "bolt_linux.go": syncs, "zz_failpoint.go": own} {
		if err := os.Remove(filepath.Join(bolt, name)); err != nil && !os.IsNotExist(err) { // a copy of the module cache is read-only
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bolt, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "go.mod" {
			text = fmt.Appendf(text, "\nreplace go.etcd.io/bbolt => %s\n", bolt)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, list := range names {
		slices.Sort(list)
	}
	return []string{"-overlay", file, "-modfile", filepath.Join(dir, "go.mod")}, names
}

// moduleDir is where the source of a module is; "": ours.
func moduleDir(t *testing.T, module string) string {
	t.Helper()
	args := []string{"list", "-m", "-f", "{{.Dir}}"}
	if module != "" {
		args = append(args, module)
	}
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// buildWithFailpoints builds the program with failpoints, and lists those that it can pass
// while it serves.
func buildWithFailpoints(t *testing.T) (path string, names []string) {
	t.Helper()
	flags, all := withFailpoints(t)
	path = filepath.Join(t.TempDir(), "modemgate")
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"build"}, flags...), "-o", path, "./cmd/modemgate")...)
	cmd.Dir, cmd.Env = moduleDir(t, ""), append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for folder, list := range all {
		for _, name := range list {
			if folder != "store" || strings.HasSuffix(name, "_commit") { // the others are for the store's own torture
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return path, names
}
