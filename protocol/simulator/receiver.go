package simulator

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"modemgate/protocol"
)

// Delivery is one request that reached a receiver.
type Delivery struct {
	At      time.Time // its body was complete
	ID      string
	Attempt int
	Replay  bool
	Body    []byte
	Event   Event
	Fault   error // what is wrong with signature or body; nil: nothing
	Status  int   // that it was answered with; 0: it was not answered
}

// Event is the part of an event that receivers look at.
type Event struct {
	Type      string           `json:"type"`
	ID        string           `json:"id"`
	Timestamp string           `json:"timestamp"`
	Data      protocol.Message `json:"data"`
}

// Behaviour says how one request is answered. The zero Behaviour is 204 at once.
type Behaviour struct {
	Status int           // 0: 204
	Header http.Header   // added to the answer
	Delay  time.Duration // before the answer
	Drop   bool          // the connection is closed instead of an answer
}

// Receiver takes webhooks on loopback. Its methods may be called from any goroutine.
type Receiver struct {
	keys   []protocol.SigningKey
	behave func(*Delivery) Behaviour
	server *http.Server
	url    string
	done   sync.WaitGroup

	mu   sync.Mutex
	got  []Delivery
	more chan struct{} // closed and replaced when something comes
}

// NewReceiver starts a receiver that checks signatures against keys. behave decides each
// answer; nil: all are taken.
func NewReceiver(keys []protocol.SigningKey, behave func(*Delivery) Behaviour) (*Receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if behave == nil {
		behave = func(*Delivery) Behaviour { return Behaviour{} }
	}
	r := &Receiver{keys: keys, behave: behave, url: "http://" + l.Addr().String() + "/hook", more: make(chan struct{})}
	r.server = &http.Server{Handler: http.HandlerFunc(r.serve), ReadHeaderTimeout: 10 * time.Second}
	r.done.Go(func() { _ = r.server.Serve(l) }) // ends with Close
	return r, nil
}

// URL is where it takes webhooks.
func (r *Receiver) URL() string { return r.url }

// Close breaks all connections and waits until nothing of the receiver runs.
func (r *Receiver) Close() error {
	err := r.server.Close()
	r.done.Wait()
	return err
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	d := Delivery{At: time.Now(), ID: req.Header.Get(protocol.HeaderID), Replay: req.Header.Get(protocol.HeaderReplay) == "true", Body: body, Fault: err}
	d.Attempt, _ = strconv.Atoi(req.Header.Get(protocol.HeaderAttempt))
	if err == nil {
		d.Fault = protocol.Verify(r.keys, d.ID, req.Header.Get(protocol.HeaderTimestamp), req.Header.Get(protocol.HeaderSignature), body, d.At, time.Minute)
	}
	if err := json.Unmarshal(body, &d.Event); err != nil && d.Fault == nil {
		d.Fault = err
	}
	b := r.behave(&d)
	d.Status = b.Status
	if d.Status == 0 {
		d.Status = http.StatusNoContent
	}
	if b.Drop {
		d.Status = 0
	}
	r.mu.Lock()
	r.got = append(r.got, d)
	close(r.more)
	r.more = make(chan struct{})
	r.mu.Unlock()
	if b.Delay > 0 {
		timer := time.NewTimer(b.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-req.Context().Done():
			return
		}
	}
	if b.Drop {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), b.Header)
	w.WriteHeader(d.Status)
}

// Deliveries is what has come so far, for reading, and a channel that is closed when more does.
func (r *Receiver) Deliveries() ([]Delivery, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.got), r.more
}
