package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"modemgate/admin"
	"modemgate/pool"
	"modemgate/protocol"
)

func testsList() command {
	return command{name: "tests list", short: "lists delivery tests, newest first", setup: func(e *env) func() error {
		ask, asJSON := e.ask(), e.jsonFlag()
		monitor := e.flags.String("monitor", "", "only runs of this monitor `NAME`")
		verdict := e.flags.String("verdict", "", "only these: passed, degraded, failed, inconclusive, skipped")
		most := e.flags.Int("n", 100, "how many; 0: all")
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			q := url.Values{}
			if *monitor != "" {
				q.Set("monitor", *monitor)
			}
			if *verdict != "" {
				q.Set("verdict", *verdict)
			}
			rows, err := pages[admin.TestRow](e.ctx, c, "/api/v1/tests?"+q.Encode(), *most)
			if err != nil {
				return err
			}
			return show(e, *asJSON, rows, []string{"ID", "OF", "CREATED", "STATE", "VERDICT", "ITEMS"}, func(t *admin.TestRow) []string {
				return []string{t.ID, ownerOf(t), at(&t.CreatedAt), t.State, or(t.Verdict), itemCounts(t.Items)}
			})
		}
	}}
}

func ownerOf(t *admin.TestRow) string {
	switch {
	case t.Monitor != nil:
		return "monitor " + *t.Monitor
	case t.App != nil:
		return "app " + *t.App
	}
	return "operator"
}

func itemCounts(items []protocol.Item) string {
	n := map[string]int{}
	for i := range items {
		n[or(items[i].Verdict)]++
	}
	return counts(n)
}

func testsShow() command {
	return command{name: "tests show", args: "ID", nargs: 1, short: "shows a delivery test, one row a number", setup: func(e *env) func() error {
		ask, asJSON := e.ask(), e.jsonFlag()
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			var t admin.TestRow
			if err := c.call(e.ctx, http.MethodGet, "/api/v1/tests/"+url.PathEscape(e.args[0]), nil, &t); err != nil {
				return err
			}
			return e.showTest(&t, *asJSON)
		}
	}}
}

func testsRun() command {
	return command{
		name: "tests run", args: "[NUMBER...]", nargs: -1, short: "sends a test message to numbers of the rack and says what became of it",
		long: "SELECT is number=+49..., country=DE, operator=26201 or tag=otp, joined by commas, or a bare number; without it one number of\n" +
			"each operator is used. Without -provider it prints numbers and tokens and waits for what you send by hand.\n" +
			"It exits with 0 when the verdict is passed or degraded, else with 1.",
		setup: func(e *env) func() error {
			ask, asJSON := e.ask(), e.jsonFlag()
			to := e.flags.String("to", "", "which numbers: `SELECT`")
			count := e.flags.Int("count", 1, "how many numbers of each operator")
			provider := e.flags.String("provider", "", "the [[provider]] `NAME` that sends")
			text := e.flags.String("text", "", "the text, with {token}")
			from := e.flags.String("from", "", "the senders that are expected, joined by commas")
			deadline := e.flags.Duration("deadline", 2*time.Minute, "how long a message may take")
			degraded := e.flags.Duration("degraded", 20*time.Second, "from when on it is slow")
			junit := e.flags.String("junit", "", "writes the result as JUnit XML to `FILE`")
			return func() error {
				body, err := testBody(append(selects(*to), e.args...), *count)
				switch {
				case err != nil:
					return err
				case *count < 1 || *count > pool.MaxCount:
					return fmt.Errorf("%w: -count must be from 1 to %d", errUsage, pool.MaxCount)
				case *deadline < time.Second || *deadline > pool.MaxDeadline || *degraded < 0:
					return fmt.Errorf("%w: -deadline must be from 1s to %v, -degraded not below 0", errUsage, pool.MaxDeadline)
				}
				if *text == "" && *provider != "" {
					*text = "Your code is {token}"
				}
				if *text != "" {
					body.Text = text
				}
				if *provider != "" {
					body.Send = &protocol.TestSend{Provider: provider}
				}
				if *from != "" {
					list := strings.Split(*from, ",")
					if slices.Contains(list, "") {
						return fmt.Errorf("%w: -from has an empty sender", errUsage)
					}
					body.Expect = &protocol.TestExpect{From: &list}
				}
				d, g := deadline.Seconds(), degraded.Seconds()
				body.Deadline, body.Degraded = &d, &g
				c, err := ask()
				if err != nil {
					return err
				}
				var file *os.File
				if *junit != "" { // before anything is sent: messages cost
					if file, err = os.OpenFile(*junit, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644); err != nil {
						return &failure{what: "writing JUnit XML", err: err}
					}
				}
				t, err := e.runTest(c, body, *asJSON)
				if err != nil {
					return err
				}
				if err := e.showTest(t, *asJSON); err != nil {
					return err
				}
				if file != nil {
					if err := errors.Join(writeJUnit(file, t), file.Close()); err != nil {
						return &failure{what: "writing JUnit XML", err: err}
					}
				}
				if v := or(t.Verdict); v != string(pool.VerdictPassed) && v != string(pool.VerdictDegraded) {
					return &failure{what: "the test's verdict is " + v}
				}
				return nil
			}
		},
	}
}

func selects(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// testBody reads what -to and the arguments select.
func testBody(words []string, count int) (*protocol.TestRequest, error) {
	s := &protocol.TestSelect{}
	var numbers []string
	for _, w := range words {
		key, value, ok := strings.Cut(strings.TrimSpace(w), "=")
		if !ok {
			key, value = "number", key
		}
		switch key {
		case "number":
			if value == "" {
				return nil, fmt.Errorf("%w: an empty number", errUsage)
			}
			numbers = append(numbers, value)
		case "country":
			s.Country = &value
		case "operator":
			s.Operator = &value
		case "tag":
			s.Tag = &value
		default:
			return nil, fmt.Errorf("%w: %q selects nothing: write number=, country=, operator= or tag=", errUsage, w)
		}
	}
	if len(numbers) > 0 {
		s.Numbers = &numbers
	} else {
		each, n := "operator", int64(count)
		s.Each, s.Count = &each, &n
	}
	return &protocol.TestRequest{Select: s}, nil
}

// runTest opens a test and waits until it is closed. An interruption cancels it.
func (e *env) runTest(c *client, body *protocol.TestRequest, quiet bool) (*admin.TestRow, error) {
	ctx, stop := signal.NotifyContext(e.ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var t admin.TestRow
	if err := c.call(ctx, http.MethodPost, "/api/v1/tests", body, &t); err != nil {
		return nil, err
	}
	if !quiet {
		fmt.Fprintf(e.stdout, "%s: %d numbers\n", t.ID, len(t.Items))
		if body.Send == nil {
			for _, i := range t.Items {
				if i.Token != nil && or(i.Verdict) == string(pool.VerdictOpen) {
					fmt.Fprintf(e.stdout, "send to %s a message with %s in it\n", i.Number, *i.Token)
				}
			}
		}
	}
	patient := *c.http
	patient.Timeout = time.Minute
	waiting := &client{http: &patient, path: c.path}
	for t.State == string(pool.TestOpen) {
		err := waiting.call(ctx, http.MethodGet, "/api/v1/tests/"+t.ID+"?wait_s=50", nil, &t)
		if ctx.Err() != nil {
			err := c.call(context.WithoutCancel(e.ctx), http.MethodDelete, "/api/v1/tests/"+t.ID, nil, nil)
			return nil, errors.Join(&failure{what: "interrupted: the test was cancelled"}, err)
		}
		if err != nil {
			return nil, err
		}
	}
	return &t, nil
}

// showTest prints one row a number with what a person wants to know: when it came, and
// what differs.
func (e *env) showTest(t *admin.TestRow, asJSON bool) error {
	if asJSON {
		return printJSON(e.stdout, t)
	}
	err := show(e, false, t.Items, []string{"NUMBER", "OPERATOR", "VERDICT", "CAME AFTER", "PROVIDER SAYS", "WHAT DIFFERS"}, func(i *protocol.Item) []string {
		return []string{i.Number, or(i.Operator), or(i.Verdict), cameAfter(i), strings.ReplaceAll(i.DLR, "_", " "), differs(i)}
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "\n%s %s of %s: %s\n", t.ID, t.State, ownerOf(t), or(t.Verdict))
	return err
}

func cameAfter(i *protocol.Item) string {
	switch {
	case i.Latency != nil:
		return fmt.Sprintf("%.1f s", *i.Latency)
	case i.Receipt == string(pool.ReceiptReceived):
		return "unknown"
	}
	return strings.ReplaceAll(i.Receipt, "_", " ")
}

// differs tells each finding, what was expected and what came marked as in a
// difference: [-gone-]{+new+}.
func differs(i *protocol.Item) string {
	var out []string
	if i.Reason != nil {
		out = append(out, *i.Reason)
	}
	for _, f := range i.Findings {
		text := f.Code
		if f.Expected != nil {
			text += fmt.Sprintf(" [-%v-]", f.Expected)
		}
		if f.Observed != nil {
			if f.Expected == nil {
				text += " "
			}
			text += fmt.Sprintf("{+%v+}", f.Observed)
		}
		if f.Late {
			text += " (late)"
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, "; ")
}
