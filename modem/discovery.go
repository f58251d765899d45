package modem

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Port is one modem's way in, as discovery found it. Values are copies.
type Port struct {
	// Slot is the modem's name for good: its place on USB, or the name of the
	// port for one given by name. Unique within a scan.
	Slot string
	// Node is the tty to open, Others are those to probe after it, in order,
	// when it does not answer AT. Others is nil when the table knows the AT port.
	// A device's ttys appear one by one, so Others may grow between scans.
	Node   string
	Real   string // Node with links followed
	Others []string
	USB    USBID // zero for a port that is not on USB
	// Bridge says that a USB-to-serial converter stands before the modem: USB
	// tells nothing of it, and its baud rate must be found.
	Bridge     bool
	Hub        string // sysfs name of the hub above: "1-1.4", "usb1"; "" when not on USB
	Controller string // sysfs name of the USB controller: "0000:01:00.0"; "" when not on USB
}

// USBID is what a USB device says of itself and of the interface that Node is on.
type USBID struct {
	Vendor, Product              uint16
	Interface                    int // bInterfaceNumber
	Class, Subclass, Protocol    int // of that interface
	Manufacturer, Name, SerialNo string
}

// Problem is something outside of modemgate that keeps modems from working,
// for a person to mend. Values are comparable, so that each is told once.
type Problem struct {
	What string // what is wrong
	Try  string // what to do
}

// discover lists the ports that o allows, ordered by slot. It only reads, and
// opens no port. A device that vanishes meanwhile is left out. Problems are
// ordered as found. err is not nil when the scan as a whole could not be done:
// a malformed glob, or an unreadable sysfs when "auto" is asked for.
func discover(o Options) (ports []Port, problems []Problem, err error) {
	d := discovery{
		sysfs:   cmp.Or(o.Sysfs, "/sys"),
		dev:     cmp.Or(o.Dev, "/dev"),
		proc:    cmp.Or(o.Proc, "/proc"),
		rules:   portRules(),
		seen:    make(map[string]bool),
		ignored: make(map[string]bool),
		devices: make(map[string]usbDevice),
	}
	if err := d.ignore(o.Ignore); err != nil {
		return nil, nil, err
	}
	var found []usbTTY
	for _, pattern := range o.Ports {
		var more []usbTTY
		if pattern == "auto" {
			more, err = d.scan()
		} else {
			more, err = d.glob(pattern)
		}
		if err != nil {
			return nil, nil, err
		}
		found = append(found, more...)
	}
	ports = d.unique(d.reduce(found))
	slices.SortStableFunc(ports, func(a, b Port) int { return slotCompare(a.Slot, b.Slot) })
	d.controllers()
	d.grabbers(found)
	return ports, d.problems, nil
}

// discovery is one scan.
type discovery struct {
	sysfs, dev, proc string
	rules            []portRule
	ignoreGlobs      []string
	ignored          map[string]bool      // resolved nodes of ignoreGlobs
	seen             map[string]bool      // resolved nodes of ttys found before: given twice, a port counts once
	devices          map[string]usbDevice // by folder: several ttys share one
	problems         []Problem
}

func (d *discovery) problem(try, what string, args ...any) {
	d.problems = append(d.problems, Problem{What: fmt.Sprintf(what, args...), Try: try})
}

// ignore resolves the globs, so that one on links also hits the node behind them.
func (d *discovery) ignore(globs []string) error {
	d.ignoreGlobs = globs
	for _, pattern := range globs {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("modems.ignore %q: %w", pattern, err)
		}
		for _, match := range matches {
			if node, err := filepath.EvalSymlinks(match); err == nil {
				d.ignored[node] = true
			}
		}
	}
	return nil
}

// resolve follows the links of the tty's node and says whether there is one: it
// exists, is no folder, and was not seen before in this scan.
func (d *discovery) resolve(tty *usbTTY) bool {
	real, err := filepath.EvalSymlinks(tty.node)
	if err != nil || d.seen[real] {
		return false
	}
	if info, err := os.Stat(real); err != nil || info.IsDir() {
		return false
	}
	d.seen[real] = true
	tty.real = real
	tty.ignored = d.ignored[real] || slices.ContainsFunc(d.ignoreGlobs, func(pattern string) bool {
		named, _ := filepath.Match(pattern, tty.node)
		behind, _ := filepath.Match(pattern, real)
		return named || behind
	})
	return true
}

// scan finds every tty that hangs on USB, whatever its driver calls it.
func (d *discovery) scan() ([]usbTTY, error) {
	folder := filepath.Join(d.sysfs, "class", "tty")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("looking for modems: %w", err)
	}
	var found []usbTTY
	for _, entry := range entries {
		tty, ok := d.readTTY(entry.Name())
		if !ok {
			continue
		}
		tty.node = filepath.Join(d.dev, entry.Name())
		tty.slot = slotName(tty.devpath, tty.uart)
		if d.resolve(&tty) {
			found = append(found, tty)
		}
	}
	return found, nil
}

// glob finds the ports that a pattern names, on USB or not.
func (d *discovery) glob(pattern string) ([]usbTTY, error) {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("modems.ports %q: %w", pattern, err)
	}
	slices.SortFunc(matches, slotCompare)
	var found []usbTTY
	for _, match := range matches {
		real, err := filepath.EvalSymlinks(match)
		if err != nil {
			continue
		}
		tty, _ := d.readTTY(filepath.Base(real))
		tty.node = match
		tty.slot = slotOfLink(match, tty)
		if d.resolve(&tty) {
			found = append(found, tty)
		}
	}
	return found, nil
}

// unique drops a port whose slot is taken: a slot is one modem.
func (d *discovery) unique(ports []Port) []Port {
	byslot := make(map[string]string, len(ports))
	return slices.DeleteFunc(ports, func(p Port) bool {
		if node, taken := byslot[p.Slot]; taken {
			d.problem("name both in modems.ports by links of different names, or ignore one of them",
				"ports %s and %s would both be slot %s: the second is not used", node, p.Node, p.Slot)
			return true
		}
		byslot[p.Slot] = p.Node
		return false
	})
}
