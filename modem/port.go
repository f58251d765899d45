package modem

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// errBusy means that another program, or this one, holds a port.
var errBusy = errors.New("port is busy")

// tty is an open serial port. Its deadlines work and Close unblocks Read and
// Write: it is a non-blocking file that the runtime polls, so it takes neither
// a thread nor a low file descriptor.
type tty struct {
	file *os.File
}

// openTTY opens node for us alone, in raw mode at baud. proc is the root that is
// searched for the holder of a busy port.
func openTTY(node string, baud int, proc string) (_ *tty, err error) {
	fd, err := unix.Open(node, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		if errors.Is(err, unix.EBUSY) { // TIOCEXCL of another
			return nil, busy(node, proc)
		}
		return nil, fmt.Errorf("opening %s: %w", node, err)
	}
	t := &tty{file: os.NewFile(uintptr(fd), node)}
	defer func() {
		if err != nil {
			_ = t.file.Close() // the first error says more
		}
	}()
	// TIOCEXCL lets root pass, so the lock that all who care respect comes first.
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, busy(node, proc)
		}
		return nil, fmt.Errorf("locking %s: %w", node, err)
	}
	if err := configure(node, baud); err != nil {
		return nil, fmt.Errorf("configuring %s: %w", node, err)
	}
	if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
		return nil, fmt.Errorf("locking %s: %w", node, err)
	}
	// What an earlier session left there is no answer to this one.
	if err := unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH); err != nil {
		return nil, fmt.Errorf("flushing %s: %w", node, err)
	}
	if err := t.file.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("%s is no serial port: %w", node, err)
	}
	return t, nil
}

// configure sets the line through a second descriptor. The first one stays
// open, so that closing this one does not drop DTR, which resets some modems.
func configure(node string, baud int) error {
	p, err := serial.Open(node, &serial.Mode{BaudRate: baud})
	if err != nil {
		return err
	}
	return p.Close()
}

func (t *tty) Read(p []byte) (int, error)         { return t.file.Read(p) }
func (t *tty) Write(p []byte) (int, error)        { return t.file.Write(p) }
func (t *tty) SetWriteDeadline(d time.Time) error { return t.file.SetWriteDeadline(d) }

// Close lets the port go, and with it the locks. What was not sent yet is
// dropped: the kernel would else wait up to 30 s for a modem that takes nothing.
func (t *tty) Close() error {
	conn, err := t.file.SyscallConn()
	if err == nil {
		_ = conn.Control(func(fd uintptr) {
			_ = unix.IoctlSetInt(int(fd), unix.TCFLSH, unix.TCIOFLUSH) // fails on a port that is gone
		})
	}
	return t.file.Close()
}

// busy is the error of a port that somebody holds, with the holder's name where
// /proc shows it.
func busy(node, proc string) error {
	if who := holder(node, proc); who != "" {
		return fmt.Errorf("opening %s: %w: held by %s", node, errBusy, who)
	}
	return fmt.Errorf("opening %s: %w", node, errBusy)
}

// holder names the process that has node open: "screen (pid 4711)". It is empty
// when none is found, which without privilege includes those of other users.
func holder(node, proc string) string {
	real, err := filepath.EvalSymlinks(node)
	if err != nil {
		return ""
	}
	links, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd", "*"))
	if err != nil {
		return ""
	}
	// Our own descriptor for the failed opening counts as well: others come first.
	self, mine := fmt.Sprint(os.Getpid()), 0
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != real {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		pid := filepath.Base(process)
		if pid == self {
			mine++
			continue
		}
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), pid)
	}
	if mine > 1 {
		return "modemgate itself (pid " + self + ")"
	}
	return ""
}
