package modem

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// errNoUSB says that a slot is no place on a USB bus.
var errNoUSB = errors.New("the slot is not on USB")

// slotName is the slot of a tty of a USB device: the device's path ("1-1.4.3").
// A bridge with several UARTs has a slot for each: the first has the bare path,
// the others ":" and their number behind it.
func slotName(devpath string, uart int) string {
	if uart == 0 {
		return devpath
	}
	return devpath + ":" + strconv.Itoa(uart)
}

// slotUSB splits the USB path of a slot into its hub, as sysfs names it, and the
// port on that hub: "1-1.4.3" is port 3 of "1-1.4", "2-1" port 1 of "usb2".
func slotUSB(slot string) (devpath, hub string, port int, err error) {
	devpath, _, _ = strings.Cut(slot, ":")
	bus, path, ok := strings.Cut(devpath, "-")
	if !ok || !slotIsNumber(bus) {
		return "", "", 0, fmt.Errorf("%w: %q", errNoUSB, slot)
	}
	for n := range strings.SplitSeq(path, ".") {
		if !slotIsNumber(n) {
			return "", "", 0, fmt.Errorf("%w: %q", errNoUSB, slot)
		}
	}
	hub, last := "usb"+bus, path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		hub, last = bus+"-"+path[:i], path[i+1:]
	}
	port, err = strconv.Atoi(last)
	return devpath, hub, port, err
}

// slotOfLink is the slot of a port given by the path of its node or link.
// A by-path link spells out the place on the bus: the slot is that place, as
// for a port found by the scan. Any other name was chosen by a person.
func slotOfLink(link string, tty usbTTY) string {
	if filepath.Base(filepath.Dir(link)) == "by-path" {
		if tty.devpath != "" {
			return slotName(tty.devpath, tty.uart)
		}
		return strings.TrimSuffix(filepath.Base(link), "-port0")
	}
	return filepath.Base(link)
}

func slotIsNumber(s string) bool {
	return s != "" && len(s) <= 4 && strings.Trim(s, "0123456789") == ""
}

// slotCompare orders slots as a person counts: "1-1.9" before "1-1.10". It
// returns 0 for equal slots only.
func slotCompare(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		nx, ny := slotDigits(x), slotDigits(y)
		if nx == 0 || ny == 0 {
			if c := cmp.Compare(x[0], y[0]); c != 0 {
				return c
			}
			x, y = x[1:], y[1:]
			continue
		}
		dx, dy := strings.TrimLeft(x[:nx], "0"), strings.TrimLeft(y[:ny], "0")
		if c := cmp.Or(cmp.Compare(len(dx), len(dy)), cmp.Compare(dx, dy)); c != 0 {
			return c
		}
		x, y = x[nx:], y[ny:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// slotDigits is the length of the run of digits that s begins with.
func slotDigits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}
