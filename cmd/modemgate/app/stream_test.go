package app

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	modems "modemgate/modem/simulator"
	"modemgate/protocol"
)

// listener reads an event stream until it ends.
type listener struct {
	status int
	close  func()

	mu     sync.Mutex
	events []heard
}

// heard is one event of a stream.
type heard struct {
	id, kind string
	data     map[string]any
}

// listen opens a stream as an application does.
func (g *gateway) listen(token, last string) *listener {
	g.t.Helper()
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, "http://"+g.app.APIAddr()+"/v1/events", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	l := &listener{status: resp.StatusCode}
	done := make(chan struct{})
	l.close = sync.OnceFunc(func() {
		_ = resp.Body.Close() // how it ends changes nothing
		<-done
	})
	g.t.Cleanup(l.close)
	go func() {
		defer close(done)
		id := ""
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			switch key, value, _ := strings.Cut(s.Text(), ": "); key {
			case "id":
				id = value
			case "data":
				var ev struct {
					Type, ID string
					Data     map[string]any
				}
				if json.Unmarshal([]byte(value), &ev) != nil || ev.ID != id {
					ev.Type = "broken: " + value
				}
				l.mu.Lock()
				l.events = append(l.events, heard{id, ev.Type, ev.Data})
				l.mu.Unlock()
			}
		}
	}()
	return l
}

func (l *listener) all() []heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]heard(nil), l.events...)
}

// kinds lists the types and texts of what was heard, in order.
func (l *listener) kinds() string {
	var out []string
	for _, e := range l.all() {
		if strings.HasPrefix(e.kind, "modem.") {
			continue // they come as the rack does
		}
		text, _ := e.data["text"].(string)
		out = append(out, strings.TrimSpace(e.kind+" "+text))
	}
	return strings.Join(out, "; ")
}

// TestEventStream holds a stream to what its application may see, and lets it go on over
// a restart.
func TestEventStream(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 2, "")
	mine, others := g.listen(qaToken, ""), g.listen(otherToken, "")
	r, modem := g.reserve(`{"ttl_s":60}`)
	g.rack.Modem(modem).Deliver(modems.SMS{From: "BANK", Text: "a stranger's"})
	g.rack.Modem(modem).Deliver(modems.SMS{From: "SHOP", Text: "the holder's"})
	g.rack.Modem(1 - modem).Deliver(modems.SMS{From: "BANK", Text: "nobody's"})
	g.until("what the holder sees", func() bool {
		return strings.Contains(mine.kinds(), "holder") && strings.Contains(mine.kinds(), "nobody")
	})
	g.request(qaToken, "DELETE", "/v1/reservations/"+r.ID, "")
	g.until("the end of the reservation", func() bool { return strings.Contains(mine.kinds(), "reservation.ended") })
	g.until("what belongs to nobody", func() bool { return others.kinds() == "sms.received nobody's" })
	if got := mine.kinds(); strings.Contains(got, "stranger") || strings.Count(got, ";") != 2 {
		t.Errorf("the holder heard %s", got)
	}
	seen := mine.all()
	for i := 1; i < len(seen); i++ {
		if seen[i].id <= seen[i-1].id { // of one length here
			t.Errorf("%s comes after %s", seen[i].id, seen[i-1].id)
		}
	}

	first := ""
	for _, e := range seen {
		if strings.HasPrefix(e.kind, "sms.") && first == "" {
			first = e.id
		}
	}
	g.stop()
	mine.close()
	g.start()
	again := g.listen(qaToken, first)
	g.rack.Modem(0).Deliver(modems.SMS{From: "SHOP", Text: "after the restart"})
	g.until("the rest and what is new", func() bool { return strings.HasSuffix(again.kinds(), "after the restart") })
	if got := again.kinds(); strings.Count(got, ";") != 2 || !strings.Contains(got, "reservation.ended") {
		t.Errorf("after the first of three events it heard %s", got)
	}
}

// TestEventStreamRefusals tries ids that never were, and more streams than there may be.
func TestEventStreamRefusals(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 1, "")
	for _, id := range []string{"evt_7", "evt_9007199254740000"} {
		a := g.request(qaToken, "GET", "/v1/events?after="+id, "")
		var p protocol.Problem
		a.into(t, &p)
		if a.status != http.StatusGone || p.Code != "events_gone" || p.Detail == nil {
			t.Errorf("after %s: %d %s", id, a.status, a.body)
		}
	}
	for _, query := range []string{"?after=7", "?after=msg_7", "?from=evt_7"} {
		if a := g.request(qaToken, "GET", "/v1/events"+query, ""); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", query, a.status)
		}
	}
	for range 8 {
		if l := g.listen(qaToken, ""); l.status != http.StatusOK {
			t.Fatalf("a stream: %d", l.status)
		}
	}
	if l := g.listen(qaToken, ""); l.status != http.StatusServiceUnavailable {
		t.Errorf("a ninth stream: %d", l.status)
	}
	if l := g.listen(otherToken, ""); l.status != http.StatusOK {
		t.Errorf("another application's: %d", l.status)
	}
}
