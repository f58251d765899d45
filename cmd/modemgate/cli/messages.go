package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"modemgate/admin"
	"modemgate/protocol"
)

func messagesList() command {
	return command{name: "messages list", short: "lists messages without their texts, newest first", setup: func(e *env) func() error {
		ask, asJSON := e.ask(), e.jsonFlag()
		undelivered := e.flags.Bool("undelivered", false, "only those that a destination has not taken")
		unrouted := e.flags.Bool("unrouted", false, "only those that no route took")
		undecodable := e.flags.Bool("undecodable", false, "only those whose PDU can't be read")
		most := e.flags.Int("n", 100, "how many; 0: all")
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			path := "/api/v1/messages?" + filters(map[string]bool{"undelivered": *undelivered, "unrouted": *unrouted, "undecodable": *undecodable})
			rows, err := pages[admin.MessageRow](e.ctx, c, path, *most)
			if err != nil {
				return err
			}
			return show(e, *asJSON, rows, []string{"ID", "COMPLETED", "SIM", "NUMBER", "FROM", "KIND", "PARTS", "FLAGS"}, messageCells)
		}
	}}
}

func filters(on map[string]bool) string {
	q := url.Values{}
	for name, set := range on {
		if set {
			q.Set(name, "true")
		}
	}
	return q.Encode()
}

func messageCells(m *admin.MessageRow) []string {
	var flags []string
	for _, f := range []struct {
		on   bool
		name string
	}{{!m.Complete, "incomplete"}, {m.Unrouted, "unrouted"}, {m.Undecodable, "undecodable"}, {m.Repeats > 0, "repeated"}} {
		if f.on {
			flags = append(flags, f.name)
		}
	}
	return []string{m.ID, at(m.CompletedAt), m.SIM, or(m.Number), or(m.From), m.Kind, fmt.Sprintf("%d/%d", m.Parts.Received, m.Parts.Total),
		strings.Join(flags, ",")}
}

func messagesShow() command {
	return command{name: "messages show", args: "ID", nargs: 1, short: "shows one message and where it went; its text with -text, which is audited",
		setup: func(e *env) func() error {
			ask, asJSON := e.ask(), e.jsonFlag()
			text := e.flags.Bool("text", false, "show the text")
			return func() error {
				c, err := ask()
				if err != nil {
					return err
				}
				path := "/api/v1/messages/" + url.PathEscape(e.args[0])
				if *text {
					path += "?text=1"
				}
				var m admin.MessageRow
				if err := c.call(e.ctx, http.MethodGet, path, nil, &m); err != nil {
					return err
				}
				if *asJSON {
					return printJSON(e.stdout, m)
				}
				fmt.Fprintf(e.stdout, "%s %s from %s to %s on card %s\ncompleted %s, sent %s, %d of %d parts\n", m.ID, m.Kind, safe(or(m.From)),
					or(m.Number), safe(m.SIM), at(m.CompletedAt), at(m.SentAt), m.Parts.Received, m.Parts.Total)
				if m.Text != nil {
					fmt.Fprintf(e.stdout, "text: %s\n", safe(*m.Text))
				}
				fmt.Fprintln(e.stdout)
				return show(e, false, m.Deliveries, []string{"DESTINATION", "ROUTE", "STATE", "ATTEMPTS", "LAST RESULT", "DONE"},
					func(d *admin.DeliveryRow) []string {
						return []string{d.Destination, or(d.Route), d.State, fmt.Sprint(d.Attempts), or(d.LastResult), at(d.DoneAt)}
					})
			}
		}}
}

func messagesTail() command {
	return command{name: "messages tail", short: "shows messages as they come, without their texts, until it is interrupted", setup: func(e *env) func() error {
		ask, asJSON := e.ask(), e.jsonFlag()
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			ctx, cancel := signal.NotifyContext(e.ctx, syscall.SIGINT, syscall.SIGTERM)
			defer cancel()
			return tail(ctx, e, c, *asJSON)
		}
	}}
}

// tail asks again and again for what is newer than the last message shown.
func tail(ctx context.Context, e *env, c *client, asJSON bool) error {
	last := ""
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for first := true; ; first = false {
		var page protocol.List[admin.MessageRow]
		err := c.call(ctx, http.MethodGet, "/api/v1/messages?limit=100", nil, &page)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		var fresh []admin.MessageRow
		for _, m := range page.Items {
			if m.ID == last {
				break
			}
			fresh = append(fresh, m)
		}
		if len(page.Items) > 0 {
			last = page.Items[0].ID
		}
		for i := len(fresh) - 1; i >= 0 && !first; i-- {
			if asJSON {
				err = printJSON(e.stdout, fresh[i])
			} else {
				cells := messageCells(&fresh[i])
				for j := range cells {
					cells[j] = safe(cells[j])
				}
				_, err = fmt.Fprintln(e.stdout, strings.Join(cells, "  "))
			}
			if err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func messagesResend() command {
	return command{name: "messages resend", args: "[ID]", nargs: -1, short: "sends a message's event again, or those of all messages -since a time",
		setup: func(e *env) func() error {
			ask := e.ask()
			since := e.flags.String("since", "", "all messages from then on: a time such as 2026-01-31T12:00:00Z, or how long ago: 2h")
			to := e.flags.String("to", "", "only to this `destination`")
			failed := e.flags.Bool("failed", false, "with -since: only what was given up")
			return func() error {
				if len(e.args) > 1 || (len(e.args) == 1) == (*since != "") {
					return fmt.Errorf("%w: it takes either an ID or -since", errUsage)
				}
				var dest *string
				if *to != "" {
					dest = to
				}
				path, body := "/api/v1/messages/resend", any(nil)
				if len(e.args) == 1 {
					path, body = "/api/v1/messages/"+url.PathEscape(e.args[0])+"/resend", admin.ResendRequest{To: dest}
				} else {
					t, err := when(*since)
					if err != nil {
						return err
					}
					from := protocol.Time(t)
					body = admin.ResendSince{Since: &from, To: dest, FailedOnly: failed}
				}
				c, err := ask()
				if err != nil {
					return err
				}
				var out admin.Resent
				if err := c.call(e.ctx, http.MethodPost, path, body, &out); err != nil {
					return err
				}
				_, err = fmt.Fprintf(e.stdout, "%d deliveries begun\n", out.Deliveries)
				return err
			}
		}}
}

// when reads a time, or how long ago it was.
func when(text string) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return time.Now().Add(-d), nil
	}
	t, err := protocol.ParseTime(text)
	if err != nil {
		return t, fmt.Errorf("%w: %q is neither a time such as 2026-01-31T12:00:00Z nor a span such as 2h", errUsage, text)
	}
	return t, nil
}
