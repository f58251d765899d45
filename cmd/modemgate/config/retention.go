package config

import (
	"path/filepath"
	"strings"
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

// Backup is the table [backup].
type Backup struct {
	Dir  string // empty: none are taken
	Keep int    // how many
}

// backup reads where backups go.
func (l *loader) backup(s *section, c *Config) {
	const most = 1000
	c.Backup = Backup{Dir: s.text("dir", ""), Keep: int(s.number("keep", 7, 1, most))}
	if c.Backup.Dir != "" && !filepath.IsAbs(c.Backup.Dir) {
		s.fault("dir", "must be an absolute path")
	}
	if c.Backup.Dir != "" && within(c.DataDir, c.Backup.Dir) {
		s.fault("dir", "must not be within data_dir: what befalls the one befalls the other")
	}
	s.done()
}

// within says whether a path is a folder or something in it.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
