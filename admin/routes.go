package admin

import (
	"regexp"
	"slices"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
)

// TryRequest is the body of POST /api/v1/routes/try: past messages since a time, or one,
// against routes of a file, or those in force.
type TryRequest struct {
	Since        *protocol.Time   `json:"since"`
	Message      *string          `json:"message"`
	Routes       []TryRoute       `json:"routes"`       // null: those in force
	Destinations []TryDestination `json:"destinations"` // of the file that the routes are of
}

// TryRoute is a [[route]] of a file.
type TryRoute struct {
	Name   string   `json:"name"`
	Tags   []string `json:"tags"`
	SIMs   []string `json:"sims"`
	From   []string `json:"from"`
	Text   string   `json:"text"`
	Events []string `json:"events"`
	Hours  string   `json:"hours"`
	To     []string `json:"to"`
	Tests  bool     `json:"tests"`
	Stop   bool     `json:"stop"`
}

// TryDestination is a [[destination]] of a file, as far as routes go.
type TryDestination struct {
	Name   string   `json:"name"`
	Events []string `json:"events"`
}

// TriedRow says where a message would go.
type TriedRow struct {
	Message    string        `json:"message"`
	ReceivedAt protocol.Time `json:"received_at"`
	SIM        string        `json:"sim"`
	From       *string       `json:"from"`
	Routed     bool          `json:"routed"`
	To         []TriedHop    `json:"to"`
}

// TriedHop is a destination and the route that leads there.
type TriedHop struct {
	Destination string  `json:"destination"`
	Route       *string `json:"route"`
}

// maxTried bounds the rows of one answer; the newest are shown.
const maxTried = 10000

func tryRoutes(x *exchange) (any, error) {
	var b TryRequest
	if err := x.read(&b); err != nil {
		return nil, err
	}
	var conf *pool.Config
	if b.Routes != nil || b.Destinations != nil {
		var err error
		if conf, err = b.config(); err != nil {
			return nil, err
		}
	}
	out := protocol.List[TriedRow]{Items: []TriedRow{}}
	try := func(m *pool.Message) {
		hops, routed := x.h.o.Pool.TryRoutes(conf, m)
		row := TriedRow{
			Message: protocol.ID(protocol.MessageID, uint64(m.ID)), ReceivedAt: protocol.Time(m.ReceivedAt), SIM: m.SIM, From: protocol.Optional(m.From),
			Routed: routed, To: []TriedHop{},
		}
		for _, h := range hops {
			row.To = append(row.To, TriedHop{h.Destination, protocol.Optional(h.Route)})
		}
		out.Items = append(out.Items, row)
	}
	if b.Message != nil {
		n, ok := protocol.ParseID(protocol.MessageID, *b.Message)
		m, found := x.h.o.Store.Message(pool.ID(n))
		if !ok || !found {
			return nil, &pool.Error{Code: pool.NotFound, Detail: "no such message"}
		}
		try(m)
		return out, nil
	}
	since := time.Now().Add(-24 * time.Hour)
	if b.Since != nil {
		since = time.Time(*b.Since)
	}
	x.h.o.Store.Messages(0, false, func(m *pool.Message) bool {
		if m.CompletedAt.Before(since) {
			return false
		}
		try(m)
		return len(out.Items) < maxTried
	})
	return out, nil
}

// config is the domain's configuration that a request describes.
func (b *TryRequest) config() (*pool.Config, error) {
	events := func(name string, list []string) (out []pool.EventType, err error) {
		for _, e := range list {
			if !slices.Contains(pool.EventTypes(), pool.EventType(e)) {
				return nil, &protocol.Invalid{Name: name, Why: "not a type of events"}
			}
			out = append(out, pool.EventType(e))
		}
		return out, nil
	}
	conf := &pool.Config{}
	for _, d := range b.Destinations {
		list, err := events("destinations.events", d.Events)
		if err != nil {
			return nil, err
		}
		conf.Destinations = append(conf.Destinations, pool.Destination{Name: d.Name, Events: list})
	}
	for _, r := range b.Routes {
		list, err := events("routes.events", r.Events)
		if err != nil {
			return nil, err
		}
		route := pool.Route{Name: r.Name, Tags: r.Tags, SIMs: r.SIMs, From: r.From, Events: list, To: r.To, Tests: r.Tests, Stop: r.Stop}
		if r.Text != "" {
			if route.Text, err = regexp.Compile(r.Text); err != nil {
				return nil, &protocol.Invalid{Name: "routes.text", Why: "not a regular expression (RE2)"}
			}
		}
		if r.Hours != "" {
			if route.Hours, err = pool.ParseHours(r.Hours); err != nil {
				return nil, &protocol.Invalid{Name: "routes.hours", Why: err.Error()}
			}
		}
		conf.Routes = append(conf.Routes, route)
	}
	return conf, nil
}
