package cli

import (
	"fmt"
	"net/http"
	"net/url"

	"modemgate/admin"
	"modemgate/protocol"
)

func messagesExport() command {
	return command{name: "messages export", short: "prints messages, oldest first; their texts with -text, which is audited", setup: func(e *env) func() error {
		ask := e.ask()
		from := e.flags.String("from", "", "completed from then on: a time, or how long ago: 48h")
		to := e.flags.String("to", "", "completed before")
		format := e.flags.String("format", "jsonl", "csv or jsonl")
		text := e.flags.Bool("text", false, "with texts")
		return func() error {
			q := url.Values{"format": {*format}}
			for name, v := range map[string]string{"from": *from, "to": *to} {
				if v == "" {
					continue
				}
				t, err := when(v)
				if err != nil {
					return err
				}
				q.Set(name, protocol.Time(t).String())
			}
			if *text {
				q.Set("text", "1")
			}
			c, err := ask()
			if err != nil {
				return err
			}
			return c.stream(e.ctx, "/api/v1/messages/export?"+q.Encode(), e.stdout)
		}
	}}
}

func messagesForget() command {
	return command{
		name: "messages forget", short: "erases text, PDU and the number itself from all that a number has sent or received",
		long: "The records stay. A message that waits for a delivery is left as it is until that is over.",
		setup: func(e *env) func() error {
			ask := e.ask()
			number := e.flags.String("number", "", "the SIM's or the sender's, in international form (required)")
			why := e.flags.String("why", "", "the reason, for the audit log (required)")
			return func() error {
				if *number == "" || *why == "" {
					return fmt.Errorf("%w: -number and -why are required", errUsage)
				}
				c, err := ask()
				if err != nil {
					return err
				}
				var out admin.Forgotten
				path := "/api/v1/messages?" + url.Values{"number": {*number}, "why": {*why}}.Encode()
				if err := c.call(e.ctx, http.MethodDelete, path, nil, &out); err != nil {
					return err
				}
				_, err = fmt.Fprintf(e.stdout, "%d records erased, %d wait for a delivery and are kept until it is over\n", out.Erased, out.Waiting)
				return err
			}
		},
	}
}
