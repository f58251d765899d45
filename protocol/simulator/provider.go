package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Order is one message that a provider was asked to send.
type Order struct {
	ID   string // that the provider gives it
	To   string
	Text string
	At   time.Time // its request came
}

// Deed is what a provider does with an order. The zero Deed sends it as it is, at once,
// and claims nothing.
type Deed struct {
	Status int           // of the answer; 0: 201. Nothing is sent unless it is below 300
	Drop   bool          // it never goes out
	Twice  bool          // it goes out again a second later
	Delay  time.Duration // before it goes out
	Text   string        // in its place; empty: as ordered
	From   string        // empty: the provider's own
	Report string        // the word of a delivery receipt; empty: none
	After  time.Duration // when the receipt comes
	Silent bool          // the connection breaks instead of an answer
}

// ProviderOptions is what a Provider is made of. Deliver is required.
type ProviderOptions struct {
	Deliver  func(to, from, text string) // puts a message on a SIM; called from any goroutine
	Behave   func(Order) Deed            // nil: all go out as they are
	From     string                      // the sender's name
	Receipts string                      // URL for delivery receipts; empty: none are sent
}

// Provider stands in for an SMS provider, on loopback: POST {"to","text"} is answered
// with {"id"}. It can delay, drop, alter, double, and lie in its receipts.
type Provider struct {
	o      ProviderOptions
	server *http.Server
	url    string
	done   sync.WaitGroup
	stop   chan struct{}

	mu     sync.Mutex
	orders []Order
}

// NewProvider starts a provider.
func NewProvider(o ProviderOptions) (*Provider, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if o.Behave == nil {
		o.Behave = func(Order) Deed { return Deed{} }
	}
	p := &Provider{o: o, url: "http://" + l.Addr().String() + "/send", stop: make(chan struct{})}
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve), ReadHeaderTimeout: 10 * time.Second}
	p.done.Go(func() { _ = p.server.Serve(l) }) // ends with Close
	return p, nil
}

// URL is where it takes orders.
func (p *Provider) URL() string { return p.url }

// SetReceipts says where delivery receipts go from now on.
func (p *Provider) SetReceipts(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.o.Receipts = url
}

// Close breaks all connections and waits until nothing of the provider runs: what would
// have gone out later does not.
func (p *Provider) Close() error {
	close(p.stop)
	err := p.server.Close()
	p.done.Wait()
	return err
}

// Orders is a copy of what was ordered so far.
func (p *Provider) Orders() []Order {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Order(nil), p.orders...)
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	var body struct{ To, Text string }
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&body) != nil || r.Method != http.MethodPost {
		http.Error(w, "no order", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	o := Order{ID: fmt.Sprintf("prv-%d", len(p.orders)+1), To: body.To, Text: body.Text, At: at}
	p.orders = append(p.orders, o)
	p.mu.Unlock()
	d := p.o.Behave(o)
	if d.Status == 0 {
		d.Status = http.StatusCreated
	}
	if d.Status < 300 {
		p.fulfil(o, d)
	}
	if d.Silent {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(d.Status)
	_ = json.NewEncoder(w).Encode(map[string]string{"id": o.ID}) // the client may have gone
}

// fulfil does what is to be done with an order, now and later.
func (p *Provider) fulfil(o Order, d Deed) {
	text, from := d.Text, d.From
	if text == "" {
		text = o.Text
	}
	if from == "" {
		from = p.o.From
	}
	if !d.Drop {
		p.later(d.Delay, func() { p.o.Deliver(o.To, from, text) })
		if d.Twice {
			p.later(d.Delay+time.Second, func() { p.o.Deliver(o.To, from, text) })
		}
	}
	if d.Report != "" {
		p.later(d.After, func() { p.report(o.ID, d.Report) })
	}
}

func (p *Provider) later(d time.Duration, do func()) {
	p.done.Go(func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			do()
		case <-p.stop:
		}
	})
}

// report sends a delivery receipt.
func (p *Provider) report(id, word string) {
	p.mu.Lock()
	url := p.o.Receipts
	p.mu.Unlock()
	body, err := json.Marshal(map[string]string{"id": id, "status": word, "time": time.Now().UTC().Format(time.RFC3339Nano)})
	if err != nil || url == "" {
		return
	}
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err == nil {
		_ = resp.Body.Close() // what it says changes nothing
	}
}
