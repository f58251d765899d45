package cli

import (
	"fmt"
	"net/http"
	"strings"

	"modemgate/admin"
	"modemgate/cmd/modemgate/config"
	"modemgate/protocol"
)

func routesTry() command {
	return command{
		name: "routes try", short: "says where messages of the past would go by the routes of a file",
		long: "The file is that of -config, which the daemon need not have taken yet; its data_dir says which daemon is asked for the messages.",
		setup: func(e *env) func() error {
			configPath := e.configFlag()
			ask := e.askWith(configPath)
			asJSON := e.jsonFlag()
			since := e.flags.String("since", "24h", "from then on: a time such as 2026-01-31T12:00:00Z, or how long ago: 2h")
			message := e.flags.String("message", "", "only this message `ID`")
			return func() error {
				file, err := loadConfig(*configPath)
				if err != nil {
					return err
				}
				body := tryRequest(file)
				if *message != "" {
					body.Message = message
				} else {
					t, err := when(*since)
					if err != nil {
						return err
					}
					from := protocol.Time(t)
					body.Since = &from
				}
				c, err := ask()
				if err != nil {
					return err
				}
				var out protocol.List[admin.TriedRow]
				if err := c.call(e.ctx, http.MethodPost, "/api/v1/routes/try", body, &out); err != nil {
					return err
				}
				if err := show(e, *asJSON, out.Items, []string{"MESSAGE", "RECEIVED", "SIM", "FROM", "GOES TO"}, func(r *admin.TriedRow) []string {
					return []string{r.Message, at(&r.ReceivedAt), r.SIM, or(r.From), goesTo(r)}
				}); err != nil || *asJSON {
					return err
				}
				unrouted := 0
				for _, r := range out.Items {
					if !r.Routed {
						unrouted++
					}
				}
				_, err = fmt.Fprintf(e.stdout, "\n%d messages, %d of them taken by no route\n", len(out.Items), unrouted)
				return err
			}
		},
	}
}

func goesTo(r *admin.TriedRow) string {
	if !r.Routed {
		return "nowhere: no route takes it"
	}
	var out []string
	for _, h := range r.To {
		text := h.Destination
		if h.Route != nil {
			text += " (" + *h.Route + ")"
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return "the inbox only"
	}
	return strings.Join(out, ", ")
}

// tryRequest describes the routes of a file.
func tryRequest(c *config.Config) *admin.TryRequest {
	b := &admin.TryRequest{Routes: []admin.TryRoute{}, Destinations: []admin.TryDestination{}}
	for _, d := range c.Pool.Destinations {
		b.Destinations = append(b.Destinations, admin.TryDestination{Name: d.Name, Events: words(d.Events)})
	}
	for _, r := range c.Pool.Routes {
		t := admin.TryRoute{Name: r.Name, Tags: r.Tags, SIMs: r.SIMs, From: r.From, Events: words(r.Events), To: r.To, Tests: r.Tests, Stop: r.Stop}
		if r.Text != nil {
			t.Text = r.Text.String()
		}
		if r.Hours != nil {
			t.Hours = r.Hours.String()
		}
		b.Routes = append(b.Routes, t)
	}
	return b
}

func words[T ~string](list []T) []string {
	var out []string
	for _, v := range list {
		out = append(out, string(v))
	}
	return out
}
