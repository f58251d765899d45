package modem

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree is a fixture of /sys, /dev and /proc laid into a temporary folder from a
// description of one thing a line (see testdata/sysfs):
//
//	controller PATH [VENDOR DEVICE]          below /sys/devices; what follows hangs on it
//	root usbN PORTS                          a root hub
//	hub 1-1 VID:PID PORTS MAKER NAME         "-": no such attribute; "_" for a blank
//	device 1-1.4 VID:PID MAKER NAME
//	iface 1-1.4:1.0 CLASS/SUB/PROTOCOL
//	tty 1-1.4:1.2 CLASS/SUB/PROTOCOL ttyUSB2   as usb-serial drivers lay it
//	acm 1-1.4:1.0 CLASS/SUB/PROTOCOL ttyACM0   as cdc-acm does
//	plain PATH ttyS0                         a tty that is not on USB; "-": without device
//	process PID NAME NODE...                 a process that holds nodes of /dev
type tree struct {
	t                *testing.T
	root             string
	sysfs, dev, proc string
	controller       string            // folder of the current one
	usb              map[string]string // USB path -> folder
}

// layTree lays the fixture testdata/sysfs/name.txt, or nothing when name is "".
func layTree(t *testing.T, name string) *tree {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &tree{
		t: t, root: root, usb: make(map[string]string),
		sysfs: filepath.Join(root, "sys"), dev: filepath.Join(root, "dev"), proc: filepath.Join(root, "proc"),
	}
	for _, folder := range []string{"sys/class/tty", "sys/bus/usb/devices", "dev", "proc/self"} {
		f.mkdir(filepath.Join(root, folder))
	}
	if name != "" {
		data, err := os.ReadFile(filepath.Join("testdata", "sysfs", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		f.lay(string(data))
	}
	return f
}

// options of a scan of the tree.
func (f *tree) options(ports ...string) Options {
	return Options{Ports: ports, Sysfs: f.sysfs, Dev: f.dev, Proc: f.proc}
}

// node is the path of a node in the tree's /dev.
func (f *tree) node(name string) string { return filepath.Join(f.dev, name) }

// lay adds what the description says.
func (f *tree) lay(description string) {
	f.t.Helper()
	lines := bufio.NewScanner(strings.NewReader(description))
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) > 0 && words[0] != "#" {
			f.line(words[0], words[1:])
		}
	}
}

func (f *tree) line(verb string, args []string) {
	f.t.Helper()
	devices := filepath.Join(f.sysfs, "devices")
	switch verb {
	case "controller":
		f.controller = filepath.Join(devices, args[0])
		f.mkdir(f.controller)
		if len(args) == 3 {
			f.write(filepath.Join(f.controller, "vendor"), args[1])
			f.write(filepath.Join(f.controller, "device"), args[2])
		}
	case "root":
		f.hub(args[0], filepath.Join(f.controller, args[0]), strings.TrimPrefix(args[0], "usb")+"-0:1.0", args[1])
	case "hub":
		f.device(args[0], args[1], args[3:])
		f.hub(args[0], f.usb[args[0]], args[0]+":1.0", args[2])
	case "device":
		f.device(args[0], args[1], args[2:])
	case "iface":
		f.iface(args[0], args[1])
	case "tty":
		folder := filepath.Join(f.iface(args[0], args[1]), args[2])
		f.mkdir(folder)
		f.tty(folder, args[2])
	case "acm":
		f.tty(f.iface(args[0], args[1]), args[2])
	case "plain":
		if args[0] == "-" {
			f.mkdir(filepath.Join(f.sysfs, "class", "tty", args[1]))
			f.write(f.node(args[1]), "")
			return
		}
		f.tty(filepath.Join(devices, args[0]), args[1])
	case "process":
		folder := filepath.Join(f.proc, args[0])
		f.write(filepath.Join(folder, "comm"), args[1])
		f.mkdir(filepath.Join(folder, "fd"))
		for i, node := range args[2:] {
			f.link(f.node(node), filepath.Join(folder, "fd", fmt.Sprint(i+3)))
		}
	default:
		f.t.Fatalf("fixture: unknown verb %q", verb)
	}
}

// device lays a USB device below its hub.
func (f *tree) device(path, id string, names []string) {
	f.t.Helper()
	_, hub, _, err := slotUSB(path)
	if err != nil || f.usb[hub] == "" {
		f.t.Fatalf("fixture: no hub for device %s: %v", path, err)
	}
	folder := filepath.Join(f.usb[hub], path)
	f.usb[path] = folder
	vendor, product, _ := strings.Cut(id, ":")
	for attribute, value := range map[string]string{
		"idVendor": vendor, "idProduct": product, "authorized": "1", "bConfigurationValue": "1",
	} {
		f.write(filepath.Join(folder, attribute), value)
	}
	for i, attribute := range []string{"manufacturer", "product"} {
		if i < len(names) && names[i] != "-" {
			f.write(filepath.Join(folder, attribute), strings.ReplaceAll(names[i], "_", " "))
		}
	}
	f.link(folder, filepath.Join(f.sysfs, "bus", "usb", "devices", path))
}

// hub lays a hub's interface with its ports.
func (f *tree) hub(name, folder, iface, ports string) {
	f.t.Helper()
	f.usb[name] = folder
	var n int
	if _, err := fmt.Sscan(ports, &n); err != nil {
		f.t.Fatalf("fixture: hub %s: %v", name, err)
	}
	for i := 1; i <= n; i++ {
		f.write(filepath.Join(folder, iface, fmt.Sprintf("%s-port%d", name, i), "disable"), "0")
	}
	f.link(folder, filepath.Join(f.sysfs, "bus", "usb", "devices", name))
}

func (f *tree) iface(name, class string) string {
	f.t.Helper()
	path, number, _ := strings.Cut(name, ":1.")
	folder := filepath.Join(f.usb[path], name)
	parts := strings.Split(class, "/")
	for i, attribute := range []string{"bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"} {
		f.write(filepath.Join(folder, attribute), parts[i])
	}
	f.write(filepath.Join(folder, "bInterfaceNumber"), "0"+number)
	f.link(folder, filepath.Join(f.sysfs, "bus", "usb", "devices", name))
	return folder
}

// tty lays the class device of a tty, its link and its node.
func (f *tree) tty(device, name string) {
	f.t.Helper()
	folder := filepath.Join(device, "tty", name)
	f.mkdir(folder)
	f.link(device, filepath.Join(folder, "device"))
	f.link(folder, filepath.Join(f.sysfs, "class", "tty", name))
	f.write(f.node(name), "")
}

// unplug removes a USB device with its ttys, as the kernel does: the links of
// classes last.
func (f *tree) unplug(path string) {
	f.t.Helper()
	ttys, err := filepath.Glob(filepath.Join(f.sysfs, "class", "tty", "*"))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, link := range ttys {
		target, err := os.Readlink(link)
		if err == nil && strings.HasPrefix(target, f.usb[path]+"/") {
			defer f.remove(link)
			f.remove(f.node(filepath.Base(link)))
		}
	}
	f.remove(f.usb[path])
	f.remove(filepath.Join(f.sysfs, "bus", "usb", "devices", path))
}

func (f *tree) mkdir(folder string) {
	f.t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		f.t.Fatal(err)
	}
}

func (f *tree) write(file, content string) {
	f.t.Helper()
	f.mkdir(filepath.Dir(file))
	if err := os.WriteFile(file, []byte(content+"\n"), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f *tree) link(target, link string) {
	f.t.Helper()
	if err := os.Symlink(target, link); err != nil && !os.IsExist(err) {
		f.t.Fatal(err)
	}
}

func (f *tree) remove(path string) {
	f.t.Helper()
	if err := os.RemoveAll(path); err != nil {
		f.t.Fatal(err)
	}
}
