package app

import (
	"log"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"modemgate/pool"
)

// counters are the pool's counts as metrics.
type counters struct {
	received, calls, ended *prometheus.CounterVec
	last                   *prometheus.GaugeVec
	undecodable, unrouted  prometheus.Counter

	items, findings, reports, late *prometheus.CounterVec
	latency                        *prometheus.HistogramVec
}

func newCounters(reg prometheus.Registerer) (*counters, error) {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "modemgate_" + name, Help: help}, labels)
	}
	one := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "modemgate_" + name, Help: help})
	}
	c := &counters{
		received: vec("sms_received_total", "Messages and parts of messages received.", "slot"),
		calls:    vec("calls_received_total", "Calls received.", "slot"),
		ended:    vec("reservations_total", "Reservations that have ended.", "app", "end"),
		last: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "modemgate_sms_last_received_timestamp_seconds", Help: "When a slot received its last message; 0: not since the start.",
		}, []string{"slot"}),
		undecodable: one("inbox_undecodable_total", "PDUs that could not be decoded; they are kept."),
		items:       vec("tests_total", "Items of delivery tests, by verdict.", "monitor", "country", "operator", "verdict"),
		findings:    vec("test_findings_total", "Findings of delivery tests that have closed.", "monitor", "finding"),
		reports:     vec("test_dlr_total", "What providers claimed, at the end of the late window.", "monitor", "receipt", "dlr"),
		late:        vec("test_late_total", "Messages of delivery tests that came after the deadline.", "monitor"),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "modemgate_test_latency_seconds", Help: "From the sending to the last part's arrival, of what was received.",
			Buckets: []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800},
		}, []string{"monitor", "country", "operator"}),
		unrouted: one("sms_unrouted_total", "Messages that no route took; they are kept."),
	}
	for _, m := range []prometheus.Collector{c.received, c.calls, c.ended, c.last, c.undecodable, c.unrouted, c.items, c.findings, c.reports, c.late, c.latency} {
		if err := reg.Register(m); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// slot lets a slot's series begin at 0, so that the first increase is seen.
func (c *counters) slot(name string) {
	c.received.WithLabelValues(name)
	c.calls.WithLabelValues(name)
	c.last.WithLabelValues(name)
}

// apps lets the series of applications begin at 0.
func (c *counters) apps(list []pool.App) {
	for i := range list {
		for _, end := range pool.Ends() {
			c.ended.WithLabelValues(list[i].Name, string(end))
		}
	}
}

// monitors lets the series of delivery tests begin at 0: those of each monitor, and of
// tests that are no monitor's. Countries and operators are known when a card is.
func (c *counters) monitors(list []pool.Monitor) {
	names := []string{""}
	for i := range list {
		names = append(names, list[i].Name)
	}
	for _, m := range names {
		for _, code := range pool.FindingCodes() {
			c.findings.WithLabelValues(m, string(code))
		}
		for _, d := range pool.DLRs() {
			for _, r := range pool.Receipts() {
				c.reports.WithLabelValues(m, string(r), string(d))
			}
		}
		c.late.WithLabelValues(m)
		c.place(m, "", "")
	}
}

// place lets the series of a monitor's tests in a country begin at 0.
func (c *counters) place(monitor, country, operator string) {
	for _, v := range pool.Verdicts() {
		c.items.WithLabelValues(monitor, country, operator, string(v))
	}
	c.latency.WithLabelValues(monitor, country, operator)
}

func (c *counters) pool() pool.Counters {
	return pool.Counters{
		Received: func(slot string, at time.Time) {
			c.received.WithLabelValues(slot).Inc()
			c.last.WithLabelValues(slot).Set(float64(at.UnixMilli()) / 1000)
		},
		Call:      func(slot string) { c.calls.WithLabelValues(slot).Inc() },
		TestBegun: c.place,
		TestItem: func(monitor, country, operator string, v pool.Verdict) {
			c.items.WithLabelValues(monitor, country, operator, string(v)).Inc()
		},
		TestFinding: func(monitor string, code pool.FindingCode) { c.findings.WithLabelValues(monitor, string(code)).Inc() },
		TestLatency: func(monitor, country, operator string, seconds float64) {
			c.latency.WithLabelValues(monitor, country, operator).Observe(seconds)
		},
		TestDLR: func(monitor string, r pool.Receipt, d pool.DLR) {
			c.reports.WithLabelValues(monitor, string(r), string(d)).Inc()
		},
		TestLate:    func(monitor string) { c.late.WithLabelValues(monitor).Inc() },
		Undecodable: c.undecodable.Inc,
		Unrouted:    c.unrouted.Inc,
		Ended:       func(app string, end pool.End) { c.ended.WithLabelValues(app, string(end)).Inc() },
	}
}

// quietLog passes what net/http complains of on at debug: it is of clients.
func quietLog(l *slog.Logger) *log.Logger {
	return log.New(writerFunc(func(p []byte) (int, error) {
		l.Debug("http", "detail", strings.TrimSpace(string(p)))
		return len(p), nil
	}), "", 0)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
