package modem

import (
	"hash/maphash"
	"os"
	"path/filepath"
	"time"
)

// fullScan is how often everything is looked at even when nothing seems to have
// changed: problems of controllers and of other programs show no other way.
const fullScan = time.Minute

// scanner looks for ports. Most looks find what the last one found: it then costs a
// listing and one readlink a port.
type scanner struct {
	seed     maphash.Seed
	last     uint64
	at       time.Time
	ports    []Port
	problems []Problem
}

func (s *scanner) scan(o *Options) ([]Port, []Problem, error) {
	print, ok := s.fingerprint(o)
	if ok && print == s.last && time.Since(s.at) < fullScan {
		return s.ports, s.problems, nil
	}
	ports, problems, err := discover(*o)
	if err != nil {
		return nil, nil, err
	}
	s.last, s.at, s.ports, s.problems = print, time.Now(), ports, problems
	if !ok {
		s.at = time.Time{}
	}
	return ports, problems, nil
}

// fingerprint sums up the names of all that could be a port and where they lead.
func (s *scanner) fingerprint(o *Options) (sum uint64, ok bool) {
	var h maphash.Hash
	h.SetSeed(s.seed)
	add := func(path string) {
		target, err := os.Readlink(path)
		if err != nil { // no link: a node of its own
			target = "-"
		}
		_, _ = h.WriteString(path + "\x00" + target + "\x00") // never fails
	}
	for _, pattern := range o.Ports {
		if pattern == "auto" {
			dir := filepath.Join(o.Sysfs, "class", "tty")
			f, err := os.Open(dir)
			if err != nil {
				return 0, false
			}
			names, err := f.Readdirnames(-1)
			if closeErr := f.Close(); err != nil || closeErr != nil {
				return 0, false
			}
			var all uint64
			for _, name := range names { // in no order: their sums are added up
				h.Reset()
				add(filepath.Join(dir, name))
				all += h.Sum64()
			}
			sum = sum*31 + all
			continue
		}
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return 0, false
		}
		h.Reset()
		for _, m := range matches {
			add(m)
		}
		sum = sum*31 + h.Sum64()
	}
	return sum, true
}
