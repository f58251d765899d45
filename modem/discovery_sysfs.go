package modem

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usbTTY is one tty as sysfs shows it. The embedded usbDevice and what follows
// are zero for a tty that is not on USB.
type usbTTY struct {
	node, real string // as named, and with links followed
	slot       string // when it stands for a modem
	ignored    bool   // by the configuration
	usbDevice
	uart int // of a bridge, which of its UARTs: the interface's number
}

// usbDevice is the USB device that a tty hangs on.
type usbDevice struct {
	devpath    string // "1-1.4.3"
	id         USBID  // with the tty's interface, once it is part of a usbTTY
	bridge     bool
	hub        string
	controller string
}

// readTTY reads what sysfs has on the tty of that name. ok is false when it is
// not on USB, or vanished under way.
func (d *discovery) readTTY(name string) (tty usbTTY, ok bool) {
	device, err := filepath.EvalSymlinks(filepath.Join(d.sysfs, "class", "tty", name, "device"))
	if err != nil {
		return usbTTY{}, false
	}
	// .../0000:01:00.0/usb1/1-1/1-1.4/1-1.4:1.2[/ttyUSB3]: the drivers of
	// usb-serial put a folder of the port below the interface, cdc-acm does not.
	iface := device
	if !strings.Contains(filepath.Base(iface), ":") {
		iface = filepath.Dir(iface)
	}
	usb := filepath.Dir(iface)
	if !strings.HasPrefix(filepath.Base(iface), filepath.Base(usb)+":") {
		return usbTTY{}, false
	}
	known, ok := d.devices[usb]
	if !ok {
		if known, ok = usbRead(usb); !ok {
			return usbTTY{}, false
		}
		d.devices[usb] = known
	}
	tty.usbDevice = known
	if tty.id.Interface, ok = usbHex(iface, "bInterfaceNumber"); !ok {
		return usbTTY{}, false
	}
	tty.id.Class, _ = usbHex(iface, "bInterfaceClass")
	tty.id.Subclass, _ = usbHex(iface, "bInterfaceSubClass")
	tty.id.Protocol, _ = usbHex(iface, "bInterfaceProtocol")
	if tty.bridge {
		tty.uart = tty.id.Interface
	}
	return tty, true
}

// usbRead reads what sysfs has on the USB device of that folder. ok is false
// when it vanished under way, or is none.
func usbRead(folder string) (u usbDevice, ok bool) {
	u.devpath = filepath.Base(folder)
	_, hub, _, err := slotUSB(u.devpath)
	if err != nil {
		return usbDevice{}, false
	}
	u.hub, u.controller = hub, usbController(folder)
	vendor, ok1 := usbHex(folder, "idVendor")
	product, ok2 := usbHex(folder, "idProduct")
	if !ok1 || !ok2 {
		return usbDevice{}, false
	}
	u.id.Vendor, u.id.Product = uint16(vendor), uint16(product)
	u.id.Manufacturer, _ = usbText(folder, "manufacturer")
	u.id.Name, _ = usbText(folder, "product")
	u.id.SerialNo, _ = usbText(folder, "serial")
	u.bridge = usbIsBridge(u.id.Vendor)
	return u, true
}

// usbIsBridge knows makers of USB-to-serial converters: Prolific, FTDI, Silicon
// Labs, WCH and Exar (unverified).
func usbIsBridge(vendor uint16) bool {
	switch vendor {
	case 0x067b, 0x0403, 0x10c4, 0x1a86, 0x04e2:
		return true
	}
	return false
}

// usbController is the sysfs name of the controller above a USB device's
// folder: what stands before the root hub, "usbN".
func usbController(folder string) string {
	for folder != "/" && folder != "." {
		parent := filepath.Dir(folder)
		if bus, ok := strings.CutPrefix(filepath.Base(folder), "usb"); ok && slotIsNumber(bus) {
			return filepath.Base(parent)
		}
		folder = parent
	}
	return ""
}

// usbText reads an attribute; ok is false when it is not there.
func usbText(folder, attribute string) (text string, ok bool) {
	data, err := os.ReadFile(filepath.Join(folder, attribute))
	return strings.TrimSpace(string(data)), err == nil
}

// usbHex reads an attribute of at most 16 bits that sysfs writes in
// hexadecimal; ok is false when it is not there or is no number.
func usbHex(folder, attribute string) (value int, ok bool) {
	text, _ := usbText(folder, attribute)
	n, err := strconv.ParseUint(text, 16, 16)
	return int(n), err == nil
}
