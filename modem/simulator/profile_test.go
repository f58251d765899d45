package simulator

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFamilies leads the dialogue of a host with every family.
func TestFamilies(t *testing.T) {
	t.Parallel()
	for _, p := range Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			r, _ := newRack(t, Options{Profiles: []Profile{p}})
			m := r.Modem(0)
			c := dial(t, m).setUp()
			s, _ := m.SIM()

			if got := c.ask("AT+CGMI"); !slices.Equal(got, []string{p.Manufacturer, finalOK}) {
				t.Errorf("CGMI: %q", got)
			}
			if info := strings.Join(c.ask("ATI"), "\n"); !strings.HasSuffix(info, "\nOK") && info != "SIM800 R14.18\nOK" {
				t.Errorf("ATI: %q", info)
			}
			if p.ICCIDCommand != "" {
				if got := c.ask("AT" + p.ICCIDCommand); len(got) != 2 || !strings.Contains(got[0], s.ICCID) {
					t.Errorf("AT%s: %q", p.ICCIDCommand, got)
				}
			}
			c.send("AT+CPIN?\r")
			c.until("+CPIN: READY" + p.eol())
			if len(p.NoFinal) == 0 {
				c.until("OK")
				c.until("\n")
			}
			c.send("AT+NOSUCH\r")
			c.until(p.unknown() + p.eol())

			memory := p.Memory[2]
			set, want := fmt.Sprintf("AT+CPMS=%q,%q,%q", memory, memory, memory), 2
			if p.TwoMemories {
				set = fmt.Sprintf("AT+CPMS=%q,%q", memory, memory)
			}
			if got := c.ask(set); len(got) != want || got[1] != finalOK {
				t.Errorf("%s: %q", set, got)
			}
			cnmi := "AT+CNMI=2,1,0,0,0"
			if p.Name == "cinterion" {
				if got := c.ask(cnmi); got[0] != "+CMS ERROR: 303" {
					t.Errorf("%s: %q", cnmi, got)
				}
				cnmi = "AT+CNMI=2,1,0,0,1"
			}
			c.want(cnmi, finalOK)
			m.Deliver(SMS{From: "VK", Text: "Code 1"})
			announced := fmt.Sprintf("+CMTI: %q,%d", memory, p.IndexBase)
			c.until(announced + p.eol())
			got := c.ask(fmt.Sprintf("AT+CMGR=%d", p.IndexBase))
			if len(got) != 3 || !strings.HasPrefix(got[0], "+CMGR: ") || !strings.EqualFold(got[1], fmt.Sprintf("%x", m.Stored()[0].Raw)) {
				t.Errorf("CMGR: %q", got)
			}
			c.want(fmt.Sprintf("AT+CMGD=%d", p.IndexBase), finalOK)
			if len(m.Stored()) != 0 {
				t.Error("the message is still there")
			}

			m.Reboot()
			for _, l := range p.Boot {
				if l.Line != "" {
					c.until(l.Line)
				}
			}
			for _, reset := range p.Reset {
				c.insist("AT" + reset + "\r")
			}
		})
	}
}

func TestQuirks(t *testing.T) {
	t.Parallel()
	dialProfile := func(t *testing.T, p Profile) (*Modem, *client) {
		t.Parallel()
		r, _ := newRack(t, Options{Profiles: []Profile{p}})
		return r.Modem(0), dial(t, r.Modem(0)).setUp()
	}
	t.Run("two memories", func(t *testing.T) {
		_, c := dialProfile(t, Wavecom())
		c.want(`AT+CPMS="SM","SM","SM"`, "+CMS ERROR: 302")
		c.want(`AT+CPMS="SM","SM"`, "+CPMS: 0,20,0,20", finalOK)
		c.want("AT+CGMR", finalError)
	})
	t.Run("no receiving into ME", func(t *testing.T) {
		_, c := dialProfile(t, Cinterion())
		c.want(`AT+CPMS="ME","ME","ME"`, "+CMS ERROR: 302")
		c.want("AT+CPMS?", `+CPMS: "ME",0,25,"ME",0,25,"SM",0,20`, finalOK)
	})
	t.Run("empty slot", func(t *testing.T) {
		_, c := dialProfile(t, EC25())
		c.want("AT+CMGR=1", finalOK)
	})
	t.Run("no status", func(t *testing.T) {
		m, c := dialProfile(t, ZTE())
		m.Deliver(SMS{From: "1", Text: "x"})
		if got := c.ask("AT+CMGR=1"); !strings.HasPrefix(got[0], "+CMGR: ,,") {
			t.Errorf("CMGR: %q", got)
		}
		c.want("AT+CFUN?", "+CFUN: (0-1,4-7),(0-1)", finalOK)
	})
	t.Run("words", func(t *testing.T) {
		m, c := dialProfile(t, UBlox())
		m.RemoveSIM()
		c.send("AT+CPIN?\r")
		c.until("+CME ERROR: SIM not inserted\r\n")
	})
	t.Run("index from the other storage", func(t *testing.T) {
		m, c := dialProfile(t, EC25())
		c.want(`AT+CPMS="MT","MT","ME"`, "+CPMS: 0,43,0,43,0,23", finalOK)
		m.Deliver(SMS{From: "1", Text: "x"})
		c.want("AT+CMGR=1", finalOK)
		if got := c.ask("AT+CMGR=21"); len(got) != 3 { // behind the 20 of the SIM
			t.Errorf("CMGR: %q", got)
		}
	})
	t.Run("report in a storage not named", func(t *testing.T) {
		m, c := dialProfile(t, EC25())
		c.want("AT+CNMI=2,1,0,2,0", finalOK)
		m.DeliverPDU([]byte{0, 0x06, 0x01, 0x04, 0x81, 0x21, 0x43})
		c.until("+CDSI: \"SM\",1\r\n")
		if got := m.Stored(); len(got) != 1 || got[0].Storage != "SR" {
			t.Errorf("stored: %v", got)
		}
	})
	t.Run("urcs brought back", func(t *testing.T) {
		m, c := dialProfile(t, EC25())
		c.want("AT+CNMI=2,1,0,0,0", finalOK)
		m.RouteURCsAway(true)
		m.Deliver(SMS{From: "1", Text: "x"})
		c.want(`AT+QURCCFG="urcport","usbat"`, finalOK)
		m.Deliver(SMS{From: "1", Text: "x"})
		c.until("\r\n+CMTI: \"ME\",2\r\n")
	})
	t.Run("class 0 past the storage", func(t *testing.T) {
		m, c := dialProfile(t, SIM7600())
		c.send("AT+CNMI=2,1,0,0,0\r")
		c.until("OK")
		m.Deliver(SMS{From: "1", Text: "x", Class: Class0})
		c.until("+CMT: ,")
		if got := m.Stored(); len(got) != 0 {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestUSSD(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile      Profile
		code, answer string
	}{
		{Generic(), "*100#", `+CUSD: 0,"Balance: 42.00",15`},
		{Huawei(), "AA180C3602", `+CUSD: 0,"C2303BEC1E9775209ACC058301",15`},
		{M35(), "*100#", `+CUSD: 0,"00420061006C0061006E00630065003A002000340032002E00300030",15`},
		{Generic(), "*999#", "+CUSD: 4"},
	} {
		t.Run(c.profile.Name+c.code, func(t *testing.T) {
			t.Parallel()
			r, _ := newRack(t, Options{Profiles: []Profile{c.profile}})
			host := dial(t, r.Modem(0)).setUp()
			host.want(fmt.Sprintf("AT+CUSD=1,%q,15", c.code), finalOK)
			if got := strings.TrimSpace(host.until(c.answer)); got != c.answer {
				t.Errorf("got %q, want %q", got, c.answer)
			}
		})
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	r, _ := newRack(t, Options{RingInterval: 10 * time.Millisecond})
	m := r.Modem(0)
	c := dial(t, m).setUp()
	c.want("AT+CLIP=1", finalOK)
	if !m.Ring("+79161234567", 2) {
		t.Fatal("busy")
	}
	clip := `+CLIP: "+79161234567",145,,,,0`
	if got := lines(c.until("NO CARRIER\r\n")); !slices.Equal(got, []string{"RING", clip, "RING", clip, "NO CARRIER"}) {
		t.Errorf("call that nobody takes: %q", got)
	}

	c.want("AT+CRC=1", finalOK)
	m.Ring("", 1000)
	c.until("+CRING: VOICE\r\n\r\n+CLIP: \"\",128,,,,1\r\n")
	if m.Ring("1", 1) {
		t.Error("a second call came through")
	}
	c.send("ATH\r")
	c.until("OK\r\n")
	c.want("AT+CLCC", finalOK)

	m.Ring("100", 1000)
	c.until("+CRING: VOICE\r\n")
	c.send("ATA\r")
	c.until("OK\r\n")
	c.want("AT+CLCC", `+CLCC: 1,1,0,0,0,"100",129`, finalOK)
	m.HangUp()
	c.until("NO CARRIER\r\n")

	m.Deregister()
	if m.Ring("1", 1) {
		t.Error("a modem without network rings")
	}
}

func TestSysfs(t *testing.T) {
	t.Parallel()
	r, _ := newRack(t, Options{Modems: 18, USB: true, Profiles: []Profile{EC25(), Huawei(), Wavecom()}})
	root := t.TempDir()
	if err := r.WriteSysfs(root); err != nil {
		t.Fatal(err)
	}
	ttys := func() int {
		all, err := os.ReadDir(filepath.Join(root, "class/tty"))
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	device := func(tty string) string {
		real, err := filepath.EvalSymlinks(filepath.Join(root, "class/tty", tty, "device"))
		if err != nil {
			t.Fatal(err)
		}
		return real
	}
	read := func(elem ...string) string {
		b, err := os.ReadFile(filepath.Join(elem...))
		if err != nil {
			t.Error(err)
		}
		return strings.TrimSpace(string(b))
	}
	if got, want := ttys(), 6*(4+3+1); got != want {
		t.Errorf("%d ttys, want %d", got, want)
	}
	for _, c := range []struct {
		modem                               int
		port, path, vendor, iface, protocol string
	}{
		{0, "ttyUSB2", "1-1.1.1", "2c7c", "02", "ff"},
		{1, "ttyUSB6", "1-1.1.2", "12d1", "02", "02"},
		{2, "ttyUSB7", "1-1.1.3", "067b", "00", "ff"},
		{17, "ttyUSB47", "1-2.1.2", "067b", "00", "ff"},
	} {
		m := r.Modem(c.modem)
		if got := filepath.Base(m.Port()); got != c.port || m.USBPath() != c.path {
			t.Errorf("modem %d: port %s at %s, want %s at %s", c.modem, got, m.USBPath(), c.port, c.path)
		}
		real := device(c.port)
		if want := filepath.Join(c.path, fmt.Sprintf("%s:1.%s", c.path, strings.TrimPrefix(c.iface, "0")), c.port); !strings.HasSuffix(real, want) {
			t.Errorf("device of %s is %s", c.port, real)
		}
		if got := read(real, "../bInterfaceNumber"); got != c.iface {
			t.Errorf("%s: interface %s, want %s", c.port, got, c.iface)
		}
		if got := read(real, "../bInterfaceProtocol"); got != c.protocol {
			t.Errorf("%s: protocol %s, want %s", c.port, got, c.protocol)
		}
		if got := read(real, "../../idVendor"); got != c.vendor {
			t.Errorf("%s: vendor %s, want %s", c.port, got, c.vendor)
		}
	}

	m := r.Modem(0)
	if err := m.Unplug(); err != nil {
		t.Fatal(err)
	}
	if got, want := ttys(), 6*(4+3+1)-4; got != want {
		t.Errorf("%d ttys after one was unplugged, want %d", got, want)
	}
	if _, err := os.Stat(filepath.Join(root, "bus/usb/devices", m.USBPath())); err == nil {
		t.Error("the unplugged device is still there")
	}
	if err := m.Replug("ttyUSB70"); err != nil {
		t.Fatal(err)
	}
	if got := read(device("ttyUSB70"), "../bInterfaceNumber"); got != "02" {
		t.Errorf("after the return: interface %s", got)
	}
	if got := read(root, "bus/usb/devices", m.USBPath(), "idProduct"); got != "0125" {
		t.Errorf("after the return: product %s", got)
	}
}
