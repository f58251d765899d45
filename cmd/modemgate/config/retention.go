package config

import (
	"time"

	"modemgate/store"
)

// retention reads how long things are kept.
func (l *loader) retention(s *section, c *Config) {
	const longest = 1000000 * time.Hour
	c.Retention = store.Limits{
		Texts:   s.duration("texts", 720*time.Hour, time.Hour, longest),
		Records: s.duration("records", 4320*time.Hour, time.Hour, longest),
		Audit:   s.duration("audit", 26280*time.Hour, time.Hour, longest),
		Tests:   s.duration("tests", 4320*time.Hour, time.Hour, longest),
	}
	if c.Retention.Records < c.Retention.Texts {
		s.fault("records", "must not be shorter than texts: a text goes with its record")
	}
	s.done()
}
