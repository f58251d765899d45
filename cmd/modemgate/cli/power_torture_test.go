//go:build torture

package cli

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var tortureImages = flag.Int("torture-images", 50, "how many power cuts TestTorturePower looks at")

// outcome is what the images of power cuts showed.
type outcome struct {
	images, unopenable, unsound, lost, promised int
	examples                                    []string
}

func (o *outcome) bad() bool { return o.unopenable+o.unsound+o.lost > 0 }

func (o *outcome) note(format string, args ...any) {
	if len(o.examples) < 5 {
		o.examples = append(o.examples, fmt.Sprintf(format, args...))
	}
}

// String is for the log.
func (o *outcome) String() string {
	return fmt.Sprintf("%d images, %d times a record was promised: %d lost, %d stores damaged, %d disks or stores that can't be opened", o.images, o.promised, o.lost, o.unsound, o.unopenable)
}

// TestTorturePower cuts the power while a store is written: of a disk with ext4 that
// remembers every write and flush, images are made of what would have been on it at any
// moment. Every store can be opened by the real check and has all that was promised until
// then. The same without syncing must fail, or the run is void.
func TestTorturePower(t *testing.T) {
	keeper, _ := buildKeeper(t)
	if o := powerCuts(t, keeper, *tortureImages, false); o.bad() {
		t.Errorf("%v: %v", o, o.examples)
	} else if o.promised == 0 {
		t.Errorf("%v: nothing was promised, the run is void", o)
	} else {
		t.Log("synced: ", o)
	}
	if o := powerCuts(t, keeper, min(*tortureImages, 10), true); !o.bad() {
		t.Errorf("%v: nothing is lost without syncing either, the run is void", o)
	} else {
		t.Log("not synced, the control: ", o)
	}
}

// powerCuts writes a store for a while and looks at images of power cuts.
func powerCuts(t *testing.T, keeper string, images int, noSync bool) *outcome {
	t.Helper()
	rng := seeded(t)
	d, end := newDisk(t)
	defer end()
	writer := exec.Command(keeper, "write", filepath.Join(d.mount, "modemgate.db"))
	writer.Stderr = os.Stderr
	if noSync {
		writer.Env = append(os.Environ(), noSyncEnv+"=1")
	}
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	type promise struct {
		id string
		at int // of the log
	}
	var promises []promise
	stop := time.AfterFunc(3*time.Second, func() { _ = writer.Process.Kill() })
	defer stop.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		promises = append(promises, promise{lines.Text(), d.at()})
	}
	_ = writer.Wait() // it was killed
	length := d.at()
	end()
	cuts := make([]int, images)
	for i := range cuts {
		cuts[i] = rng.IntN(length + 1)
	}
	slices.Sort(cuts)
	o := &outcome{images: images}
	file, mount := filepath.Join(t.TempDir(), "image"), t.TempDir()
	d.crashes(rng, cuts, func(cut int, image []byte) {
		if err := os.WriteFile(file, image, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("mount", "-o", "loop", file, mount).CombinedOutput(); err != nil {
			o.unopenable++
			o.note("mount at %d: %v %s", cut, err, out)
			return
		}
		defer shell(t, "umount", mount)
		db := filepath.Join(mount, "modemgate.db")
		n := 0
		for n < len(promises) && promises[n].at <= cut {
			n++
		}
		o.promised += n
		if _, err := os.Stat(db); err != nil && n == 0 {
			return // before it was made
		}
		if out, err := exec.Command(keeper, "check", db).CombinedOutput(); err != nil {
			o.unsound++
			o.note("check at %d: %v %.300s", cut, err, out)
			return
		}
		listed, err := exec.Command(keeper, "list", db).CombinedOutput()
		if err != nil {
			o.unopenable++
			o.note("list at %d: %v %.300s", cut, err, listed)
			return
		}
		there := map[string]bool{}
		ids, _, _ := strings.Cut(string(listed), "]")
		_, ids, _ = strings.Cut(ids, "[")
		for id := range strings.FieldsSeq(ids) {
			there[id] = true
		}
		for _, p := range promises[:n] {
			if !there[p.id] {
				o.lost++
				o.note("record %s, promised at %d, is lost at %d", p.id, p.at, cut)
			}
		}
	})
	t.Logf("%d writes and flushes, %d records promised", length, len(promises))
	return o
}
