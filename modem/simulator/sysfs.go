package simulator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// sysfs is the tree that shows the rack as the kernel would, once there is one.
type sysfs struct {
	mu   sync.Mutex
	root string
	ttys map[int][]string // of each modem that is shown
}

const controller = "devices/pci0000:00/0000:00:14.0/usb1"

// USBPath is the modem's place on the bus, such as "1-1.2.3": banks of sixteen
// on the root hub, each a hub of four hubs of four ports.
func (m *Modem) USBPath() string {
	return fmt.Sprintf("1-%d.%d.%d", m.index/16+1, m.index/4%4+1, m.index%4+1)
}

// WriteSysfs lays a tree below root that shows the modems as USB devices with
// all their ttys, and keeps it right when one is unplugged or comes back.
// Together with Dir it stands for /sys and /dev, where the other ttys of a
// device are missing. It is for racks with Options.USB.
func (r *Rack) WriteSysfs(root string) error {
	r.sysfs.mu.Lock()
	r.sysfs.root, r.sysfs.ttys = root, map[int][]string{}
	r.sysfs.mu.Unlock()
	if err := writeAttributes(filepath.Join(root, controller), map[string]string{
		"idVendor": "1d6b", "idProduct": "0002", "product": "xHCI Host Controller", "bDeviceClass": "09",
		"busnum": "1", "devnum": "1", "devpath": "0", "maxchild": "16", "speed": "480", "authorized": "1",
	}); err != nil {
		return err
	}
	for _, d := range []string{"class/tty", "bus/usb/devices"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	if err := relink(filepath.Join(root, "bus/usb/devices/usb1"), filepath.Join(root, controller)); err != nil {
		return err
	}
	for _, m := range r.modems {
		if err := r.updateSysfs(m); err != nil {
			return err
		}
	}
	return nil
}

// updateSysfs shows a modem as it is now, if there is a tree.
func (r *Rack) updateSysfs(m *Modem) error {
	r.sysfs.mu.Lock()
	defer r.sysfs.mu.Unlock()
	if r.sysfs.root == "" {
		return nil
	}
	m.mu.Lock()
	plugged, name := m.port != nil, m.name
	m.mu.Unlock()
	device := r.devicePath(m)
	links := []string{filepath.Join(r.sysfs.root, "bus/usb/devices", m.USBPath())}
	for _, tty := range r.sysfs.ttys[m.index] {
		links = append(links, filepath.Join(r.sysfs.root, "class/tty", tty))
	}
	for _, l := range links {
		if err := os.Remove(l); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	delete(r.sysfs.ttys, m.index)
	if err := os.RemoveAll(device); err != nil {
		return err
	}
	if !plugged {
		return nil
	}
	return r.showDevice(m, device, name)
}

// devicePath is the modem's directory, below those of its hubs.
func (r *Rack) devicePath(m *Modem) string {
	path := filepath.Join(r.sysfs.root, controller)
	bank, hub := m.index/16+1, m.index/4%4+1
	return filepath.Join(path, fmt.Sprintf("1-%d", bank), fmt.Sprintf("1-%d.%d", bank, hub), m.USBPath())
}

func (r *Rack) showDevice(m *Modem, device, name string) error {
	for _, hub := range []string{filepath.Dir(filepath.Dir(device)), filepath.Dir(device)} {
		if err := r.showHub(hub); err != nil {
			return err
		}
	}
	u := m.prof.USB
	attributes := map[string]string{
		"idVendor": u.Vendor, "idProduct": u.Product, "product": u.Name, "bDeviceClass": "00",
		"busnum": "1", "devnum": fmt.Sprint(10 + m.index), "devpath": strings.TrimPrefix(m.USBPath(), "1-"),
		"bNumInterfaces": fmt.Sprintf("%2d", u.TTYs), "speed": "480", "authorized": "1",
	}
	if u.Serial != "" {
		attributes["serial"] = u.Serial
	}
	if err := writeAttributes(device, attributes); err != nil {
		return err
	}
	if err := relink(filepath.Join(r.sysfs.root, "bus/usb/devices", m.USBPath()), device); err != nil {
		return err
	}
	var number int
	_, err := fmt.Sscanf(name, "ttyUSB%d", &number)
	numbered := err == nil && number >= u.AT
	for i := range u.TTYs {
		tty := name
		switch {
		case i == u.AT:
		case numbered:
			tty = fmt.Sprintf("ttyUSB%d", number-u.AT+i)
		default:
			continue
		}
		if err := r.showTTY(m, device, tty, i); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rack) showHub(hub string) error {
	if err := writeAttributes(hub, map[string]string{
		"idVendor": "05e3", "idProduct": "0608", "product": "USB2.0 Hub", "bDeviceClass": "09",
		"busnum": "1", "maxchild": "4", "speed": "480", "authorized": "1",
	}); err != nil {
		return err
	}
	return relink(filepath.Join(r.sysfs.root, "bus/usb/devices", filepath.Base(hub)), hub)
}

func (r *Rack) showTTY(m *Modem, device, tty string, number int) error {
	usbInterface := filepath.Join(device, fmt.Sprintf("%s:1.%d", m.USBPath(), number))
	subclass, protocol := "ff", "ff"
	if p := m.prof.USB.ATProtocol; p != "" {
		subclass, protocol = "01", "01"
		if number == m.prof.USB.AT {
			protocol = p
		}
	}
	if err := writeAttributes(usbInterface, map[string]string{
		"bInterfaceNumber": fmt.Sprintf("%02x", number), "bInterfaceClass": "ff",
		"bInterfaceSubClass": subclass, "bInterfaceProtocol": protocol,
	}); err != nil {
		return err
	}
	class := filepath.Join(usbInterface, tty, "tty", tty)
	if err := os.MkdirAll(class, 0o755); err != nil {
		return err
	}
	if err := relink(filepath.Join(class, "device"), filepath.Join(usbInterface, tty)); err != nil {
		return err
	}
	r.sysfs.ttys[m.index] = append(r.sysfs.ttys[m.index], tty)
	return relink(filepath.Join(r.sysfs.root, "class/tty", tty), class)
}

func writeAttributes(dir string, attributes map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, value := range attributes {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// relink makes link a relative link to target, as those of sysfs are.
func relink(link, target string) error {
	relative, err := filepath.Rel(filepath.Dir(link), target)
	if err != nil {
		return err
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(relative, link)
}
