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
		unrouted:    one("sms_unrouted_total", "Messages that no route took; they are kept."),
	}
	for _, m := range []prometheus.Collector{c.received, c.calls, c.ended, c.last, c.undecodable, c.unrouted} {
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

func (c *counters) pool() pool.Counters {
	return pool.Counters{
		Received: func(slot string, at time.Time) {
			c.received.WithLabelValues(slot).Inc()
			c.last.WithLabelValues(slot).Set(float64(at.UnixMilli()) / 1000)
		},
		Call:        func(slot string) { c.calls.WithLabelValues(slot).Inc() },
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
