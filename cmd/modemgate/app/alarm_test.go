package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt" //nolint:depguard // it tampers with the audit log

	"modemgate/cmd/modemgate/config"
	modems "modemgate/modem/simulator"
)

// hook is an [[alarm]] receiver.
type hook struct {
	mu   sync.Mutex
	open map[string]int       // how many subjects an alarm has
	at   map[string]time.Time // "alarm state": when it was first told
}

func (h *hook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var word struct{ Alarm, State string }
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &word) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open[word.Alarm]--
	if word.State == "raised" {
		h.open[word.Alarm] += 2
	}
	if key := word.Alarm + " " + word.State; h.at[key].IsZero() {
		h.at[key] = time.Now()
	}
}

func (h *hook) isOpen(alarm string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open[alarm] > 0
}

func (h *hook) raisedAt(alarm string) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at[alarm+" raised"]
}

// sick is a destination that refuses everything until it is well.
type sick struct{ well atomic.Bool }

func (s *sick) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if !s.well.Load() {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// TestAlarms brings conditions about and ends them: metric, log and receiver tell of
// each, and they are cleared after the recovery. How soon stands in virtual time with the
// rules, in the pool; here the log says how long it was. A full disk, a failing and a
// damaged store have tests of their own (TestNoStore, TestTortureFullDisk).
func TestAlarms(t *testing.T) {
	t.Parallel()
	h, bad := &hook{open: map[string]int{}, at: map[string]time.Time{}}, &sick{}
	server, destination := httptest.NewServer(h), httptest.NewServer(bad)
	defer server.Close()
	defer destination.Close()
	g := newGateway(t, 3, "")
	for n := range 3 { // entries of the audit log
		if a := g.request(qaToken, "POST", "/v1/reservations", `{}`); a.status != 201 {
			t.Fatalf("reservation %d: %d %s", n, a.status, a.body)
		}
	}
	g.stop()
	dropAudit(t, filepath.Join(g.dir, "data", "modemgate.db"))
	path, logged := filepath.Join(g.dir, "modemgate.toml"), &output{}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dead", "hasty", "unwanted"} {
		text = fmt.Appendf(text, "[[destination]]\nname = %q\nurl = %q\nsecret_file = %q\n", name, destination.URL, filepath.Join(g.dir, "crm.whsec"))
		if name == "hasty" {
			text = append(text, "give_up_after = \"1m\"\n"...)
		}
	}
	text = fmt.Appendf(text, "[[alarm]]\nurl = %q\n", server.URL)
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(string(text))
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if g.app, err = New(Options{Config: c, Version: "test", Sync: func() bool { return true }, Logger: slog.New(slog.NewTextHandler(logged, nil))}); err != nil {
		t.Fatal(err)
	}
	if err := g.app.Start(); err != nil {
		t.Fatal(err)
	}
	g.until("the modems to be ready", func() bool {
		ready := 0
		for _, m := range g.app.Pool().Modems() {
			if m.State == "ready" {
				ready++
			}
		}
		return ready == 3
	})

	begun := time.Now()
	write(string(text) + "colour = 1\n")
	if g.app.ReloadFile(path) == nil {
		t.Error("a bad file was taken")
	}
	for range 12 {
		g.request("wrong", "GET", "/v1/numbers", "")
	}
	g.app.forward.Pause("unwanted", true, "by a test")
	g.rack.Modem(0).RefuseDeletes(true)
	for n := range 17 {
		g.rack.Modem(0).Deliver(modems.SMS{From: "METER", Text: fmt.Sprint("reading ", n), Ref: n})
	}
	ends := []string{"config_refused", "destination_down", "destination_paused", "outbox_old", "sim_storage_high"}
	stay := []string{"token_failures", "audit_broken", "delivery_given_up"}
	for _, a := range append(slices.Clone(stay), ends...) {
		g.until(a+" to be raised", func() bool { return !h.raisedAt(a).IsZero() })
		t.Logf("%s was raised after %v", a, h.raisedAt(a).Sub(begun))
		if !regexp.MustCompile(`modemgate_alarm\{alarm="` + a + `"\} [1-9]`).Match(g.admin("/metrics")) {
			t.Errorf("no metric of %s", a)
		}
		if !strings.Contains(logged.String(), `"alarm raised" alarm=`+a) {
			t.Errorf("the log does not tell of %s", a)
		}
	}

	recovered := time.Now()
	write(string(text))
	if err := g.app.ReloadFile(path); err != nil {
		t.Fatal(err)
	}
	bad.well.Store(true)
	g.app.forward.Pause("unwanted", false, "")
	g.rack.Modem(0).RefuseDeletes(false)
	// What was due to hasty was given up: it is known to be well when it takes the next event.
	g.rack.Modem(2).Deliver(modems.SMS{From: "METER", Text: "one more"})
	for _, a := range ends {
		g.until(a+" to be cleared", func() bool { return !h.isOpen(a) })
		t.Logf("%s was cleared after %v", a, time.Since(recovered))
		if !strings.Contains(string(g.admin("/metrics")), `modemgate_alarm{alarm="`+a+`"} 0`) {
			t.Errorf("%s is over, and the metric says otherwise", a)
		}
	}
}

// dropAudit takes an entry out of the middle of the audit log.
func dropAudit(t *testing.T, path string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		c := tx.Bucket([]byte("audit")).Cursor()
		c.First()
		if k, _ := c.Next(); k == nil {
			return errors.New("the audit log is empty")
		}
		return c.Delete()
	})
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
