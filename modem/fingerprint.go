package modem

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// fullScan is how often everything is looked at even when nothing seems to have
// changed: problems of controllers and of other programs show no other way.
const fullScan = time.Minute

// scanner looks for ports. Most looks find what the last one found: such a one costs a
// listing of each folder, and nothing that grows with the rack but its length.
type scanner struct {
	seed     maphash.Seed
	last     uint64
	at       time.Time
	ports    []Port
	problems []Problem
}

func (s *scanner) scan(o *Options) ([]Port, []Problem, error) {
	print, err := s.fingerprint(o)
	if err == nil && print == s.last && time.Since(s.at) < fullScan {
		return s.ports, s.problems, nil
	}
	ports, problems, scanErr := discover(*o)
	if scanErr != nil {
		return nil, nil, scanErr
	}
	s.last, s.at, s.ports, s.problems = print, time.Now(), ports, problems
	if err != nil {
		s.at = time.Time{} // look again in full
	}
	return ports, problems, nil
}

// fingerprint sums up the folders that could have ports.
func (s *scanner) fingerprint(o *Options) (uint64, error) {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, pattern := range o.Ports {
		folders := []string{filepath.Join(o.Sysfs, "class", "tty")}
		if pattern != "auto" {
			var err error
			if folders, err = filepath.Glob(filepath.Dir(pattern)); err != nil {
				return 0, err
			}
		}
		for _, folder := range folders {
			if err := addFolder(&h, folder); err != nil {
				return 0, err
			}
		}
	}
	return h.Sum64(), nil
}

// addFolder adds a folder's time of change and its entries as the kernel lists them,
// with their inode numbers. A link that was replaced by one of its name shows in the
// time, where the file system keeps one, or in the number: sysfs keeps no time and
// does not give a number again soon.
func addFolder(h *maphash.Hash, folder string) error {
	fd, err := unix.Open(folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening %s: %w", folder, err)
	}
	defer func() { _ = unix.Close(fd) }() // was only read
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil {
		return fmt.Errorf("reading %s: %w", folder, err)
	}
	_, _ = h.Write(binary.NativeEndian.AppendUint64(nil, uint64(info.Mtim.Nano()))) // never fails
	var buf [8192]byte
	for {
		n, err := unix.ReadDirent(fd, buf[:])
		if err != nil {
			return fmt.Errorf("listing %s: %w", folder, err)
		}
		if n <= 0 {
			return nil
		}
		_, _ = h.Write(buf[:n]) // never fails
	}
}
