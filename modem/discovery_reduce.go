package modem

import (
	"cmp"
	"slices"
)

// reduce makes ports of ttys: one for each bridge UART and each tty that is not
// on USB, and one for each USB modem, whose several ttys are brought down to the
// one that takes AT commands.
func (d *discovery) reduce(found []usbTTY) []Port {
	var ports []Port
	modems := make(map[string][]usbTTY) // by devpath
	var order []string
	for _, tty := range found {
		switch {
		case tty.devpath == "" || tty.bridge:
			if tty.ignored {
				continue
			}
			ports = append(ports, tty.port(nil))
		default:
			if modems[tty.devpath] == nil {
				order = append(order, tty.devpath)
			}
			modems[tty.devpath] = append(modems[tty.devpath], tty)
		}
	}
	for _, devpath := range order {
		if p, ok := d.modemPort(modems[devpath]); ok {
			ports = append(ports, p)
		}
	}
	return ports
}

// modemPort picks the AT port among the ttys of one USB modem. ok is false when
// that one is ignored, for the modem is then, and when the one that the table
// names has no tty: the others are not tried, since a diagnostic or GPS port
// must not be written to.
func (d *discovery) modemPort(ttys []usbTTY) (p Port, ok bool) {
	slices.SortStableFunc(ttys, func(a, b usbTTY) int {
		return cmp.Or(cmp.Compare(a.id.Interface, b.id.Interface), slotCompare(a.node, b.node))
	})
	id := ttys[0].id
	var wanted, avoid []int
	for _, rule := range d.rules {
		if !rule.matches(id) {
			continue
		}
		if tty, ok := rule.pick(ttys); ok {
			return tty.port(nil), !tty.ignored
		}
		wanted = append(wanted, rule.interfaces...)
		avoid = append(avoid, rule.avoid...)
	}
	if wanted != nil {
		d.problem("see in dmesg whether the driver took it; if a glob of modems.ports names the modem's ttys, include this one",
			"modem %04x:%04x at USB %s has no tty for AT commands (interface %d)",
			id.Vendor, id.Product, ttys[0].devpath, wanted[0])
		return Port{}, false
	}
	ttys = slices.DeleteFunc(ttys, func(tty usbTTY) bool {
		return tty.ignored || slices.Contains(avoid, tty.id.Protocol)
	})
	if len(ttys) == 0 {
		return Port{}, false
	}
	return ttys[0].port(ttys[1:]), true
}

// pick returns the best of ttys by the rule.
func (r *portRule) pick(ttys []usbTTY) (usbTTY, bool) {
	const vendorSpecific = 0xff
	for _, number := range r.interfaces {
		for _, tty := range ttys {
			if tty.id.Interface == number {
				return tty, true
			}
		}
	}
	for _, protocol := range r.protocols {
		for _, tty := range ttys {
			if id := tty.id; id.Class == vendorSpecific && (id.Subclass == 1 || id.Subclass == 2) && id.Protocol == protocol {
				return tty, true
			}
		}
	}
	return usbTTY{}, false
}

// port makes a Port of the tty; others are what to probe after it.
func (tty usbTTY) port(others []usbTTY) Port {
	p := Port{
		Slot: tty.slot, Node: tty.node, Real: tty.real, USB: tty.id, Bridge: tty.bridge,
		Hub: tty.hub, Controller: tty.controller,
	}
	for _, other := range others {
		p.Others = append(p.Others, other.node)
	}
	return p
}
