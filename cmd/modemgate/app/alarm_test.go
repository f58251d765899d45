package app

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"modemgate/cmd/modemgate/config"
)

// hook is an [[alarm]] receiver.
type hook struct {
	mu  sync.Mutex
	got map[string]time.Time // "alarm state": when it was first told
}

func (h *hook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var word struct{ Alarm, State string }
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &word) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if key := word.Alarm + " " + word.State; h.got[key].IsZero() {
		h.got[key] = time.Now()
	}
}

func (h *hook) at(key string) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got[key]
}

// TestAlarms brings conditions about and ends them: metric, log and receiver tell of
// each, and they are cleared after the recovery. How soon stands in virtual time with the
// rules, in the pool; here the log says how long it was.
func TestAlarms(t *testing.T) {
	t.Parallel()
	h := &hook{got: map[string]time.Time{}}
	server := httptest.NewServer(h)
	defer server.Close()
	g := newGateway(t, 2, fmt.Sprintf("[[alarm]]\nurl = %q\n", server.URL))
	g.stop()
	logged := &output{}
	path := filepath.Join(g.dir, "modemgate.toml")
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
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.until("the modems to be ready", func() bool {
		ready := 0
		for _, m := range g.app.Pool().Modems() {
			if m.State == "ready" {
				ready++
			}
		}
		return ready == 2
	})
	begun := time.Now()
	write(string(good) + "colour = 1\n")
	if g.app.ReloadFile(path) == nil {
		t.Error("a bad file was taken")
	}
	for range 12 {
		g.request("wrong", "GET", "/v1/numbers", "")
	}
	alarms := []string{"config_refused", "token_failures"}
	told := func(state string) func() bool {
		return func() bool {
			for _, a := range alarms {
				if h.at(a + " " + state).IsZero() {
					return false
				}
			}
			return true
		}
	}
	g.until("the alarms", told("raised"))
	for _, a := range alarms {
		t.Logf("%s was raised after %v", a, h.at(a+" raised").Sub(begun))
		if !strings.Contains(string(g.admin("/metrics")), `modemgate_alarm{alarm="`+a+`"} 1`) {
			t.Errorf("no metric of %s", a)
		}
		if !strings.Contains(logged.String(), a) {
			t.Errorf("the log does not tell of %s", a)
		}
	}
	write(string(good))
	if err := g.app.ReloadFile(path); err != nil {
		t.Fatal(err)
	}
	recovered := time.Now()
	g.until("config_refused to be cleared", func() bool { return !h.at("config_refused cleared").IsZero() })
	t.Logf("config_refused was cleared after %v", h.at("config_refused cleared").Sub(recovered))
}
