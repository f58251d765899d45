package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"modemgate/pool"
)

// checkedPath makes the test binary a child that checks that store and says what it found.
const checkedPath = "MODEMGATE_TEST_CHECK"

// flips is more in the long form: go test ./store -run Flipped -timeout 1h -flips 2000.
var flips = flag.Int("flips", 40, "how many bits TestFlippedBits flips")

// filled makes a closed store with n changes and returns its path.
func filled(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "modemgate.db")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		commit(t, s, change(pool.ID(2_000_000_000_000_000)+pool.ID(2*i)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// edit changes the bytes of a file.
func edit(t *testing.T, path string, change func(data []byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(data), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

const testPage = 4096 // of a store that was made on these machines

// TestDamagedFile is the table of what can be wrong with the file: the check says it, and
// opening it either refuses or gives all that is whole.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	if os.Getpagesize() != testPage {
		t.Fatalf("pages of %d bytes", os.Getpagesize())
	}
	header := func(n int) func([]byte) []byte {
		return func(b []byte) []byte { b[n*testPage+headerOffset+30] ^= 1; return b }
	}
	for name, c := range map[string]struct {
		harm  func(b []byte) []byte
		err   error // of the check
		opens bool
		want  func(r *Report) bool
	}{
		"empty":           {func([]byte) []byte { return nil }, ErrLost, false, nil},
		"zeros":           {func(b []byte) []byte { return make([]byte, len(b)) }, ErrDamaged, false, nil},
		"random":          {func(b []byte) []byte { fillRandom(b); return b }, ErrDamaged, false, nil},
		"cut":             {func(b []byte) []byte { return b[:5*testPage] }, ErrDamaged, false, nil},
		"cut to a header": {func(b []byte) []byte { return b[:testPage/2] }, ErrDamaged, false, nil},
		"first header":    {header(0), nil, true, func(r *Report) bool { return r.HalfHeader && r.Sound() && r.Damaged == 0 }},
		"second header":   {header(1), nil, true, func(r *Report) bool { return r.HalfHeader && r.Sound() && r.Damaged == 0 }},
		"both headers":    {func(b []byte) []byte { return header(1)(header(0)(b)) }, ErrDamaged, false, nil},
		"a text": {
			func(b []byte) []byte {
				return bytes.ReplaceAll(b, []byte("text 2000000000000004"), []byte("tex! 2000000000000004"))
			},
			nil, true, func(r *Report) bool { return r.Sound() && r.Damaged == 1 && r.Missing == 0 },
		},
		"a key": { // out of its order: the pages themselves are wrong
			func(b []byte) []byte { return bytes.ReplaceAll(b, idKey(2_000_000_000_000_004), idKey(1<<63+4)) },
			nil, false, func(r *Report) bool { return !r.Sound() },
		},
		"the tally": {
			func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"last_id":`), []byte(`"last_iD":`)) },
			nil, true, func(r *Report) bool { return r.Sound() && r.Damaged == 1 },
		},
		"the header": {
			func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("header\x01{"), []byte("header\x01[")) },
			nil, true, func(r *Report) bool { return r.Sound() && r.Damaged == 1 },
		},
		"the header's copy": {
			func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("copy\x01{"), []byte("copy\x01[")) },
			nil, true, func(r *Report) bool { return r.Sound() && r.Damaged == 1 },
		},
		"the header's key": {
			func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("header\x01{"), []byte("headdr\x01{")) },
			nil, true, func(r *Report) bool { return r.Sound() && r.Damaged == 1 },
		},
		"header and copy": {
			func(b []byte) []byte {
				return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("copy\x01{"), []byte("copy\x01[")), []byte("header\x01{"), []byte("header\x01["))
			},
			ErrDamaged, false, nil,
		},
		"whole": {func(b []byte) []byte { return b }, nil, true, func(r *Report) bool { return r.Whole() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filled(t, 30)
			edit(t, path, c.harm)
			r, err := Check(path)
			if !errors.Is(err, c.err) || err != nil && !Final(err) {
				t.Errorf("check: %v", err)
			}
			if c.want != nil && (r == nil || !c.want(r)) {
				t.Errorf("check: %+v", r)
			}
			s, err := Open(path, Options{})
			if (err == nil) != c.opens || err != nil && !Final(err) {
				t.Fatalf("open: %v", err)
			}
			if err != nil {
				if _, again := Open(path, Options{}); errors.Is(again, ErrLocked) {
					t.Error("it is left locked")
				}
				return
			}
			if want := name == "first header" || name == "second header"; s.HalfHeader() != want {
				t.Errorf("half a header %v", s.HalfHeader())
			}
			n := 0
			s.Messages(0, true, func(*pool.Message) bool { n++; return true })
			if n < 29 {
				t.Errorf("%d messages", n)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func fillRandom(b []byte) {
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
}

// TestLostRecord misses records that a page hides, by their count.
func TestLostRecord(t *testing.T) {
	t.Parallel()
	path := filled(t, 30)
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte(messages)).Delete(idKey(2_000_000_000_000_004)) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if r, err := Check(path); err != nil || r.Missing != 1 || r.Whole() || !r.Sound() {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestForeign refuses another box's file beside this one's marker, and one of a newer schema.
func TestForeign(t *testing.T) {
	t.Parallel()
	path, other := filled(t, 1), filled(t, 1)
	edit(t, path, func([]byte) []byte {
		data, err := os.ReadFile(other)
		if err != nil {
			t.Fatal(err)
		}
		return data
	})
	if _, err := Check(path); !errors.Is(err, ErrForeign) {
		t.Errorf("check: %v", err)
	}
	if _, err := Open(path, Options{}); !errors.Is(err, ErrForeign) {
		t.Errorf("open: %v", err)
	}
	db, err := bolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		h, _, err := readMeta(tx, func(error) {})
		if err != nil {
			return err
		}
		h.Schema = schema + 1
		return putHeader(tx, h)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(other, Options{}); !errors.Is(err, ErrNewer) {
		t.Errorf("open: %v", err)
	}
	if after, err := os.ReadFile(other); err != nil || !bytes.Equal(before, after) {
		t.Error("a newer store was changed")
	}
}

// TestDamagedMarker goes on with the store that the marker stands for.
func TestDamagedMarker(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\x00\x00\x00", "{}", `{"instance":"`, "one digit"} {
		path := filled(t, 3)
		if text == "one digit" {
			good, err := os.ReadFile(markerPath(path))
			if err != nil {
				t.Fatal(err)
			}
			at := bytes.Index(good, []byte(`"ceiling":`)) + 12
			good[at] ^= 1
			text = string(good)
		}
		if err := os.WriteFile(markerPath(path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if LeftInOrder(path) || !Expected(path) {
			t.Errorf("%q: in order %v, expected %v", text, LeftInOrder(path), Expected(path))
		}
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if m, err := readMarker(path); err != nil || m.Instance != s.Header().Instance || !m.Clean {
			t.Errorf("%q: %+v, %v", text, m, err)
		}
	}
}

// checkForParent is the child: it checks a store and says how it is.
func checkForParent(path string) int {
	r, err := Check(path)
	switch {
	case err != nil:
		fmt.Println("found", err)
	case !r.Whole():
		fmt.Println("found", r.Faults, r.Damaged, r.Missing, r.HalfHeader)
	default:
		sum, err := digest(path)
		fmt.Println("whole", sum, err)
	}
	return 0
}

// digest is over all that a store's file says.
func digest(path string) (string, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	err = db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				fmt.Fprintf(sum, "%q %q %q\n", name, k, v)
				return nil
			})
		})
	})
	return fmt.Sprintf("%x", sum.Sum(nil)), errors.Join(err, db.Close())
}

// TestFlippedBits flips single bits anywhere in the pages of a store: the check finds each
// that changes what the file says, in a child, which some flips end.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	path := filled(t, 60)
	pristine, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := digest(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Check(path)
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	found, crashed, harmless := 0, 0, 0
	for range *flips {
		bit := rng.Int64N(r.Bytes * 8)
		data := bytes.Clone(pristine)
		data[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), checkedPath+"="+path)
		out, err := cmd.Output()
		switch {
		case err != nil:
			crashed++
		case strings.HasPrefix(string(out), "found"):
			found++
		case strings.TrimSpace(string(out)) == "whole "+want+" <nil>":
			harmless++
		default:
			t.Errorf("bit %d of byte %d: the check finds nothing, and the store says something else: %s", bit%8, bit/8, out)
		}
	}
	t.Logf("%d found, %d of them by a crash, %d changed nothing", found+crashed, crashed, harmless)
	if found == 0 {
		t.Error("no flip was found: nothing was tested")
	}
}

// TestHeaderFormat holds our reading of bbolt's headers against a file that bbolt wrote.
func TestHeaderFormat(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filled(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		h := data[n*testPage+headerOffset:]
		sum := fnv.New64a()
		sum.Write(h[:headerSummed])
		if binary.NativeEndian.Uint32(h) != headerMagic || binary.NativeEndian.Uint32(h[headerSize:]) != testPage || binary.NativeEndian.Uint64(h[headerSummed:]) != sum.Sum64() {
			t.Errorf("header %d is not as we read it", n)
		}
	}
}

// TestDamagedDelivery keeps a message waiting whose delivery's own record is damaged.
func TestDamagedDelivery(t *testing.T) {
	t.Parallel()
	path := filled(t, 5)
	edit(t, path, func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(`"event":2000000000000005,"destination":"crm","state":"pending"`), []byte(`"event":2000000000000005,"destination":"crm","state":"pendinG"`))
	})
	for round := range 2 { // its row is written anew at the first start
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if (s.Damaged() == 1) != (round == 0) || len(s.Pending("crm")) != 5 {
			t.Errorf("round %d: %d damaged, %d wait", round, s.Damaged(), len(s.Pending("crm")))
		}
		if j, ok := s.Job("crm", 2_000_000_000_000_005); !ok || j.Message == nil || j.Message.ID != 2_000_000_000_000_004 {
			t.Errorf("round %d: %+v", round, j)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := Check(path); err != nil || !r.Whole() {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestFullMarker writes the marker over the old one where there is no room for another.
func TestFullMarker(t *testing.T) {
	t.Parallel()
	path := filled(t, 1)
	m := marker{Instance: Instance(path), Ceiling: 1 << 52, Clean: true}
	m.Sum = m.sum()
	text, err := os.ReadFile(markerPath(path))
	if err != nil || len(text) != markerSize {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	other := filepath.Join(t.TempDir(), "modemgate.db")
	if err := m.write(other); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(markerPath(other)); err != nil {
		t.Fatal(err)
	}
	full := errors.New("full")
	if err := m.overwrite(path, text, full); err != nil {
		t.Fatal(err)
	}
	if got, err := readMarker(path); err != nil || got != m {
		t.Errorf("%+v, %v", got, err)
	}
	if err := m.overwrite(filepath.Join(t.TempDir(), "none"), text, full); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}
