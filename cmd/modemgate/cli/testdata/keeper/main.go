// Keeper does one thing to a store and ends, or is ended at one of its steps: the torture
// builds it with failpoints.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"modemgate/pool"
	"modemgate/store"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const (
	days   = 40
	aDay   = 24 * time.Hour
	firstN = pool.ID(1_600_000_000_000_000)
)

func run(op, path string, args []string) error {
	switch op {
	case "restore":
		_, err := store.Restore(path, args[0], store.RestoreOptions{Who: "operator"})
		return err
	case "check":
		r, err := store.Check(path)
		if err == nil && !r.Whole() {
			err = fmt.Errorf("%+v", r)
		}
		return err
	}
	s, err := store.Open(path, store.Options{})
	if err != nil {
		return err
	}
	switch op {
	case "open":
	case "fill":
		err = fill(s)
	case "bloat":
		err = bloat(s)
	case "retain":
		keep := 1000 * aDay
		_, err = s.Retain(time.Now(), store.Limits{Texts: keep, Records: keep, Audit: keep, Tests: keep})
	case "backup":
		_, err = s.BackupInto(context.Background(), args[0], 3)
	case "list":
		err = list(s)
	case "write":
		write(s)
	default:
		err = errors.New("what?")
	}
	return errors.Join(err, s.Close())
}

func commit(s *store.Store, c *pool.Change) error {
	done := make(chan error, 1)
	s.Submit(c, func(err error) { done <- err })
	return <-done
}

// fill keeps a message, its delivery and an audit entry for each hour of many days.
func fill(s *store.Store) error {
	text := "what was said"
	for n := range days * 24 {
		at := time.Now().Add(-time.Duration(days*24-n) * time.Hour)
		id := firstN + pool.ID(10*n)
		if err := commit(s, &pool.Change{
			Messages:   []pool.Message{{ID: id, Kind: pool.Text, ICCID: "8949", Text: &text, CompletedAt: at}},
			Deliveries: []pool.Delivery{{Event: id + 1, Destination: "crm", State: pool.Done, Since: at, DoneAt: at, Message: id}},
			Audit:      []pool.Audit{{At: at, Who: "test", What: "added"}},
		}); err != nil {
			return err
		}
	}
	return nil
}

// bloat makes the file large and most of it free.
func bloat(s *store.Store) error {
	big := strings.Repeat("x", 900_000)
	name := func(n int) string { return fmt.Sprint("bloat-", n) }
	for n := range 100 {
		if err := commit(s, &pool.Change{SIMs: []pool.SIM{{ICCID: name(n), CardSays: big}}}); err != nil {
			return err
		}
	}
	for n := range 100 {
		if err := commit(s, &pool.Change{ForgetSIMs: []string{name(n)}}); err != nil {
			return err
		}
	}
	return nil
}

// write keeps message upon message, several at a time, until it is killed, and says which
// are on disk. Now and then it archives, so that files beside the database change, too.
func write(s *store.Store) {
	out := make(chan pool.ID, 1000)
	go func() {
		for id := range out {
			fmt.Println(uint64(id))
		}
	}()
	text := strings.Repeat("what was said ", 5)
	for n := pool.ID(0); ; n++ {
		id := firstN + 10*n
		at := time.Now().Add(-30 * aDay)
		done := make(chan struct{}, 1)
		s.Submit(&pool.Change{
			Messages:   []pool.Message{{ID: id, Kind: pool.Text, ICCID: "8949", Text: &text, CompletedAt: at}},
			Deliveries: []pool.Delivery{{Event: id + 1, Destination: "crm", State: pool.Done, Since: at, DoneAt: at, Message: id}},
			Audit:      []pool.Audit{{At: at, Who: "test", What: "added"}},
		}, func(err error) {
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			out <- id
			done <- struct{}{}
		})
		if n%8 == 7 {
			<-done
		}
		if n%1500 == 1499 {
			keep := 1000 * aDay
			if _, err := s.Retain(time.Now(), store.Limits{Texts: keep, Records: keep, Audit: keep, Tests: keep}); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
}

// list says what is kept.
func list(s *store.Store) error {
	var ids, events []pool.ID
	texts := 0
	s.Messages(0, true, func(m *pool.Message) bool {
		ids = append(ids, m.ID)
		if m.Text != nil {
			texts++
		}
		return true
	})
	s.AllDeliveries(0, func(d pool.Delivery) bool { events = append(events, d.Event); return true })
	fmt.Println(len(ids), texts, len(events), ids, events)
	return s.CheckAudit()
}
