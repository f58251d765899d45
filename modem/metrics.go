package modem

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are a rack's own; what is a state of a modem is its Status.
type metrics struct {
	command    *prometheus.HistogramVec
	recoveries *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		command: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "modemgate_modem_command_seconds",
			Help:    "Time from an AT command to its final result.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 12), // 5 ms to 10 s
		}, []string{"family"}),
		recoveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modemgate_modem_recoveries_total",
			Help: "Steps taken to heal a modem.",
		}, []string{"slot", "step"}),
	}
	for _, f := range families() {
		m.command.WithLabelValues(f.name)
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.command), reg.Register(m.recoveries))
}

// begin makes the counters of a slot exist, so that their first increase shows.
func (m *metrics) begin(slot string) {
	for _, step := range [...]string{"resync", "reopen"} {
		m.recoveries.WithLabelValues(slot, step)
	}
}

func (m *metrics) recovered(slot, step string) { m.recoveries.WithLabelValues(slot, step).Inc() }
