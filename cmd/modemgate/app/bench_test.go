package app

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	modems "modemgate/modem/simulator"
	"modemgate/protocol"
)

// BenchmarkMessage is the way of one SMS from its announcement to the body of the signed
// webhook, with the commit on disk between, on a modem that takes no time.
func BenchmarkMessage(b *testing.B) {
	g := newGateway(b, 1, "")
	m := g.rack.Modem(0)
	n := 0
	for b.Loop() {
		n++
		m.Deliver(modems.SMS{From: "PANEL", Text: fmt.Sprintf("zone 3 open %d", n)})
		for {
			got, more := g.receiver.Deliveries()
			if len(got) >= n {
				break
			}
			<-more
		}
	}
}

// BenchmarkReserve is one reservation and its release, each on disk before its answer, by
// so many clients at once on 64 numbers.
func BenchmarkReserve(b *testing.B) {
	g := newGateway(b, 64, "")
	for _, clients := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			hc := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
			defer hc.CloseIdleConnections()
			work := make(chan struct{})
			var wg sync.WaitGroup
			for range clients {
				wg.Go(func() {
					for range work {
						if err := g.reserveOnce(hc); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			wg.Wait()
		})
	}
}

func (g *gateway) reserveOnce(hc *http.Client) error {
	var r protocol.Reservation
	a, err := g.plain(hc, "POST", "/v1/reservations", `{}`)
	if err != nil || a.status != http.StatusCreated {
		return fmt.Errorf("%d, %w", a.status, err)
	}
	a.into(g.t, &r)
	if a, err = g.plain(hc, "DELETE", "/v1/reservations/"+r.ID, ""); err != nil || a.status != http.StatusNoContent {
		return fmt.Errorf("%d, %w", a.status, err)
	}
	return nil
}

// plain is one exchange of qa that nothing is held to.
func (g *gateway) plain(hc *http.Client, method, path, body string) (answer, error) {
	req, err := http.NewRequestWithContext(g.t.Context(), method, "http://"+g.app.APIAddr()+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+qaToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := hc.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode}
	a.body, err = io.ReadAll(resp.Body)
	return a, err
}

// BenchmarkNumbers is the list of 256 numbers with their states.
func BenchmarkNumbers(b *testing.B) {
	g := newGateway(b, 256, "")
	hc := &http.Client{}
	defer hc.CloseIdleConnections()
	for b.Loop() {
		a, err := g.plain(hc, "GET", "/v1/numbers?limit=256", "")
		if err != nil || a.status != http.StatusOK || bytes.Count(a.body, []byte(`"state"`)) != 256 {
			b.Fatalf("%d, %v", a.status, err)
		}
	}
}
