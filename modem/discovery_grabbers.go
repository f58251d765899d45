package modem

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// grabbers reports programs that open every serial port they find, and so take
// modems away: ModemManager and brltty. Ports that others hold are named when
// they are opened.
func (d *discovery) grabbers(ttys []usbTTY) {
	entries, err := os.ReadDir(d.proc)
	if err != nil {
		return
	}
	for _, entry := range entries {
		pid := entry.Name()
		if pid[0] < '1' || pid[0] > '9' {
			continue
		}
		comm, _ := usbText(filepath.Join(d.proc, pid), "comm")
		var remedy string
		switch comm {
		case "ModemManager":
			remedy = "install modemgate's udev rule, which has it leave modem ports alone, or systemctl disable --now ModemManager"
		case "brltty":
			remedy = "remove the package brltty"
		default:
			continue
		}
		if held := discoverHeld(filepath.Join(d.proc, pid, "fd"), ttys); len(held) > 0 {
			d.problem(remedy, "%s (pid %s) holds %s", comm, pid, strings.Join(held, ", "))
		} else {
			d.problem(remedy, "%s (pid %s) runs and may take modem ports", comm, pid)
		}
	}
}

// discoverHeld lists the nodes of ttys that a process has open by its folder of
// file descriptors. It sees nothing of other users' processes without privilege.
func discoverHeld(folder string, ttys []usbTTY) (held []string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(folder, entry.Name()))
		if err != nil {
			continue
		}
		for _, tty := range ttys {
			if tty.real == target && !tty.ignored && !slices.Contains(held, tty.node) {
				held = append(held, tty.node)
			}
		}
	}
	slices.SortFunc(held, slotCompare)
	return held
}
