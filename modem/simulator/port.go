package simulator

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// port is what a modem needs of its port.
type port interface {
	read(b []byte) (int, error)
	// write gives the client as much as the port takes now; it never waits.
	write(b []byte) (int, error)
	// stopClient makes the client's writes block, as a modem does that drops CTS.
	stopClient(stop bool) error
	// rate is the Bxxx constant the client has set; 0: the port has none.
	rate() (uint32, error)
	// close hangs up on the client.
	close() error
}

// ptyPort is one pty. The simulator keeps the client's side open too: the master
// then reads no EIO while nobody has the port open, and flow control and rate
// can be set and read as the driver of a UART would.
type ptyPort struct {
	master *os.File
	slave  *os.File
	node   string // "/dev/pts/7"
}

func openPTY() (*ptyPort, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("simulator: opening a pty: %w", err)
	}
	p := &ptyPort{master: master, slave: slave, node: slave.Name()}
	// pty.Open leaves the master blocking: reads would then outlive Close.
	err = withFD(master, func(fd int) error { return unix.SetNonblock(fd, true) })
	if err == nil {
		err = p.setRaw()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("simulator: setting up a pty: %w", err), p.close())
	}
	return p, nil
}

// withFD runs act with f's descriptor, which stays as it is.
func withFD(f *os.File, act func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = act(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// setRaw does what cfmakeraw does, so that a client which sets nothing sees the
// modem's bytes and no echo of the tty.
func (p *ptyPort) setRaw() error {
	return withFD(p.slave, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		t.Oflag &^= unix.OPOST
		t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		return unix.IoctlSetTermios(fd, unix.TCSETS, t)
	})
}

func (p *ptyPort) read(b []byte) (int, error) { return p.master.Read(b) }

func (p *ptyPort) stopClient(stop bool) error {
	action := unix.TCOON
	if stop {
		action = unix.TCOOFF
	}
	return withFD(p.slave, func(fd int) error { return unix.IoctlSetInt(fd, unix.TCXONC, action) })
}

func (p *ptyPort) rate() (uint32, error) {
	var rate uint32
	err := withFD(p.slave, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil {
			rate = uint32(t.Cflag & unix.CBAUD)
		}
		return err
	})
	return rate, err
}

func (p *ptyPort) write(b []byte) (int, error) {
	conn, err := p.master.SyscallConn()
	if err != nil {
		return 0, err
	}
	var n int
	var inner error
	err = conn.Write(func(fd uintptr) bool {
		n, inner = syscall.Write(int(fd), b)
		return true
	})
	if err == nil {
		err = inner
	}
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		err = nil
	}
	return max(n, 0), err
}

func (p *ptyPort) close() error {
	return errors.Join(p.master.Close(), p.slave.Close())
}
