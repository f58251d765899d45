package admin

import (
	"strconv"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
)

// TestRow is a delivery test as the operator sees it.
type TestRow struct {
	protocol.Test
	App     *string `json:"app"`     // null: the operator's
	Monitor *string `json:"monitor"` // null: no monitor's
}

func (h *Handler) testRow(t *pool.TestView) TestRow {
	return TestRow{h.o.Wire.Test(t), protocol.Optional(t.App), protocol.Optional(t.Monitor)}
}

func tests(x *exchange) (any, error) {
	p, err := x.page("state", "verdict", "monitor")
	if err != nil {
		return nil, err
	}
	after, err := p.afterID(protocol.TestID)
	if err != nil {
		return nil, err
	}
	items, next, err := x.h.o.Pool.Tests("", pool.TestQuery{
		State: pool.TestState(p.filter.Get("state")), Verdict: pool.Verdict(p.filter.Get("verdict")), Monitor: p.filter.Get("monitor"),
		Query: pool.Query{After: after, Limit: p.limit},
	})
	if err != nil {
		return nil, err
	}
	out := protocol.List[TestRow]{Items: []TestRow{}, Next: protocol.OptionalID(protocol.TestID, uint64(next))}
	for _, t := range items {
		out.Items = append(out.Items, x.h.testRow(t))
	}
	return out, nil
}

func startTest(x *exchange) (any, error) {
	var b protocol.TestRequest
	if err := x.read(&b); err != nil {
		return nil, err
	}
	req, err := x.h.o.Wire.TestRequest(&b)
	if err != nil {
		return nil, err
	}
	t, _, err := x.h.o.Pool.StartTest(x.r.Context(), "", req)
	if err != nil {
		return nil, err
	}
	return x.h.testRow(t), nil
}

// testID reads the id of the path.
func (x *exchange) testID() (pool.ID, error) {
	n, ok := protocol.ParseID(protocol.TestID, x.r.PathValue("id"))
	if !ok {
		return 0, &pool.Error{Code: pool.NotFound, Detail: "no such test"}
	}
	return pool.ID(n), nil
}

// cancelTest ends an open test of the operator's without a verdict.
func cancelTest(x *exchange) (any, error) {
	id, err := x.testID()
	if err != nil {
		return nil, err
	}
	if err := x.h.o.Pool.CancelTest("", id); err != nil {
		return nil, err
	}
	t, err := x.h.o.Pool.Test("", id)
	if err != nil {
		return nil, err
	}
	return x.h.testRow(t), nil
}

// oneTest shows a test; with wait_s it waits until that is closed.
func oneTest(x *exchange) (any, error) {
	id, err := x.testID()
	if err != nil {
		return nil, err
	}
	p, err := x.page("wait_s")
	if err != nil {
		return nil, err
	}
	wait := 0
	if v := p.filter.Get("wait_s"); v != "" {
		if wait, err = strconv.Atoi(v); err != nil || wait < 0 || wait > 55 {
			return nil, &protocol.Invalid{Name: "wait_s", Why: "must be from 0 to 55"}
		}
	}
	t, err := x.h.o.Pool.AwaitTest(x.r.Context(), "", id, time.Duration(wait)*time.Second)
	if err != nil {
		return nil, err
	}
	return x.h.testRow(t), nil
}

// MonitorRow is a monitor as lists show it.
type MonitorRow struct {
	Name        string         `json:"name"`
	Provider    string         `json:"provider"`
	State       string         `json:"state"`
	Interval    float64        `json:"interval_s"`
	Failing     bool           `json:"failing"`
	LastVerdict *string        `json:"last_verdict"`
	LastTest    *string        `json:"last_test"`
	LastRun     *protocol.Time `json:"last_run_at"`
	LastSuccess *protocol.Time `json:"last_success_at"`
	NextAt      *protocol.Time `json:"next_at"`
	PausedUntil *protocol.Time `json:"paused_until"`
	Why         *string        `json:"why"`
	Maintenance bool           `json:"in_maintenance"`
	Remaining   int            `json:"budget_remaining"`
	Daily       int            `json:"daily_messages"`
	Needs       int            `json:"daily_needs"`
}

func monitorRow(m *pool.MonitorRow) MonitorRow {
	return MonitorRow{
		Name: m.Name, Provider: m.Provider, State: m.State, Interval: m.Interval.Seconds(), Failing: m.Failing,
		LastVerdict: protocol.Optional(string(m.LastVerdict)), LastTest: protocol.OptionalID(protocol.TestID, uint64(m.LastTest)),
		LastRun: protocol.OptionalTime(m.LastRun), LastSuccess: protocol.OptionalTime(m.LastSuccess), NextAt: protocol.OptionalTime(m.NextAt),
		PausedUntil: protocol.OptionalTime(m.PausedUntil), Why: protocol.Optional(m.Why), Maintenance: m.InMaintenance,
		Remaining: m.Remaining, Daily: m.Daily, Needs: m.Needs,
	}
}

func monitors(x *exchange) (any, error) {
	p, err := x.page("name", "state")
	if err != nil {
		return nil, err
	}
	var out []MonitorRow
	for _, m := range x.h.o.Pool.Monitors() {
		if p.takes(map[string]string{"name": m.Name, "state": m.State}) {
			out = append(out, monitorRow(&m))
		}
	}
	return slice(p, out)
}

func runMonitor(x *exchange) (any, error) {
	t, err := x.h.o.Pool.RunMonitor(x.r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return x.h.testRow(t), nil
}

// PauseRequest is the body of POST /api/v1/monitors/{name}/pause.
type PauseRequest struct {
	For *string `json:"for"`
	Why *string `json:"why"`
}

func pauseMonitor(x *exchange) (any, error) {
	var b PauseRequest
	if err := x.read(&b); err != nil {
		return nil, err
	}
	if b.For == nil {
		return nil, &protocol.Invalid{Name: "for", Why: `is missing: say how long, such as "2h"`}
	}
	d, err := time.ParseDuration(*b.For)
	if err != nil || d <= 0 || d > 366*24*time.Hour {
		return nil, &protocol.Invalid{Name: "for", Why: `must be a time such as "2h", at most a year`}
	}
	why := ""
	if b.Why != nil {
		why = *b.Why
	}
	name := x.r.PathValue("name")
	if err := x.h.o.Pool.PauseMonitor(name, why, d); err != nil {
		return nil, err
	}
	return x.monitor(name)
}

func resumeMonitor(x *exchange) (any, error) {
	name := x.r.PathValue("name")
	if err := x.h.o.Pool.ResumeMonitor(name); err != nil {
		return nil, err
	}
	return x.monitor(name)
}

func (x *exchange) monitor(name string) (any, error) {
	for _, m := range x.h.o.Pool.Monitors() {
		if m.Name == name {
			return monitorRow(&m), nil
		}
	}
	return nil, &pool.Error{Code: pool.NotFound, Detail: "no such monitor"}
}
