package app

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/api"
	"modemgate/protocol/forward"
	"modemgate/store"
)

// The long form: go test ./cmd/modemgate/app -run Month -timeout 30m -month-days 30 -month-cards 64.
var (
	monthDays  = flag.Int("month-days", 12, "for how many days TestMonth runs")
	monthCards = flag.Int("month-cards", 6, "of how many cards each gets a message an hour")
)

// TestMonth runs pool, store and forwarder for days of virtual time, a message an hour on
// each card, with retention and archive: the file is level once a week has filled it, and
// what is old is gone. The heap is told; other tests run beside.
func TestMonth(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "modemgate.db")
	limits := store.Limits{Texts: 24 * time.Hour, Records: 9 * 24 * time.Hour, Audit: 9 * 24 * time.Hour, Tests: 9 * 24 * time.Hour}
	synctest.Test(t, func(t *testing.T) {
		// Virtual time begins in the year 2000, which the store takes for a clock that is
		// wrong: wait until one that may be right.
		time.Sleep(time.Until(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)))
		s, err := store.Open(path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var p *pool.Pool
		w := &api.Writer{View: func(r *pool.Reservation) *pool.ReservationView { return p.View(r) }}
		desk := &system{got: map[pool.ID]time.Time{}}
		f, err := forward.New(forward.Options{
			Store: s, Destinations: []forward.Destination{{
				Name: "desk", Sender: desk, Timeout: time.Minute, Workers: 4, GiveUpAfter: time.Hour, BacklogRate: 50, Retry: []time.Duration{time.Second},
			}},
			Write: func(ev *pool.Event, m *pool.Message) (pool.Written, error) {
				body, err := w.Bytes(ev, m)
				return pool.Written{ID: protocol.ID(protocol.EventID, uint64(ev.ID)), Body: body}, err
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if p, err = pool.New(pool.Options{
			Store: s, Decoder: decoder{}, Deliver: f.Deliver, Boot: pool.Boot{ID: "b", At: time.Now(), Clock: time.Hour},
			Config: &pool.Config{PartialAfter: time.Minute, Destinations: []pool.Destination{{Name: "desk", Events: []pool.EventType{pool.SMSReceived}}}},
		}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var parts sync.WaitGroup
		parts.Go(func() { _ = p.Run(ctx) })
		parts.Go(func() { f.Run(ctx, time.Second) })
		type sample struct{ file, heap int64 }
		var samples []sample // a day each
		n := 0
		for day := range *monthDays {
			for hour := range 24 {
				for card := range *monthCards {
					for _, pdu := range (modems.SMS{From: "METER", Text: fmt.Sprintf("reading %d", n), Ref: n}).PDUs() {
						done := make(chan error, 1)
						p.Receive(pool.Incoming{Slot: "slot1", ICCID: fmt.Sprint("894902000000000", card), PDU: pdu, Announced: true, At: time.Now()}, func(err error) { done <- err })
						if err := <-done; err != nil {
							t.Fatal(err)
						}
					}
					n++
				}
				time.Sleep(time.Hour)
				if _, err := s.Retain(time.Now(), limits); err != nil {
					t.Fatalf("day %d, hour %d: %v", day, hour, err)
				}
				p.Trim(s.OldestMessage())
			}
			runtime.GC()
			var mem runtime.MemStats
			runtime.ReadMemStats(&mem)
			samples = append(samples, sample{s.Bytes(), int64(mem.HeapAlloc)})
		}
		half := samples[len(samples)*3/4] // the database is full after a week
		last := samples[len(samples)-1]
		t.Logf("%d messages in %d days; file %d KiB, then %d; heap %d KiB, then %d", n, *monthDays, half.file>>10, last.file>>10, half.heap>>10, last.heap>>10)
		if last.file > half.file+half.file/20 || last.file > 128<<20 {
			t.Errorf("the file grows from %d to %d bytes", half.file, last.file)
		}
		oldest, texts := time.Now(), 0
		s.Messages(0, true, func(m *pool.Message) bool {
			if m.CompletedAt.Before(oldest) {
				oldest = m.CompletedAt
			}
			if m.Text != nil {
				if texts++; time.Since(m.CompletedAt) > 49*time.Hour {
					t.Errorf("a text is %v old", time.Since(m.CompletedAt))
				}
			}
			return true
		})
		if age := time.Since(oldest); age > 10*24*time.Hour+time.Hour || texts == 0 {
			t.Errorf("the oldest record is %v old, %d texts are left", age, texts)
		}
		if len(desk.got) != n || desk.again > 0 {
			t.Errorf("%d of %d were delivered, %d again", len(desk.got), n, desk.again)
		}
		if err := s.CheckAudit(); err != nil {
			t.Error(err)
		}
		cancel()
		parts.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if files, err := os.ReadDir(filepath.Join(dir, "archive")); err != nil || len(files) == 0 {
		t.Errorf("%d files in the archive, %v", len(files), err)
	}
}
