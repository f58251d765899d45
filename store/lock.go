package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lock takes the lock that bbolt takes, on whatever lies at path.
func lock(path string) (unlock func(), err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w by %s", ErrLocked, holder(path))
		}
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// waitForRestore takes the lock that a restore into dir holds, for as long as the database
// is given to wait for its own. A folder that can't be locked is left to what opens its files.
func waitForRestore(dir string) (unlock func(), err error) {
	for begun := time.Now(); ; time.Sleep(lockTimeout / 20) {
		unlock, err = lock(dir)
		if err == nil {
			return unlock, nil
		}
		if !errors.Is(err, ErrLocked) {
			return func() {}, nil
		}
		if time.Since(begun) > lockTimeout {
			return nil, err
		}
	}
}

// holder names the process that has path locked, as far as the system tells.
func holder(path string) string {
	const unknown = "another process"
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return unknown
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return unknown
	}
	defer locks.Close()
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino)
	pid, ok := lockOwner(locks, file)
	if !ok {
		return unknown
	}
	name, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("process %d (%s)", pid, strings.TrimSpace(string(name)))
}

// lockOwner finds in a text of the form of /proc/locks, such as
//
//	1: FLOCK  ADVISORY  WRITE 812 08:01:2883598 0 EOF
//
// who holds a flock on file. Waiting processes have "->" in the second column.
func lockOwner(locks io.Reader, file string) (pid int, ok bool) {
	lines := bufio.NewScanner(locks)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[1] != "FLOCK" || f[5] != file {
			continue
		}
		if pid, err := strconv.Atoi(f[4]); err == nil && pid > 0 {
			return pid, true
		}
	}
	return 0, false
}
