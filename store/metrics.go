package store

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

func newCommitSeconds() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "modemgate_store_commit_seconds",
		Help:    "Time a transaction took to be on disk.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16), // 0.1 ms to 3.3 s
	})
}

// register exports the store's metrics; reg may be nil.
func (s *Store) register(reg prometheus.Registerer) error {
	if reg == nil {
		return nil
	}
	bytes := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "modemgate_store_bytes",
		Help: "Size of the store's file.",
	}, func() float64 { return float64(s.Bytes()) })
	damaged := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "modemgate_store_damaged_records",
		Help: "Records found damaged since the start.",
	}, func() float64 { return float64(s.Damaged()) })
	return errors.Join(reg.Register(s.seconds), reg.Register(bytes), reg.Register(damaged))
}
