package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"modemgate/cmd/modemgate/config"
	"modemgate/modem"
	"modemgate/pool"
	"modemgate/protocol"
)

// probeRow is a modem as probe shows it.
type probeRow struct {
	Slot         string  `json:"slot"`
	Port         string  `json:"port"`
	State        string  `json:"state"`
	Reason       *string `json:"reason"`
	Detail       *string `json:"detail"`
	Family       string  `json:"family"`
	Model        *string `json:"model"`
	IMEI         *string `json:"imei"`
	ICCID        *string `json:"iccid"`
	IMSI         *string `json:"imsi"`
	Operator     *string `json:"operator"`
	Number       *string `json:"number"`
	NumberFrom   *string `json:"number_from"`
	SignalDBm    *int    `json:"signal_dbm"`
	Registration *string `json:"registration"`
}

func probeCommand() command {
	return command{
		name: "probe", args: "[PORT...]", nargs: -1, short: "finds and identifies modems, one row each; fixes nothing",
		long: "Ports are device nodes or globs; without any, those of the configuration, else all that are found on USB.\n" +
			"It reads no message. It can't ask a modem that the running daemon holds.",
		setup: func(e *env) func() error {
			path, asJSON := e.configFlag(), e.jsonFlag()
			return func() error { return probe(e, *path, *asJSON) }
		},
	}
}

func probe(e *env, given string, asJSON bool) error {
	o := modem.Options{Ports: []string{"auto"}, Logger: slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	numbers := map[string]string{}
	if path := configPath(given); path != "" {
		c, err := config.Load(path)
		if err != nil {
			return err
		}
		o.Ports, o.Ignore, o.Baud, o.Sysfs, o.Names = c.Modems.Ports, c.Modems.Ignore, c.Modems.Baud, c.Modems.Sysfs, c.Modems.Names
		for _, s := range c.Pool.SIMs {
			if s.Facts.Number != nil {
				numbers[s.ICCID] = *s.Facts.Number
			}
		}
	}
	if len(e.args) > 0 {
		o.Ports = e.args
	}
	o.Region = pool.LoadNetworks().Region
	ctx, cancel := signal.NotifyContext(e.ctx, syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	found, err := modem.Probe(ctx, o)
	if err != nil {
		return &failure{what: "probing", err: err}
	}
	rows := make([]probeRow, 0, len(found))
	for _, s := range found {
		rows = append(rows, probed(&s, numbers))
	}
	if err := show(e, asJSON, rows, []string{"SLOT", "PORT", "STATE", "WHY", "FAMILY", "MODEL", "IMEI", "ICCID", "OPERATOR", "NUMBER", "FROM", "SIGNAL"},
		func(r *probeRow) []string {
			signal := "-"
			if r.SignalDBm != nil {
				signal = fmt.Sprintf("%d dBm", *r.SignalDBm)
			}
			return []string{r.Slot, r.Port, r.State, or(r.Detail), r.Family, or(r.Model), or(r.IMEI), or(r.ICCID), or(r.Operator), or(r.Number), or(r.NumberFrom), signal}
		}); err != nil {
		return err
	}
	if len(rows) == 0 {
		return &failure{what: "no modem was found", try: "see dmesg for ttyUSB or ttyACM, or name ports: modemgate probe /dev/ttyUSB*"}
	}
	return nil
}

func probed(s *modem.Status, numbers map[string]string) probeRow {
	r := probeRow{
		Slot: s.Slot, Port: s.Port, State: string(s.State), Reason: protocol.Optional(string(s.Reason)), Detail: protocol.Optional(s.Detail),
		Family: s.Family, Model: protocol.Optional(s.Model), IMEI: protocol.Optional(s.IMEI), ICCID: protocol.Optional(s.ICCID),
		IMSI: protocol.Optional(s.IMSI), Operator: protocol.Optional(s.Operator), Number: protocol.Optional(s.Number),
		NumberFrom: protocol.Optional(s.NumberSource), Registration: protocol.Optional(s.Registration),
	}
	for iccid, number := range numbers {
		if pool.SameICCID(iccid, s.ICCID) {
			r.Number, r.NumberFrom = protocol.Optional(number), protocol.Optional("file")
		}
	}
	if r.Number == nil && s.State == modem.Ready {
		r.State, r.Reason = "no_number", protocol.Optional("no_number")
	}
	if s.SignalDBm != 0 {
		dbm := s.SignalDBm
		r.SignalDBm = &dbm
	}
	return r
}
