package store

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"modemgate/pool"
)

// shelf is a store with a message, its delivery, a call, a reservation, a test and an
// audit entry for each of many days.
type shelf struct {
	*Store
	t    *testing.T
	path string
	now  time.Time
	ids  []pool.ID // of messages, oldest first
	last pool.ID
}

const (
	shelfDays = 20
	aDay      = 24 * time.Hour
)

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{t: t, path: filepath.Join(t.TempDir(), "store.db"), now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC), last: 3_000_000_000_000_000}
	s.open()
	for n := range shelfDays {
		s.add(s.now.Add(-time.Duration(shelfDays-n)*aDay), n)
	}
	return s
}

func (s *shelf) open() {
	s.t.Helper()
	var err error
	if s.Store, err = Open(s.path, Options{}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) add(at time.Time, n int) {
	id := s.last
	s.last += 10
	text, from := "what was said", "+4930123"
	if n%2 == 1 {
		from = "ACME"
	}
	wall := pool.Moment{Wall: at}
	verdict := pool.VerdictPassed
	if n%5 == 0 {
		verdict = pool.VerdictFailed
	}
	commit(s.t, s.Store, &pool.Change{
		Messages:     []pool.Message{{ID: id, ICCID: "8949", Number: "+49151", From: from, Text: &text, PDUs: [][]byte{{byte(n)}}, CompletedAt: at, Test: id + 4}},
		Events:       []pool.Event{{ID: id + 1, Type: pool.SMSReceived, At: at, Message: id}},
		Deliveries:   []pool.Delivery{{Event: id + 1, Destination: "a", State: pool.Done, Since: at, DoneAt: at, Message: id}, {Event: id + 1, Destination: "b", State: pool.Done, Since: at, DoneAt: at, Message: id}},
		Calls:        []pool.Call{{ID: id + 2, From: from, StartedAt: at, EndedAt: at}},
		Reservations: []pool.Reservation{{ID: id + 3, App: "qa", CreatedAt: wall, EndedAt: wall, End: pool.Expired}},
		Tests:        []pool.Test{{ID: id + 4, App: "qa", State: pool.TestClosed, CreatedAt: wall, ClosedAt: wall, Done: true, Verdict: verdict, Items: 1}},
		Seen:         []pool.Seen{{ICCID: "8949", Digest: pool.Digest{byte(n)}, Holder: id}},
		Items:        []pool.Item{{Test: id + 4, Number: "+49151", Verdict: verdict, Message: id}},
		Audit:        []pool.Audit{{At: at, Who: "test", What: "added"}},
	})
	s.ids = append(s.ids, id)
}

func (s *shelf) retain(l Limits) Retained {
	s.t.Helper()
	out, err := s.Retain(s.now, l)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func longest() Limits {
	return Limits{Texts: 1000 * aDay, Records: 1000 * aDay, Audit: 1000 * aDay, Tests: 1000 * aDay}
}

// list reads messages as a list does, page by page.
func (s *shelf) list(ascending bool, page int) (out []pool.ID) {
	after := pool.ID(0)
	for {
		n := 0
		s.Messages(after, ascending, func(m *pool.Message) bool {
			if n == page {
				return false
			}
			n++
			out = append(out, m.ID)
			after = m.ID
			if m.Text == nil || len(m.PDUs) != 1 {
				s.t.Errorf("message %d has lost its text", m.ID)
			}
			return true
		})
		if n < page {
			return out
		}
	}
}

// whole holds what is read to what was written, in both directions and by id.
func (s *shelf) whole(messages []pool.ID) {
	s.t.Helper()
	for _, page := range []int{1, 7, 1000} {
		if got := s.list(true, page); !slices.Equal(got, messages) {
			s.t.Errorf("ascending by %d: %v, want %v", page, got, messages)
		}
		got := s.list(false, page)
		slices.Reverse(got)
		if !slices.Equal(got, messages) {
			s.t.Errorf("descending by %d: %v, want %v", page, got, messages)
		}
	}
	for _, id := range messages {
		m, ok := s.Message(id)
		c, okC := s.Call(id + 2)
		r, okR := s.Reservation(id + 3)
		v, okT := s.Test(id + 4)
		if !ok || !okC || !okR || !okT || m.Text == nil || c.StartedAt.IsZero() || r.App != "qa" || v.App != "qa" || len(s.Items(id+4)) != 1 || len(s.Deliveries(id+1)) != 2 {
			s.t.Errorf("of %d something is missing: %v %v %v %v, %d items, %d deliveries", id, ok, okC, okR, okT, len(s.Items(id+4)), len(s.Deliveries(id+1)))
		}
	}
	count := func(walk func(yield func() bool)) (n int) {
		walk(func() bool { n++; return true })
		return n
	}
	for name, n := range map[string]int{
		"calls":        count(func(y func() bool) { s.Calls(0, true, func(*pool.Call) bool { return y() }) }),
		"reservations": count(func(y func() bool) { s.Reservations(0, false, func(*pool.Reservation) bool { return y() }) }),
		"tests":        count(func(y func() bool) { s.Tests(0, false, func(*pool.Test) bool { return y() }) }),
		"deliveries":   count(func(y func() bool) { s.AllDeliveries(0, func(pool.Delivery) bool { return y() }) }) / 2,
		"entries":      count(func(y func() bool) { s.AuditAscending(func(AuditRow) bool { return y() }) }),
	} {
		if n != len(messages) {
			s.t.Errorf("%d %s, want %d", n, name, len(messages))
		}
	}
	if err := s.CheckAudit(); err != nil {
		s.t.Error(err)
	}
}

// TestArchive moves what is old into the archive; all of it is read as before, also
// after a restart, and after a crash that left rows in both places.
func TestArchive(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.whole(s.ids)
	saved := filepath.Join(t.TempDir(), "before.db")
	s.copyTo(saved)
	// 13 days are older than a week: the message, its text, a call, a reservation, two
	// deliveries, a test and an entry of each.
	if got := s.retain(longest()); got != (Retained{Shelved: 13 * 8, Events: 19}) {
		t.Errorf("%+v", got)
	}
	if s.OldestMessage() != s.ids[13] {
		t.Errorf("the oldest is %d", s.OldestMessage())
	}
	s.whole(s.ids)
	if got := s.retain(longest()); got.Any() {
		t.Errorf("once more: %v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.open()
	s.whole(s.ids)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// As a crash between the files and the database leaves it.
	if err := os.Rename(saved, s.path); err != nil {
		t.Fatal(err)
	}
	s.open()
	s.whole(s.ids)
	s.retain(longest())
	s.whole(s.ids)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// copyTo copies the database as it is on disk.
func (s *shelf) copyTo(path string) {
	s.t.Helper()
	data, err := os.ReadFile(s.path)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestArchiveEnds deletes each file whole when its time is over, what shows why a test
// failed with the tests, and a digest with the record.
func TestArchiveEnds(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.retain(longest())
	l := Limits{Texts: 10 * aDay, Records: 15 * aDay, Tests: 18 * aDay, Audit: 12 * aDay}
	// The card still has the second message, and had the third long ago.
	commit(t, s.Store, &pool.Change{Seen: []pool.Seen{
		{ICCID: "8949", Digest: pool.Digest{1}, Holder: s.ids[1], Met: s.now.Add(-3 * aDay)},
		{ICCID: "8949", Digest: pool.Digest{2}, Holder: s.ids[2], Met: s.now.Add(-16 * aDay)},
	}})
	s.retain(l)
	for n, id := range s.ids {
		age := shelfDays - n
		m, ok := s.Message(id)
		_, okT := s.Test(id + 4)
		// A file is over a day after its last row.
		if want := age <= 15; ok != want {
			t.Errorf("%d days: record %v", age, ok)
		}
		if k, known := s.Seen("8949", pool.Digest{byte(n)}); known != (ok || n == 1) || known && (k.Holder != id || k.ICCID != "8949") {
			t.Errorf("%d days: repeats are known %v, %+v, the record %v", age, known, k, ok)
		}
		if want := age <= 18; okT != want {
			t.Errorf("%d days: test %v", age, okT)
		}
		if text := age <= 10 || n%5 == 0; ok && (m.Text != nil) != text {
			t.Errorf("%d days: text %v", age, m.Text != nil)
		}
	}
	if err := s.CheckAudit(); err != nil {
		t.Error(err)
	}
	oldest := time.Time{}
	s.AuditAscending(func(row AuditRow) bool { oldest = row.At; return false })
	if age := s.now.Sub(oldest); age > 13*aDay || age < 11*aDay {
		t.Errorf("the oldest entry is %v old", age)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestArchiveForgets erases a number from the files, too.
func TestArchiveForgets(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.retain(longest())
	n, err := s.ForgetArchived("+4930123")
	if err != nil || n != 14 { // 7 messages and 7 calls of the 13 days
		t.Errorf("%d, %v", n, err)
	}
	for n, id := range s.ids[:13] {
		m, ok := s.Message(id)
		c, okC := s.Call(id + 2)
		if gone := n%2 == 0; !ok || !okC || (m.Text == nil) != gone || (m.From == "") != gone || (c.From == "") != gone {
			t.Errorf("message %d: %+v, call %+v", n, m, c)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestArchiveDamaged reads what is whole of a file that is cut, and tells.
func TestArchiveDamaged(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.retain(longest())
	files, err := filepath.Glob(filepath.Join(filepath.Dir(s.path), "archive", "*.records.jsonl.gz"))
	if err != nil || len(files) != 13 {
		t.Fatalf("%v, %v", files, err)
	}
	for n, file := range files[:3] {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, info.Size()*int64(n)/3); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.list(true, 100); !slices.Equal(got[len(got)-17:], s.ids[3:]) {
		t.Errorf("%v", got)
	}
	if s.Damaged() == 0 {
		t.Error("the damage was not told")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
