package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"modemgate/admin"
)

func simsList() command {
	return command{name: "sims list", short: "lists the cards", setup: func(e *env) func() error {
		ask, asJSON := e.ask(), e.jsonFlag()
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			rows, err := pages[admin.SIMRow](e.ctx, c, "/api/v1/sims", 0)
			if err != nil {
				return err
			}
			return show(e, *asJSON, rows, []string{"ICCID", "NAME", "NUMBER", "FROM", "COUNTRY", "OPERATOR", "SLOT", "STATE", "WHY", "TAGS"},
				func(s *admin.SIMRow) []string {
					op := or(s.OperatorName)
					if op == "-" {
						op = or(s.Operator)
					}
					return []string{s.ICCID, s.Name, or(s.Number), or(s.NumberFrom), or(s.Country), op, or(s.Slot), s.State, or(s.Reason), strings.Join(s.Tags, ",")}
				})
		}
	}}
}

func simsWhy() command {
	return command{
		name: "sims why", args: "ICCID|NUMBER|NAME", nargs: 1, short: "says for each application whether a card's number is free, and why not",
		setup: func(e *env) func() error {
			ask, asJSON := e.ask(), e.jsonFlag()
			return func() error {
				c, err := ask()
				if err != nil {
					return err
				}
				var s admin.SIMRow
				if err := c.call(e.ctx, http.MethodGet, "/api/v1/sims/"+url.PathEscape(e.args[0]), nil, &s); err != nil {
					return err
				}
				if !*asJSON {
					fmt.Fprintf(e.stdout, "%s %s %s: %s", s.ICCID, safe(s.Name), or(s.Number), s.State)
					if s.Reason != nil {
						fmt.Fprintf(e.stdout, " (%s: %s)", *s.Reason, safe(or(s.Detail)))
					}
					fmt.Fprintln(e.stdout)
				}
				return show(e, *asJSON, s.Why, []string{"APP", "FREE", "REASON"}, func(w *admin.WhyRow) []string {
					return []string{w.App, strconv.FormatBool(w.Free), or(w.Reason)}
				})
			}
		},
	}
}

func simsSet() command {
	return command{
		name: "sims set", args: "ICCID key=value...", nargs: -1, short: "says what the card does not",
		long: "Keys are name, number, tags (joined by commas), enabled (true or false) and note. An empty name or number takes it back.",
		setup: func(e *env) func() error {
			ask := e.ask()
			return func() error {
				if len(e.args) < 2 {
					return fmt.Errorf("%w: it takes an ICCID and at least one key=value", errUsage)
				}
				patch, err := simPatch(e.args[1:])
				if err != nil {
					return err
				}
				c, err := ask()
				if err != nil {
					return err
				}
				return c.call(e.ctx, http.MethodPatch, "/api/v1/sims/"+url.PathEscape(e.args[0]), patch, nil)
			}
		},
	}
}

func simPatch(pairs []string) (p admin.SIMPatch, err error) {
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return p, fmt.Errorf("%w: %q is not key=value", errUsage, pair)
		}
		switch key {
		case "name":
			p.Name = &value
		case "number":
			p.Number = &value
		case "note":
			p.Note = &value
		case "tags":
			tags := []string{}
			for tag := range strings.SplitSeq(value, ",") {
				if tag = strings.TrimSpace(tag); tag != "" {
					tags = append(tags, tag)
				}
			}
			p.Tags = &tags
		case "enabled":
			enabled, err := strconv.ParseBool(value)
			if err != nil {
				return p, fmt.Errorf("%w: enabled must be true or false", errUsage)
			}
			p.Enabled = &enabled
		default:
			return p, fmt.Errorf("%w: unknown key %q: known are name, number, tags, enabled, note", errUsage, key)
		}
	}
	return p, nil
}
