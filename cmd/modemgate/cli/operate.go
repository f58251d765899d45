package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"sort"

	"modemgate/admin"
)

func statusCommand() command {
	return command{name: "status", short: "asks the running daemon: totals, and one row a modem", setup: func(e *env) func() error {
		ask, asJSON := e.ask(), e.jsonFlag()
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			var s admin.Status
			if err := c.call(e.ctx, http.MethodGet, "/api/v1/status", nil, &s); err != nil {
				return err
			}
			rows, err := pages[admin.ModemRow](e.ctx, c, "/api/v1/modems", 0)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(e.stdout, struct {
					admin.Status
					Items []admin.ModemRow `json:"items"`
				}{s, rows})
			}
			fmt.Fprintf(e.stdout, "modemgate %s, modems: %s; numbers: %s; waiting deliveries: %d\n\n", s.Version, counts(s.Modems), counts(s.Numbers), s.Outbox)
			if len(s.Alarms) > 0 {
				if err := show(e, false, s.Alarms, []string{"ALARM", "SINCE", "WHAT"}, func(a *admin.AlarmRow) []string {
					return []string{a.Alarm, at(&a.Since), a.Detail}
				}); err != nil {
					return err
				}
				fmt.Fprintln(e.stdout)
			}
			return show(e, false, rows, []string{"SLOT", "STATE", "WHY", "NUMBER", "SIM", "NETWORK", "SIGNAL", "MODEL"}, func(m *admin.ModemRow) []string {
				signal := "-"
				if m.SignalDBm != nil {
					signal = fmt.Sprintf("%d dBm", *m.SignalDBm)
				}
				return []string{m.Slot, m.State, or(m.Detail), or(m.Number), or(m.SIM), or(m.Operator), signal, or(m.Model)}
			})
		}
	}}
}

func counts(m map[string]int) string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	out := ""
	for _, k := range keys {
		if m[k] == 0 {
			continue
		}
		if out != "" {
			out += ", "
		}
		out += fmt.Sprintf("%d %s", m[k], k)
	}
	if out == "" {
		return "none"
	}
	return out
}

func reservationsList() command {
	return command{name: "reservations list", short: "lists reservations, newest first", setup: func(e *env) func() error {
		ask, asJSON := e.ask(), e.jsonFlag()
		open := e.flags.Bool("open", false, "only open ones")
		most := e.flags.Int("n", 100, "how many; 0: all")
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			rows, err := pages[admin.ReservationRow](e.ctx, c, "/api/v1/reservations?"+filters(map[string]bool{"open": *open}), *most)
			if err != nil {
				return err
			}
			return show(e, *asJSON, rows, []string{"ID", "APP", "NUMBER", "CREATED", "EXPIRES", "END", "PURPOSE"}, func(r *admin.ReservationRow) []string {
				return []string{r.ID, r.App, r.Number, at(&r.CreatedAt), at(&r.ExpiresAt), or(r.End), r.Purpose}
			})
		}
	}}
}

func reservationsEnd() command {
	return command{name: "reservations end", args: "ID", nargs: 1, short: "ends a reservation by the operator's decision", setup: func(e *env) func() error {
		ask, why := e.ask(), e.flags.String("why", "", "the reason, for the audit log (required)")
		return func() error {
			if *why == "" {
				return fmt.Errorf("%w: -why is required", errUsage)
			}
			return e.post(ask, "/api/v1/reservations/"+url.PathEscape(e.args[0])+"/end", admin.WhyRequest{Why: why}, nil)
		}
	}}
}

func (e *env) post(ask func() (*client, error), path string, body, out any) error {
	c, err := ask()
	if err != nil {
		return err
	}
	return c.call(e.ctx, http.MethodPost, path, body, out)
}

func destinationsList() command {
	return command{name: "destinations list", short: "lists destinations: queue, oldest, last result", setup: func(e *env) func() error {
		ask, asJSON := e.ask(), e.jsonFlag()
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			rows, err := pages[admin.DestinationRow](e.ctx, c, "/api/v1/destinations", 0)
			if err != nil {
				return err
			}
			return show(e, *asJSON, rows, []string{"NAME", "KIND", "STATE", "WAITING", "OLDEST", "LAST RESULT", "WHY"}, func(d *admin.DestinationRow) []string {
				why := or(d.Why)
				if d.Held > 0 {
					why = fmt.Sprintf("%d of a restored backup wait: destinations resume %s", d.Held, d.Name)
				}
				return []string{d.Name, d.Kind, d.State, fmt.Sprint(d.Depth), at(d.Oldest), or(d.LastResult), why}
			})
		}
	}}
}

func destinationsTest() command {
	return command{name: "destinations test", args: "NAME", nargs: 1, short: "sends a test event of type test.ping", setup: func(e *env) func() error {
		ask := e.ask()
		return func() error {
			var out admin.Pinged
			if err := e.post(ask, "/api/v1/destinations/"+url.PathEscape(e.args[0])+"/test", nil, &out); err != nil {
				return err
			}
			_, err := fmt.Fprintf(e.stdout, "%s is on its way: see modemgate destinations list\n", out.Event)
			return err
		}
	}}
}

func destinationsPause() command {
	return command{name: "destinations pause", args: "NAME", nargs: 1, short: "holds what goes to a destination", setup: func(e *env) func() error {
		ask, why := e.ask(), e.flags.String("why", "", "the reason, for the audit log (required)")
		return func() error {
			if *why == "" {
				return fmt.Errorf("%w: -why is required", errUsage)
			}
			return e.post(ask, "/api/v1/destinations/"+url.PathEscape(e.args[0])+"/pause", admin.WhyRequest{Why: why}, nil)
		}
	}}
}

func destinationsResume() command {
	return command{name: "destinations resume", args: "NAME", nargs: 1, short: "lets a paused destination go on", setup: func(e *env) func() error {
		ask := e.ask()
		return func() error {
			return e.post(ask, "/api/v1/destinations/"+url.PathEscape(e.args[0])+"/resume", nil, nil)
		}
	}}
}
