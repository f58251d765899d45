package app

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"modemgate/cmd/modemgate/config"
	"modemgate/pool"
	"modemgate/store"
)

// BenchmarkStart makes and starts the whole gateway on a store with 100,000 messages that
// wait for a destination, until its API answers, and stops it.
func BenchmarkStart(b *testing.B) {
	const rows = 100000
	g := newGateway(b, 1, "")
	g.stop()
	c, err := config.Load(filepath.Join(g.dir, "modemgate.toml"))
	if err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(StorePath(c), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	text := "zone 3 open"
	var last sync.WaitGroup
	for at := 0; at < rows; at += 500 {
		change := &pool.Change{}
		for i := range 500 {
			id := pool.ID(2*(at+i)) + 5_000_000_000_000_000
			change.Messages = append(change.Messages, pool.Message{ID: id, Kind: pool.Text, ICCID: fmt.Sprint(i % 64), Text: &text, CompletedAt: time.Now()})
			change.Events = append(change.Events, pool.Event{ID: id + 1, Type: pool.SMSReceived, At: time.Now(), Message: id})
			change.Deliveries = append(change.Deliveries, pool.Delivery{Event: id + 1, Destination: "gone", State: pool.Pending, Since: time.Now(), Message: id})
		}
		last.Add(1)
		s.Submit(change, func(error) { last.Done() })
	}
	last.Wait()
	b.Logf("%d MiB on disk", s.Bytes()>>20)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		a, err := New(Options{Config: c, Version: "test", Sync: func() bool { return true }})
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Start(); err != nil {
			b.Fatal(err)
		}
		if n := len(a.forward.Status()); n == 0 {
			b.Fatal("nothing waits")
		}
		g.app = a
		if a := g.request(qaToken, "GET", "/v1/availability", ""); a.status != 200 {
			b.Fatal(a.status)
		}
		b.StopTimer()
		if err := a.Stop(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
