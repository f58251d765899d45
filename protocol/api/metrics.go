package api

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	panics   prometheus.Counter
	patterns []string
}

func newMetrics(reg prometheus.Registerer, patterns []string) (*metrics, error) {
	m := &metrics{
		patterns: patterns,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modemgate_api_requests_total", Help: "Requests of applications.",
		}, []string{"app", "route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "modemgate_api_request_seconds", Help: "Time to answer, calls that wait included.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9), // 0.5 ms to 33 s
		}, []string{"route"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "modemgate_api_panics_total", Help: "Requests that made the handler panic.",
		}),
	}
	for _, p := range append(patterns, "other") {
		m.seconds.WithLabelValues(p)
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.requests), reg.Register(m.seconds), reg.Register(m.panics))
}

// begin makes the counters of an application exist.
func (m *metrics) begin(app string) {
	for _, p := range m.patterns {
		m.requests.WithLabelValues(app, p, "200")
	}
}

func (m *metrics) count(app, pattern string, status int, took time.Duration) {
	m.requests.WithLabelValues(app, pattern, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(pattern).Observe(took.Seconds())
}
