package modem

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// usbControllerLimit is how many devices, hubs counted, a USB controller takes,
// by the PCI ids of its chip; 0 when nothing is known of a limit.
func usbControllerLimit(vendor, device string) int {
	if vendor == "0x1106" && device == "0x3483" { // VL805 of the Raspberry Pi 4
		return 32
	}
	return 0
}

// controllers reports USB controllers that can take no more: full by number of
// devices, or out of endpoints or bandwidth, which shows as a device that the
// kernel has found but could not configure.
func (d *discovery) controllers() {
	folder := filepath.Join(d.sysfs, "bus", "usb", "devices")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return // no USB here, or none shown
	}
	const remedy = "move modems to another USB controller, or to banks with one UART per modem"
	controllers := make(map[string]string) // root hub -> folder of its controller
	count := make(map[string]int)
	var order []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.Contains(name, ":") || strings.HasPrefix(name, "usb") {
			continue // an interface, or a root hub
		}
		bus, _, ok := strings.Cut(name, "-")
		if !ok {
			continue
		}
		root := "usb" + bus
		controller, known := controllers[root]
		if !known {
			if real, err := filepath.EvalSymlinks(filepath.Join(folder, root)); err == nil {
				controller = filepath.Dir(real)
			}
			controllers[root] = controller
		}
		if controller == "" {
			continue
		}
		if count[controller]++; !slices.Contains(order, controller) {
			order = append(order, controller)
		}
		device := filepath.Join(folder, name)
		configuration, shown := usbText(device, "bConfigurationValue")
		authorized, _ := usbText(device, "authorized")
		if shown && configuration == "" && authorized == "1" {
			vendor, _ := usbHex(device, "idVendor")
			product, _ := usbHex(device, "idProduct")
			d.problem(remedy, "USB controller %s is out of endpoints or bandwidth: device %04x:%04x at %s was found but could not be configured",
				filepath.Base(controller), vendor, product, name)
		}
	}
	for _, controller := range order {
		vendor, _ := usbText(controller, "vendor")
		device, _ := usbText(controller, "device")
		limit := usbControllerLimit(vendor, device)
		if limit > 0 && count[controller] >= limit {
			d.problem(remedy, "USB controller %s is full (%d devices, hubs counted): no further modem will be found on it",
				filepath.Base(controller), count[controller])
		}
	}
}
