package forward

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"time"
)

type metrics struct {
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec

	f                 *Forwarder
	depth, oldest, up *prometheus.Desc
}

func newMetrics(reg prometheus.Registerer, f *Forwarder) (*metrics, error) {
	m := &metrics{
		f: f,
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modemgate_delivery_total", Help: "Attempts to deliver an event, by result.",
		}, []string{"destination", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "modemgate_delivery_seconds", Help: "From reading an SMS at the modem to its confirmation by the destination.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10), // 1 ms to 4 min
		}, []string{"destination"}),
		depth:  prometheus.NewDesc("modemgate_outbox_depth", "Deliveries that wait.", []string{"destination"}, nil),
		oldest: prometheus.NewDesc("modemgate_outbox_oldest_seconds", "How long the oldest delivery has waited; 0: none waits.", []string{"destination"}, nil),
		up:     prometheus.NewDesc("modemgate_destination_up", "1 unless the destination is down, paused or gone.", []string{"destination"}, nil),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.total), reg.Register(m.seconds), reg.Register(m))
}

// begin makes the counters of a destination exist.
func (m *metrics) begin(name string) {
	for _, result := range [...]string{"done", "retry", "given_up"} {
		m.total.WithLabelValues(name, result)
	}
	m.seconds.WithLabelValues(name)
}

func (m *metrics) result(name, result string) { m.total.WithLabelValues(name, result).Inc() }

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.depth
	ch <- m.oldest
	ch <- m.up
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	now := time.Now()
	for _, s := range m.f.Status() {
		up, oldest := 0.0, 0.0
		if s.State == "up" {
			up = 1
		}
		if !s.Oldest.IsZero() {
			oldest = max(0, now.Sub(s.Oldest).Seconds())
		}
		ch <- prometheus.MustNewConstMetric(m.depth, prometheus.GaugeValue, float64(s.Depth), s.Name)
		ch <- prometheus.MustNewConstMetric(m.oldest, prometheus.GaugeValue, oldest, s.Name)
		ch <- prometheus.MustNewConstMetric(m.up, prometheus.GaugeValue, up, s.Name)
	}
}
