package store

import (
	"path/filepath"
	"testing"
	"time"

	"modemgate/pool"
)

// TestRetain erases texts, then records, after their times; leaves what a delivery waits
// for; and has no gap in the events that are kept.
func TestRetain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	text := "what was said"
	id := pool.ID(3_000_000_000_000_000)
	add := func(age time.Duration, waits bool) pool.ID {
		id += 2
		at := now.Add(-age)
		m := pool.Message{ID: id, ICCID: "8949", Text: &text, PDUs: [][]byte{{1, 2}}, CompletedAt: at, Digests: []pool.Digest{{byte(id), byte(id >> 8)}}}
		c := &pool.Change{
			Messages: []pool.Message{m}, Events: []pool.Event{{ID: id + 1, Type: pool.SMSReceived, At: at, Message: id}},
			Seen:  []pool.Seen{{ICCID: "8949", Digest: m.Digests[0], Holder: id}, {ICCID: "8949", Digest: pool.Digest{byte(id), byte(id >> 8), 1}, Holder: id}}, // and of a late part
			Audit: []pool.Audit{{At: at, Who: "test", What: "added"}},
		}
		d := pool.Delivery{Event: id + 1, Destination: "crm", State: pool.Done, Since: at, DoneAt: at, Message: id}
		if waits {
			d.State, d.DoneAt = pool.Pending, time.Time{}
		}
		c.Deliveries = []pool.Delivery{d}
		commit(t, s, c)
		return id
	}
	const hour, day = time.Hour, 24 * time.Hour
	ancient, ancientWaits := add(200*day, false), add(200*day, true)
	old, oldWaits := add(40*day, false), add(40*day, true)
	var young []pool.ID
	for range 450 { // more than one transaction's worth
		young = append(young, add(40*day, false))
	}
	fresh := add(2*hour, false)
	limits := Limits{Texts: 30 * day, Records: 180 * day, Audit: 100 * day, Tests: 180 * day}
	got, err := s.Retain(now, limits)
	if err != nil {
		t.Fatal(err)
	}
	// Events: the first one is gone, the second is waited for, and all after it stay.
	// 451 messages, as many deliveries and 452 entries are older than a week.
	if want := (Retained{Texts: 452, Records: 1, Events: 1, Digests: 2, Entries: 2, Shelved: 451 + 451 + 452}); got != want {
		t.Errorf("erased %v, not %v", got, want)
	}
	has := func(id pool.ID, record, text bool) {
		t.Helper()
		m, ok := s.Message(id)
		if ok != record || ok && (m.Text != nil) != text || ok && (m.PDUs != nil) != text {
			t.Errorf("message %d: kept %v, %+v", id, ok, m)
		}
	}
	has(ancient, false, false)
	has(ancientWaits, true, true)
	has(old, true, false)
	has(oldWaits, true, true)
	has(young[449], true, false)
	has(fresh, true, true)
	for late := range byte(2) {
		if _, ok := s.Seen("8949", pool.Digest{byte(ancient), byte(ancient >> 8), late}); ok {
			t.Error("a digest outlives its record")
		}
	}
	if j, ok := s.Job("crm", ancientWaits+1); !ok || j.Message.Text == nil {
		t.Error("what waits can't be delivered any more")
	}
	if err := s.CheckAudit(); err != nil {
		t.Errorf("the rest of the audit log: %v", err)
	}
	for _, event := range []pool.ID{ancientWaits + 1, oldWaits + 1} {
		commit(t, s, &pool.Change{Deliveries: []pool.Delivery{{Event: event, Destination: "crm", State: pool.Done, Since: now, DoneAt: now}}})
	}
	if got, err = s.Retain(now, limits); err != nil || got.Texts != 2 || got.Records != 1 || got.Events != 453 || got.Shelved != 1 {
		t.Errorf("then %v, %v", got, err)
	}
	if s.OldestEvent() != fresh+1 || s.OldestMessage() != fresh {
		t.Errorf("the oldest are %d and %d", s.OldestEvent(), s.OldestMessage())
	}
	if got, err = s.Retain(now, limits); err != nil || got.Any() {
		t.Errorf("once more %v, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(path, Options{}); err != nil {
		t.Fatal(err)
	}
	has(old, true, false)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestRetainWrongClocks: rows of a clock that stood in 1970 or six years ahead are never
// taken for old before what came after them is, keep nothing else from being erased, and
// go then.
func TestRetainWrongClocks(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	limits := Limits{Texts: 30 * day, Records: 180 * day, Audit: 100 * day, Tests: 180 * day}
	s := &shelf{t: t, path: filepath.Join(t.TempDir(), "store.db"), now: now, last: 3_000_000_000_000_000}
	s.open()
	s.add(now.Add(-300*day), 1)                           // long over
	s.add(time.Unix(60, 0).UTC(), 2)                      // between 300 and 40 days old
	s.add(now.Add(6*365*day), 3)                          // likewise
	s.add(now.Add(-40*day), 4)                            // its text is over
	s.add(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), 6) // between 40 and 3 days old
	s.add(now.Add(-3*day), 7)                             // young
	s.add(time.Unix(3600, 0).UTC(), 8)                    // the newest
	want := func(at string, records, texts string) {
		t.Helper()
		gotR, gotT := "", ""
		for n, id := range s.ids {
			if m, ok := s.Message(id); ok {
				gotR += string(rune('a' + n))
				if m.Text != nil {
					gotT += string(rune('a' + n))
				}
			}
		}
		if gotR != records || gotT != texts {
			t.Errorf("%s: records %s, texts %s; not %s and %s", at, gotR, gotT, records, texts)
		}
		if err := s.CheckAudit(); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
	s.retain(limits)
	want("now", "bcdefg", "efg")
	s.now = now.Add(28 * day)
	s.retain(limits)
	want("28 days later", "bcdefg", "g")
	s.now = now.Add(60 * day)
	s.add(s.now, 10)
	s.retain(limits)
	want("60 days later, with a new one", "bcdefgh", "gh")
	s.now = now.Add(400 * day)
	s.retain(limits)
	want("400 days later", "", "")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
