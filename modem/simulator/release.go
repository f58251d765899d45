package simulator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// releases makes a pty forget TIOCEXCL when a client closes it, as a serial port
// does with its last close. A pty would keep it, and then refuse everybody but
// root: the next opening by a client that reconnects, or that was killed and is
// started again.
type releases struct {
	file *os.File // inotify
	done sync.WaitGroup

	mu    sync.Mutex
	ports map[int32]*ptyPort // by watch
}

func newReleases() (*releases, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("simulator: watching ports: %w", err)
	}
	r := &releases{file: os.NewFile(uintptr(fd), "inotify"), ports: map[int32]*ptyPort{}}
	r.done.Go(r.run)
	return r, nil
}

func (r *releases) watch(p *ptyPort) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var watch int
	err := withFD(r.file, func(fd int) (err error) {
		watch, err = unix.InotifyAddWatch(fd, p.node, unix.IN_CLOSE)
		return err
	})
	if err != nil {
		return fmt.Errorf("simulator: watching %s: %w", p.node, err)
	}
	r.ports[int32(watch)] = p
	return nil
}

// run ends when the file is closed.
func (r *releases) run() {
	buf := make([]byte, 4096) // holds whole events: those of a file's own watch have no name
	for {
		n, err := r.file.Read(buf)
		if err != nil {
			return
		}
		for at := 0; at+unix.SizeofInotifyEvent <= n; at += unix.SizeofInotifyEvent {
			watch := int32(binary.NativeEndian.Uint32(buf[at:]))
			mask := binary.NativeEndian.Uint32(buf[at+4:])
			r.mu.Lock()
			if p := r.ports[watch]; p != nil {
				_ = withFD(p.slave, func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) }) // fails when unplugged
			}
			if mask&unix.IN_IGNORED != 0 { // the pty is gone
				delete(r.ports, watch)
			}
			r.mu.Unlock()
		}
	}
}

func (r *releases) close() error {
	err := r.file.Close()
	r.done.Wait()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
