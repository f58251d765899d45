package simulator

import "golang.org/x/sys/unix"

// baudConstant is the termios constant of a rate; 0 stands for any.
func baudConstant(rate int) (uint32, bool) {
	switch rate {
	case 0:
		return 0, true
	case 9600:
		return unix.B9600, true
	case 19200:
		return unix.B19200, true
	case 38400:
		return unix.B38400, true
	case 57600:
		return unix.B57600, true
	case 115200:
		return unix.B115200, true
	default:
		return 0, false
	}
}
