package modem

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// summary is a scan in one line a port: slot, tty, what else to probe, whether
// a bridge stands before it.
func summary(ports []Port) []string {
	var lines []string
	for _, p := range ports {
		line := p.Slot + " " + filepath.Base(p.Node)
		for _, other := range p.Others {
			line += "," + filepath.Base(other)
		}
		if p.Bridge {
			line += " bridge"
		}
		lines = append(lines, line)
	}
	return lines
}

// mustDiscover scans and wants no error.
func mustDiscover(t *testing.T, o Options) ([]Port, []Problem) {
	t.Helper()
	ports, problems, err := discover(o)
	if err != nil {
		t.Fatal(err)
	}
	return ports, problems
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		tree string
		want []string
	}{
		{"raspberry-pi-4", []string{
			"1-1.3.1 ttyUSB2",
			"1-1.3.2 ttyUSB6",
			"1-1.3.3 ttyUSB10",
			"1-1.3.4 ttyACM0,ttyACM1",
			"1-1.3.5 ttyUSB12 bridge",
			"1-1.3.6 ttyCH343USB0 bridge",
			"1-1.3.7 ttyUSB13 bridge",
			"1-1.3.7:1 ttyUSB14 bridge",
			"1-1.3.7:2 ttyUSB15 bridge",
			"1-1.3.7:3 ttyUSB16 bridge",
		}},
		{"ec25-bank", []string{
			"1-3.1 ttyUSB2", "1-3.2 ttyUSB6", "1-3.3 ttyUSB10", "1-3.4 ttyUSB14", "1-3.5 ttyUSB18", "1-3.6 ttyUSB22",
			"1-3.7 ttyUSB26", "1-3.8 ttyUSB30", "1-3.9 ttyUSB34", "1-3.10 ttyUSB38", "1-3.11 ttyUSB42", "1-3.12 ttyUSB46",
		}},
		{"huawei-sticks", []string{
			"1-1.1 ttyUSB2",
			"1-1.2 ttyUSB5",
			"1-1.3 ttyUSB7",
			"1-1.4 ttyUSB10",
			"1-1.5 ttyUSB13",
			"1-1.6 ttyUSB14,ttyUSB17",
		}},
	} {
		t.Run(test.tree, func(t *testing.T) {
			t.Parallel()
			ports, problems := mustDiscover(t, layTree(t, test.tree).options("auto"))
			if diff := cmp.Diff(test.want, summary(ports)); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
			if len(problems) > 0 {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

func TestDiscoverBankOfBridges(t *testing.T) {
	t.Parallel()
	ports, _ := mustDiscover(t, layTree(t, "pl2303-bank-16").options("auto"))
	var slots []string
	for _, p := range ports {
		slots = append(slots, p.Slot)
		if !p.Bridge || p.Others != nil || p.Hub != p.Slot[:len(p.Slot)-2] {
			t.Errorf("port %+v", p)
		}
	}
	var want []string
	for hub := 1; hub <= 4; hub++ {
		for port := 1; port <= 4; port++ {
			want = append(want, fmt.Sprintf("1-2.%d.%d", hub, port))
		}
	}
	if diff := cmp.Diff(want, slots); diff != "" {
		t.Errorf("slots (-want +got):\n%s", diff)
	}
}

func TestDiscoverPort(t *testing.T) {
	t.Parallel()
	f := layTree(t, "raspberry-pi-4")
	ports, _ := mustDiscover(t, f.options("auto"))
	want := Port{
		Slot: "1-1.3.1", Node: f.node("ttyUSB2"), Real: f.node("ttyUSB2"), Hub: "1-1.3", Controller: "0000:01:00.0",
		USB: USBID{
			Vendor: 0x2c7c, Product: 0x0125, Interface: 2, Class: 0xff,
			Manufacturer: "Quectel", Name: "EC25-E",
		},
	}
	if diff := cmp.Diff(want, ports[0]); diff != "" {
		t.Errorf("port (-want +got):\n%s", diff)
	}
}

// A modem that comes back under other ttys is the same modem.
func TestDiscoverKeepsSlot(t *testing.T) {
	t.Parallel()
	f := layTree(t, "ec25-bank")
	f.unplug("1-3.9")
	ports, _ := mustDiscover(t, f.options("auto"))
	if len(ports) != 11 {
		t.Fatalf("unplugged: %q", summary(ports))
	}
	f.lay(`device 1-3.9 2c7c:0125
		tty 1-3.9:1.2 ff/00/00 ttyUSB50
		tty 1-3.9:1.3 ff/00/00 ttyUSB51`)
	ports, _ = mustDiscover(t, f.options("auto"))
	if got := summary(ports)[8]; got != "1-3.9 ttyUSB50" {
		t.Errorf("plugged in again: %q", got)
	}
}

// While a modem's ttys come one by one, none but the AT port is taken for it.
func TestDiscoverWaitsForPort(t *testing.T) {
	t.Parallel()
	f := layTree(t, "")
	f.lay(`controller pci0000:00/0000:00:14.0
		root usb1 4
		device 1-1 2c7c:0125
		tty 1-1:1.0 ff/ff/ff ttyUSB0
		tty 1-1:1.1 ff/00/00 ttyUSB1`)
	ports, problems := mustDiscover(t, f.options("auto"))
	if len(ports) != 0 || len(problems) != 1 || !strings.Contains(problems[0].What, "2c7c:0125 at USB 1-1 has no tty for AT commands (interface 2)") {
		t.Errorf("half there: %v, problems %v", summary(ports), problems)
	}
	f.lay(`tty 1-1:1.2 ff/00/00 ttyUSB2`)
	ports, problems = mustDiscover(t, f.options("auto"))
	if diff := cmp.Diff([]string{"1-1 ttyUSB2"}, summary(ports)); diff != "" || problems != nil {
		t.Errorf("all there: %s, problems %v", diff, problems)
	}
}

func TestDiscoverGlobs(t *testing.T) {
	t.Parallel()
	f := layTree(t, "raspberry-pi-4")
	byPath := filepath.Join(f.dev, "serial", "by-path")
	f.mkdir(byPath)
	for i, tty := range []string{"ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"} {
		for _, kind := range []string{"usb", "usbv2"} { // newer udev lays both
			f.link("../../"+tty, filepath.Join(byPath, fmt.Sprintf("platform-fd500000.pcie-pci-0000:01:00.0-%s-0:1.3.1:1.%d-port0", kind, i)))
		}
	}
	f.link("../../ttyAMA0", filepath.Join(byPath, "platform-fe201000.serial-port0"))
	f.mkdir(filepath.Join(f.dev, "bank"))
	for i := range 11 {
		f.write(filepath.Join(f.dev, "bank", fmt.Sprintf("slot%d", i+1)), "")
	}
	f.link("../ttyUSB14", filepath.Join(f.dev, "bank", "corner"))

	for _, test := range []struct {
		name  string
		globs []string
		want  []string
	}{
		{"nothing", []string{"nosuch*"}, nil},
		{"plain ports count as a person does", []string{"bank/slot*"}, []string{
			"slot1 slot1", "slot2 slot2", "slot3 slot3", "slot4 slot4", "slot5 slot5", "slot6 slot6",
			"slot7 slot7", "slot8 slot8", "slot9 slot9", "slot10 slot10", "slot11 slot11",
		}},
		{"link to a bridge", []string{"bank/corner"}, []string{"corner corner bridge"}},
		{"several ttys of one modem", []string{"ttyUSB[0-3]"}, []string{"ttyUSB2 ttyUSB2"}},
		{"by-path is the place", []string{"serial/by-path/*"}, []string{
			"1-1.3.1 platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.3.1:1.2-port0",
			"platform-fe201000.serial platform-fe201000.serial-port0",
		}},
		{"a port named twice counts once", []string{"bank/corner", "ttyUSB14", "tty*14"}, []string{"corner corner bridge"}},
		{"board's own UART", []string{"ttyAMA0"}, []string{"ttyAMA0 ttyAMA0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var globs []string
			for _, g := range test.globs {
				globs = append(globs, filepath.Join(f.dev, g))
			}
			ports, problems := mustDiscover(t, f.options(globs...))
			if diff := cmp.Diff(test.want, summary(ports)); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
			if problems != nil {
				t.Errorf("problems %v", problems)
			}
		})
	}
}

func TestDiscoverAutoAndGlobs(t *testing.T) {
	t.Parallel()
	f := layTree(t, "huawei-sticks")
	f.lay("plain platform/uart ttyAMA0")
	ports, _ := mustDiscover(t, f.options("auto", f.node("ttyAMA0"), f.node("ttyUSB*")))
	want := []string{
		"1-1.1 ttyUSB2", "1-1.2 ttyUSB5", "1-1.3 ttyUSB7", "1-1.4 ttyUSB10", "1-1.5 ttyUSB13", "1-1.6 ttyUSB14,ttyUSB17",
		"ttyAMA0 ttyAMA0",
	}
	if diff := cmp.Diff(want, summary(ports)); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}

func TestDiscoverIgnore(t *testing.T) {
	t.Parallel()
	f := layTree(t, "huawei-sticks")
	f.link(f.node("ttyUSB5"), f.node("second"))
	for _, test := range []struct {
		ignore string
		gone   string // slot
	}{
		{"ttyUSB2", "1-1.1"},
		{"second", "1-1.2"}, // a link to the AT port
		{"ttyUSB1[13]", "1-1.5"},
		{"ttyUSB1?", "1-1.4 1-1.5 1-1.6"},
		{"ttyUSB*", "1-1.1 1-1.2 1-1.3 1-1.4 1-1.5 1-1.6"},
		{"ttyUSB99", ""},
	} {
		t.Run(test.ignore, func(t *testing.T) {
			t.Parallel()
			o := f.options("auto")
			o.Ignore = []string{f.node(test.ignore)}
			ports, problems := mustDiscover(t, o)
			if problems != nil {
				t.Errorf("problems: %v", problems)
			}
			left := make(map[string]bool)
			for _, p := range ports {
				left[p.Slot] = true
			}
			for slot := range strings.FieldsSeq("1-1.1 1-1.2 1-1.3 1-1.4 1-1.5 1-1.6") {
				if want := !strings.Contains(test.gone, slot); left[slot] != want {
					t.Errorf("slot %s: found %v, want %v", slot, left[slot], want)
				}
			}
		})
	}
}

func TestDiscoverSlotTaken(t *testing.T) {
	t.Parallel()
	f := layTree(t, "")
	f.write(filepath.Join(f.dev, "a", "modem"), "")
	f.write(filepath.Join(f.dev, "b", "modem"), "")
	ports, problems := mustDiscover(t, f.options(f.node("?/modem")))
	if len(ports) != 1 || len(problems) != 1 || !strings.Contains(problems[0].What, "b/modem would both be slot modem") {
		t.Errorf("ports %q, problems %v", summary(ports), problems)
	}
}

func TestDiscoverFails(t *testing.T) {
	t.Parallel()
	f := layTree(t, "")
	for name, o := range map[string]Options{
		"malformed port":   f.options("[a"),
		"malformed ignore": {Ports: []string{"auto"}, Ignore: []string{"[a"}, Sysfs: f.sysfs},
		"no sysfs":         {Ports: []string{"auto"}, Sysfs: filepath.Join(f.root, "nosuch")},
	} {
		if ports, _, err := discover(o); err == nil {
			t.Errorf("%s: no error, ports %v", name, ports)
		}
	}
}

// Whatever of a device is gone when the scan comes to it, the others are found.
func TestDiscoverVanished(t *testing.T) {
	t.Parallel()
	for name, vanish := range map[string]func(f *tree){
		"whole device, class link left": func(f *tree) { f.remove(f.usb["1-3.5"]) },
		"interface":                     func(f *tree) { f.remove(filepath.Join(f.usb["1-3.5"], "1-3.5:1.2")) },
		"vendor":                        func(f *tree) { f.remove(filepath.Join(f.usb["1-3.5"], "idVendor")) },
		"vendor empty":                  func(f *tree) { f.write(filepath.Join(f.usb["1-3.5"], "idVendor"), "") },
		"interface number":              func(f *tree) { f.remove(filepath.Join(f.usb["1-3.5"], "1-3.5:1.2", "bInterfaceNumber")) },
		"node":                          func(f *tree) { f.remove(f.node("ttyUSB18")) },
		"class link":                    func(f *tree) { f.remove(filepath.Join(f.sysfs, "class", "tty", "ttyUSB18")) },
		"unplugged":                     func(f *tree) { f.unplug("1-3.5") },
		"hub's link":                    func(f *tree) { f.remove(filepath.Join(f.sysfs, "bus", "usb", "devices", "usb1")); f.unplug("1-3.5") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := layTree(t, "ec25-bank")
			vanish(f)
			ports, _ := mustDiscover(t, f.options("auto"))
			if len(ports) != 11 {
				t.Errorf("ports: %q", summary(ports))
			}
			for _, p := range ports {
				if p.Slot == "1-3.5" {
					t.Errorf("found %+v", p)
				}
			}
		})
	}
}

// One modem comes and goes all the time while scans run.
func TestDiscoverWhileVanishing(t *testing.T) {
	t.Parallel()
	f := layTree(t, "ec25-bank")
	const again = "device 1-3.5 2c7c:0125\ntty 1-3.5:1.2 ff/00/00 ttyUSB18\n"
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				f.unplug("1-3.5")
				f.lay(again)
			}
		}
	})
	for range 30 {
		ports, _, err := discover(f.options("auto"))
		if err != nil || len(ports) < 11 || len(ports) > 12 {
			t.Errorf("ports %q, %v", summary(ports), err)
		}
	}
	close(done)
	wg.Wait()
}

func TestDiscoverControllerFull(t *testing.T) {
	t.Parallel()
	f := layTree(t, "raspberry-pi-4") // 10 devices with its hubs
	f.lay("hub 1-1.4 1a40:0201 30 - Hub")
	for i := 1; i <= 20; i++ {
		f.lay(fmt.Sprintf("device 1-1.4.%d 067b:2303", i))
	}
	if _, problems := mustDiscover(t, f.options("auto")); problems != nil {
		t.Errorf("31 devices: %v", problems)
	}
	f.lay("device 2-1 05e3:0616") // the USB 3 half is the same controller
	_, problems := mustDiscover(t, f.options("auto"))
	want := []Problem{{
		What: "USB controller 0000:01:00.0 is full (32 devices, hubs counted): no further modem will be found on it",
		Try:  "move modems to another USB controller, or to banks with one UART per modem",
	}}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("32 devices (-want +got):\n%s", diff)
	}
}

func TestDiscoverOutOfEndpoints(t *testing.T) {
	t.Parallel()
	f := layTree(t, "")
	f.lay(`controller pci0000:00/0000:00:14.0
		root usb1 4
		device 1-1 12d1:1506
		device 1-2 12d1:1506
		device 1-3 12d1:1506`)
	f.write(filepath.Join(f.usb["1-2"], "bConfigurationValue"), "")
	f.write(filepath.Join(f.usb["1-3"], "bConfigurationValue"), "")
	f.write(filepath.Join(f.usb["1-3"], "authorized"), "0") // switched off on purpose
	_, problems := mustDiscover(t, f.options("auto"))
	if len(problems) != 1 || !strings.Contains(problems[0].What, "0000:00:14.0 is out of endpoints or bandwidth: device 12d1:1506 at 1-2 ") {
		t.Errorf("problems %v", problems)
	}
}

func TestDiscoverGrabbers(t *testing.T) {
	t.Parallel()
	f := layTree(t, "raspberry-pi-4")
	f.lay(`process 1 systemd
		process 512 ModemManager ttyUSB6 ttyUSB2 null
		process 700 brltty
		process 701 modemgate ttyUSB12`)
	f.mkdir(filepath.Join(f.proc, "900")) // gone between listing and reading
	_, problems := mustDiscover(t, f.options("auto"))
	if len(problems) != 2 {
		t.Fatalf("problems %v", problems)
	}
	// Only ports that the scan came upon are named.
	want := fmt.Sprintf("ModemManager (pid 512) holds %s, %s", f.node("ttyUSB2"), f.node("ttyUSB6"))
	if problems[0].What != want || problems[0].Try == "" {
		t.Errorf("got %+v, want %q", problems[0], want)
	}
	if want := "brltty (pid 700) runs and may take modem ports"; problems[1].What != want {
		t.Errorf("got %q, want %q", problems[1].What, want)
	}
}

// Discovery must not touch what it looks at.
func TestDiscoverOnlyReads(t *testing.T) {
	t.Parallel()
	f := layTree(t, "ec25-bank")
	before := snapshot(t, f.root)
	mustDiscover(t, f.options("auto", f.node("ttyUSB*")))
	if diff := cmp.Diff(before, snapshot(t, f.root)); diff != "" {
		t.Errorf("tree changed:\n%s", diff)
	}
}

func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
