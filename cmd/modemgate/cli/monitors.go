package cli

import (
	"fmt"
	"net/url"
	"time"

	"modemgate/admin"
)

func monitorsList() command {
	return command{name: "monitors list", short: "lists monitors: state, last verdict, next run, budget", setup: func(e *env) func() error {
		ask, asJSON := e.ask(), e.jsonFlag()
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			rows, err := pages[admin.MonitorRow](e.ctx, c, "/api/v1/monitors", 0)
			if err != nil {
				return err
			}
			return show(e, *asJSON, rows, []string{"NAME", "STATE", "EVERY", "LAST RUN", "VERDICT", "LAST SUCCESS", "NEXT", "BUDGET LEFT", "DAY NEEDS"}, func(m *admin.MonitorRow) []string {
				return []string{m.Name, m.State, (time.Duration(m.Interval * float64(time.Second))).String(), at(m.LastRun), or(m.LastVerdict), at(m.LastSuccess), at(m.NextAt),
					fmt.Sprintf("%d of %d", m.Remaining, m.Daily), fmt.Sprint(m.Needs)}
			})
		}
	}}
}

func monitorsRun() command {
	return command{name: "monitors run", args: "NAME", nargs: 1, short: "begins a run of a monitor now", setup: func(e *env) func() error {
		ask := e.ask()
		return func() error {
			var t admin.TestRow
			if err := e.post(ask, "/api/v1/monitors/"+url.PathEscape(e.args[0])+"/run", nil, &t); err != nil {
				return err
			}
			_, err := fmt.Fprintf(e.stdout, "%s has begun: see modemgate tests show %s\n", t.ID, t.ID)
			return err
		}
	}}
}

func monitorsPause() command {
	return command{name: "monitors pause", args: "NAME", nargs: 1, short: "lets a monitor rest for a time", setup: func(e *env) func() error {
		ask, why := e.ask(), e.flags.String("why", "", "the reason, for the audit log (required)")
		length := e.flags.Duration("for", 0, "how long, such as 2h (required)")
		return func() error {
			if *why == "" || *length <= 0 {
				return fmt.Errorf("%w: -for and -why are required", errUsage)
			}
			text := length.String()
			return e.post(ask, "/api/v1/monitors/"+url.PathEscape(e.args[0])+"/pause", admin.PauseRequest{For: &text, Why: why}, nil)
		}
	}}
}

func monitorsResume() command {
	return command{name: "monitors resume", args: "NAME", nargs: 1, short: "lets a monitor that rests go on", setup: func(e *env) func() error {
		ask := e.ask()
		return func() error {
			return e.post(ask, "/api/v1/monitors/"+url.PathEscape(e.args[0])+"/resume", nil, nil)
		}
	}}
}
