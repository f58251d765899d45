package store

import (
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"modemgate/pool"
)

// keepStore writes testdata/schema-N.db.gz, when the schema has changed: a store as this
// version leaves it, which every later one must read.
var keepStore = flag.Bool("keep-store", false, "write the store that later versions must read")

// everything is one record of each kind.
func everything() *pool.Change {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	moment := pool.Moment{Boot: "b", Clock: time.Hour, Wall: at}
	text, name := "Tür geöffnet", "door"
	const id = pool.ID(1_790_000_000_000_000)
	m := pool.Message{ID: id, Kind: pool.Text, ICCID: "8949", Number: "+4915112345678", From: "PANEL", Text: &text, PDUs: [][]byte{{1, 2, 3}}, CompletedAt: at, Complete: true, Digests: []pool.Digest{{1}}}
	return &pool.Change{
		SIMs: []pool.SIM{{ICCID: "8949", IMSI: "26201", CardSays: "+4915112345678", Set: pool.SIMFacts{Name: &name}}}, Modems: map[string]string{"8610": "8949"},
		Parts:        []pool.Part{{ID: id + 2, ICCID: "8949", PDU: []byte{4}, At: moment}},
		Messages:     []pool.Message{m},
		Calls:        []pool.Call{{ID: id + 3, ICCID: "8949", From: "+4930", StartedAt: at, EndedAt: at}},
		Reservations: []pool.Reservation{{ID: id + 4, App: "qa", ICCID: "8949", Number: "+4915112345678", CreatedAt: moment, End: pool.Released, EndedAt: moment}},
		Seen:         []pool.Seen{{ICCID: "8949", Digest: pool.Digest{1}, Holder: id, Repeats: 2}},
		Keys:         []pool.Key{{App: "qa", Path: "/v1/reservations", Key: "k", Object: id + 4, At: moment}},
		Events:       []pool.Event{{ID: id + 1, Type: pool.SMSReceived, At: at, Message: id}},
		Deliveries: []pool.Delivery{
			{Event: id + 1, Destination: "crm", State: pool.Pending, Since: at, Message: id, ICCID: "8949"},
			{Event: id + 1, Destination: "desk", State: pool.Done, Since: at, DoneAt: at, Message: id},
		},
		Destinations: []pool.DestinationState{{Name: "crm", Paused: true, Why: "test", Since: at, Held: id}},
		Tests:        []pool.Test{{ID: id + 5, App: "qa", State: pool.TestOpen, Items: 1, CreatedAt: moment}},
		Items:        []pool.Item{{Test: id + 5, ICCID: "8949", Number: "+4915112345678", Token: "123456", Text: "Code 123456"}},
		Monitors:     []pool.MonitorState{{Name: "codes"}},
		Alarms:       []pool.Alarm{{Name: pool.NoModem, Raised: true, Since: at}},
		Audit:        []pool.Audit{{At: at, Who: "operator", What: "test.created", Subject: "tst_1"}},
	}
}

// TestKeptStores opens a store of every schema there has been: nothing is damaged or
// missing, all kinds of records are there, and it can be opened again.
func TestKeptStores(t *testing.T) {
	t.Parallel()
	if *keepStore {
		keepThisSchema(t)
	}
	files, err := filepath.Glob("testdata/schema-*.db.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	newest := false
	for _, file := range files {
		newest = newest || strings.Contains(file, fmt.Sprintf("schema-%d.", schema))
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "modemgate.db")
			gunzip(t, file, path)
			wasOf := schema
			if r, err := Check(path); err != nil || !r.Whole() {
				t.Fatalf("%+v, %v", r, err)
			} else if wasOf = r.Schema; wasOf < schema && r.Records == 0 {
				t.Error("it is empty")
			}
			for range 2 {
				s, err := Open(path, Options{})
				if err != nil {
					t.Fatal(err)
				}
				want := everything()
				snap, err := s.Load()
				if err != nil {
					t.Fatal(err)
				}
				id := want.Messages[0].ID
				m, ok := s.Message(id)
				if !ok || m.Text == nil || *m.Text != *want.Messages[0].Text || m.From != "PANEL" || len(m.PDUs) != 1 {
					t.Errorf("message %+v", m)
				}
				if c, ok := s.Call(id + 3); !ok || c.From != "+4930" {
					t.Errorf("call %+v", c)
				}
				if r, ok := s.Reservation(id + 4); !ok || r.App != "qa" || r.End != pool.Released {
					t.Errorf("reservation %+v", r)
				}
				if j, ok := s.Job("crm", id+1); !ok || j.Message == nil || len(s.Deliveries(id+1)) != 2 {
					t.Errorf("job %+v", j)
				}
				if seen, ok := s.Seen("8949", pool.Digest{1}); !ok || seen.Holder != id || seen.Repeats != 2 {
					t.Errorf("seen %+v", seen)
				}
				if len(snap.SIMs) != 1 || len(snap.Parts) != 1 || len(snap.Keys) != 1 || snap.Modems["8610"] != "8949" || snap.NextID <= id+5 {
					t.Errorf("%+v", snap)
				}
				if len(s.Destinations()) != 1 {
					t.Errorf("destinations %+v", s.Destinations())
				}
				if wasOf >= tests.since() && (len(snap.Tests) != 1 || len(snap.Tests[0].Of) != 1 || len(snap.Monitors) != 1) {
					t.Errorf("tests %+v, monitors %+v", snap.Tests, snap.Monitors)
				}
				if wasOf >= alarms.since() && len(snap.Alarms) != 1 {
					t.Errorf("alarms %+v", snap.Alarms)
				}
				if err := s.CheckAudit(); err != nil {
					t.Error(err)
				}
				if n := s.Damaged(); n != 0 {
					t.Errorf("%d records are damaged", n)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			_, err := os.Stat(fmt.Sprintf("%s.schema-%d", path, wasOf))
			if kept := err == nil; kept != (wasOf < schema) {
				t.Errorf("a copy from before the change of the schema: %v", kept)
			}
		})
	}
	if !newest {
		t.Errorf("no store of schema %d is kept: go test ./store -run TestKeptStores -keep-store", schema)
	}
}

func keepThisSchema(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "modemgate.db")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, everything())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Check(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, r.Bytes); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(fmt.Sprintf("testdata/schema-%d.db.gz", schema))
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	if err := errors.Join(err, z.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
}

func gunzip(t *testing.T, file, to string) {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestEarlierSchemas brings stores of earlier schemas, which lack buckets, to this one; a
// copy of each is kept.
func TestEarlierSchemas(t *testing.T) {
	t.Parallel()
	for old := 1; old < schema; old++ {
		path := filepath.Join(t.TempDir(), "modemgate.db")
		gunzip(t, fmt.Sprintf("testdata/schema-%d.db.gz", schema), path)
		db, err := bolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bolt.Tx) error {
			h, tl, err := readMeta(tx, func(error) {})
			if err != nil {
				return err
			}
			for _, b := range buckets() {
				if b.since() > old {
					if err := tx.DeleteBucket([]byte(b)); err != nil {
						return err
					}
					delete(tl.Records, b)
				}
			}
			h.Schema = old
			return errors.Join(putHeader(tx, h), putMeta(tx, tallyKey(), tl))
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			s, err := Open(path, Options{})
			if err != nil {
				t.Fatalf("schema %d: %v", old, err)
			}
			if _, ok := s.Message(everything().Messages[0].ID); !ok || s.Damaged() != 0 {
				t.Errorf("schema %d: message there %v, %d damaged", old, ok, s.Damaged())
			}
			commit(t, s, everything())
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for file, is := range map[string]int{path: schema, fmt.Sprintf("%s.schema-%d", path, old): old} {
			if r, err := Check(file); err != nil || !r.Whole() || r.Schema != is {
				t.Errorf("%s: %+v, %v", filepath.Base(file), r, err)
			}
		}
	}
}
