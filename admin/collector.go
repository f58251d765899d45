package admin

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"modemgate/pool"
)

// collector shows what the pool knows as metrics: read when asked for, so that what has
// left leaves nothing behind.
type collector struct {
	p                                                            *pool.Pool
	version                                                      string
	build, modems, ready, signal, storage, numbers, parts, alarm *prometheus.Desc

	lastRun, lastSuccess, interval, maintenance, budget *prometheus.Desc
}

func newCollector(p *pool.Pool, version string) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("modemgate_"+name, help, labels, nil)
	}
	return &collector{
		p: p, version: version,
		build:       desc("build_info", "Version and Go version; always 1.", "version", "go"),
		modems:      desc("modems", "Modems by state.", "state"),
		ready:       desc("modem_ready", "1 if the modem can receive and its number is known.", "slot"),
		signal:      desc("modem_signal_dbm", "Received signal; absent while unknown.", "slot"),
		storage:     desc("modem_storage_used_ratio", "How full the storage is that the modem receives into.", "slot"),
		numbers:     desc("numbers", "Numbers by what can be done with them.", "country", "operator", "state"),
		alarm:       desc("alarm", "How many alarms of that name are raised.", "alarm"),
		lastRun:     desc("monitor_last_run_timestamp_seconds", "When a monitor ran last; 0: never.", "monitor"),
		lastSuccess: desc("monitor_last_success_timestamp_seconds", "When a run of a monitor last ended well; 0: never.", "monitor"),
		interval:    desc("monitor_interval_seconds", "How often a monitor runs.", "monitor"),
		maintenance: desc("monitor_in_maintenance", "1 in a maintenance window, and while it is paused.", "monitor"),
		budget:      desc("monitor_budget_remaining_messages", "Segments that a monitor may still send today, its provider's budget included.", "monitor"),
		parts:       desc("inbox_parts_pending", "Parts of long messages that wait for others."),
	}
}

// states lists every state of a modem.
func states() []string {
	return []string{"opening", "probing", "setup", "no_sim", "pin_locked", "searching", "denied", "no_number", "ready", "failed", "disabled"}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.build, c.modems, c.ready, c.signal, c.storage, c.numbers, c.parts, c.alarm, c.lastRun, c.lastSuccess, c.interval, c.maintenance, c.budget} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(c.build, 1, c.version, runtime.Version())
	count := map[string]int{}
	for _, m := range c.p.Modems() {
		count[m.State]++
		ready, ratio := 0.0, 0.0
		if m.State == "ready" {
			ready = 1
		}
		if m.StorageTotal > 0 {
			ratio = float64(m.StorageUsed) / float64(m.StorageTotal)
		}
		gauge(c.ready, ready, m.Slot)
		gauge(c.storage, ratio, m.Slot)
		if m.SignalDBm != 0 {
			gauge(c.signal, float64(m.SignalDBm), m.Slot)
		}
	}
	for _, s := range states() {
		gauge(c.modems, float64(count[s]), s)
	}
	for _, n := range c.p.AllNumbers() {
		gauge(c.numbers, float64(n.Free), n.Country, n.Operator, "free")
		gauge(c.numbers, float64(n.Reserved), n.Country, n.Operator, "reserved")
		gauge(c.numbers, float64(n.Quiet), n.Country, n.Operator, "quiet")
		gauge(c.numbers, float64(n.Down), n.Country, n.Operator, "down")
	}
	raised := map[pool.AlarmName]int{}
	for _, a := range c.p.Alarms() {
		raised[a.Name]++
	}
	for _, name := range pool.AlarmNames() {
		gauge(c.alarm, float64(raised[name]), string(name))
	}
	unix := func(t time.Time) float64 {
		if t.IsZero() {
			return 0
		}
		return float64(t.UnixMilli()) / 1000
	}
	for _, m := range c.p.Monitors() {
		rests := 0.0
		if m.InMaintenance || m.State == "paused" {
			rests = 1
		}
		gauge(c.lastRun, unix(m.LastRun), m.Name)
		gauge(c.lastSuccess, unix(m.LastSuccess), m.Name)
		gauge(c.interval, m.Interval.Seconds(), m.Name)
		gauge(c.maintenance, rests, m.Name)
		gauge(c.budget, float64(m.Remaining), m.Name)
	}
	gauge(c.parts, float64(c.p.PartsPending()))
}
