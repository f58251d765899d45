package cli

import (
	"fmt"
	"strings"

	"modemgate/cmd/modemgate/app"
	"modemgate/cmd/modemgate/config"
)

func checkCommand() command {
	return command{
		name: "check", short: "validates the configuration and prints what it would do; -store checks the database",
		setup: func(e *env) func() error {
			path, asJSON := e.configFlag(), e.flags.Bool("json", false, "with -store: print JSON")
			database := e.flags.Bool("store", false, "read the whole store of the configuration's data_dir instead; nobody may run on it")
			return func() error {
				c, err := loadConfig(*path)
				if err != nil {
					return err
				}
				if *database {
					return checkStore(e, app.StorePath(c), *asJSON)
				}
				return describe(e, c)
			}
		},
	}
}

// describe says in sentences what a configuration does.
func describe(e *env, c *config.Config) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is good.\n", c.Path)
	fmt.Fprintf(&b, "data in %s, API on %s, admin on %s\n", c.DataDir, c.API.Listen, c.Admin.Listen)
	fmt.Fprintf(&b, "modems: %s\n", strings.Join(c.Modems.Ports, ", "))
	fmt.Fprintf(&b, "cards that the file names: %d\n", len(c.Pool.SIMs))
	for _, d := range c.Destinations {
		fmt.Fprintf(&b, "destination %s: %s, gets %s\n", d.Name, d.Kind, join(d.Events))
	}
	if len(c.Destinations) == 0 {
		b.WriteString("no destination: messages stay in the inbox\n")
	}
	for _, r := range c.Pool.Routes {
		to := strings.Join(r.To, ", ")
		if to == "" {
			to = "the inbox only"
		}
		fmt.Fprintf(&b, "route %s: to %s\n", r.Name, to)
	}
	for _, p := range c.Pool.Providers {
		fmt.Fprintf(&b, "provider %s: at most %d messages a day\n", p.Name, p.DailyMessages)
	}
	for _, m := range c.Pool.Monitors {
		fmt.Fprintf(&b, "monitor %s: every %v by provider %s, at most %d messages a day\n", m.Name, m.Interval, m.Request.Provider, m.DailyMessages)
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(&b, "warning: %s:%s\n", c.Path, w)
	}
	if n := len(c.Alarms); n > 0 {
		fmt.Fprintf(&b, "receivers of alarms: %d\n", n)
	}
	for _, a := range c.Apps {
		fmt.Fprintf(&b, "app %s: may %s, %d reservations of at most %v\n", a.Name, join(a.Scopes), a.MaxReservations, a.MaxTTL)
	}
	_, err := e.stdout.Write([]byte(b.String()))
	return err
}

func join[T ~string](list []T) string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return strings.Join(out, ", ")
}
