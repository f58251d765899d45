package simulator

import (
	"strings"
	"time"
)

// Profile is how one family of modems behaves, as far as it differs from the
// standards. A zero field is the standard's behaviour.
type Profile struct {
	Name string

	Manufacturer, Model string
	Revision            string   // "": CGMR fails
	Info                []string // of ATI, {imei} stands for the IMEI; nil: the three above
	GCAP                string   // "": +GCAP: +CGSM
	USB                 USB

	CRCRLF  bool   // lines end CR CR LF
	Unknown string // final result of an unknown command; "": ERROR

	ICCIDCommand string // upper case, "+CCID"; "": none but CRSM
	ICCIDPrefix  string // before the number in its answer
	ICCIDFill    string // twentieth place of a number of 19 digits: "F", "f" or none
	ICCIDQuoted  bool

	CNMI        string    // what CNMI=? lists
	CPMS        string    // what CPMS=? lists
	Memories    []string  // what CPMS takes
	Memory      [3]string // chosen at power-up
	MECapacity  int
	SRCapacity  int    // of the storage of status reports; 0: they go where messages go
	ReportsAs   string // storage named in +CDSI; "": the true one
	TwoMemories bool   // CPMS takes and tells two
	NoReceiveME bool   // ME is refused as third storage
	IndexBase   int    // of the first slot

	EmptySlot     EmptySlot
	NoStatus      bool   // CMGR leaves the status out
	EmptyAlpha    bool   // the sender's name is "", not absent
	LowerHex      bool   // of PDUs
	NoDeleteFlags bool   // CMGD takes an index only
	RouteClass0   bool   // class 0 comes as +CMT also with mt=1
	FullURC       string // said once when a message finds no room; {mem} stands for the storage
	EmptyCNUM     string // line of CNUM when the SIM tells no number; "": none
	USSD          USSDForm

	LTE            bool // CEREG and CESQ work
	Stat           int  // of CREG once registered; 0: 1
	Boot           []BootLine
	InitError      bool // CME 515 until the boot is through
	PlainInitError bool // ERROR to SMS commands until then
	TextErrors     bool // +CME ERROR with words whatever CMEE says

	Noise       []string // said every few seconds
	Quiet       []string // any of these commands, upper case, ends that
	SIMSwitch   string   // command that switches the two below on; "": they are on
	SIMRemoved  []string // nil: the modem does not notice
	SIMInserted []string
	URCHere     string // command, by its beginning, that brings unsolicited results to this port
	CallBegin   []string
	CallEnd     []string

	Reset       []string            // vendor commands that reboot, upper case
	Accepts     []string            // vendor commands that are taken and do nothing, by name
	Answers     map[string][]string // vendor commands with a fixed answer, by their whole text in upper case
	NoFinal     []string            // commands answered without OK
	TestForRead bool                // CFUN? answers like CFUN=?
}

// EmptySlot is how CMGR answers for an empty slot.
type EmptySlot int

// Answers of CMGR for an empty slot.
const (
	EmptyError EmptySlot = iota // CMS 321
	EmptyOK                     // nothing and OK
	EmptyZero                   // +CMGR: 0,,0
)

// USB is how a family shows itself on a USB bus: as a device of so many ttys.
type USB struct {
	Vendor, Product string // four hex digits
	Name            string
	Serial          string // "": the device has none
	TTYs            int
	AT              int    // interface number of the AT port, which is also its place among the ttys
	ATProtocol      string // of that interface, when protocols tell the ports apart
}

// Profiles is one Profile of each family.
func Profiles() []Profile {
	return []Profile{
		Generic(), Wavecom(), SIM800(), SIM7600(), A7670(), M35(), EC25(), Huawei(), ZTE(), Telit(), UBlox(), Cinterion(),
	}
}

// Generic is a modem that does what the standards say.
func Generic() Profile {
	return Profile{
		Name: "generic", Manufacturer: "Generic", Model: "GSM Modem", Revision: "1.0",
		USB:          bridge("0403", "6001", "FT232R USB UART"),
		ICCIDCommand: "+CCID", ICCIDPrefix: "+CCID: ",
		CNMI:     "(0-2),(0-3),(0,2),(0-2),(0,1)",
		CPMS:     `("SM","ME","MT"),("SM","ME","MT"),("SM","ME")`,
		Memories: []string{"SM", "ME", "MT"}, Memory: memory("SM"), MECapacity: 23, IndexBase: 1,
		Boot: booting(nil, nil, nil),
	}
}

func memory(name string) [3]string { return [3]string{name, name, name} }

func bridge(vendor, product, name string) USB {
	return USB{Vendor: vendor, Product: product, Name: name, TTYs: 1}
}

// bootStep is short, so that tests are; real modems take seconds.
const bootStep = 20 * time.Millisecond

// booting is a boot that says lines as it comes to each stage; a stage is
// reached with the last line of its list, before it is said.
func booting(at, sim, sms []string) []BootLine {
	var lines []BootLine
	reached := silent
	for i, list := range [][]string{at, sim, sms} {
		next := atReady + stage(i)
		if len(list) == 0 {
			list = []string{""}
		}
		for j, l := range list {
			if i == 0 || j == len(list)-1 {
				reached = next // a line can't be said before the modem talks at all
			}
			lines = append(lines, BootLine{After: bootStep, Line: l, stage: reached})
		}
	}
	return lines
}

func (p Profile) stat() int {
	if p.Stat != 0 {
		return p.Stat
	}
	return 1
}

func (p Profile) eol() string {
	if p.CRCRLF {
		return "\r\r\n"
	}
	return "\r\n"
}

func (p Profile) unknown() string {
	if p.Unknown != "" {
		return p.Unknown
	}
	return finalError
}

func (p Profile) gcap() string {
	if p.GCAP != "" {
		return p.GCAP
	}
	return "+GCAP: +CGSM"
}

// alpha is the field of the sender's name in headers, with its comma.
func (p Profile) alpha() string {
	if p.EmptyAlpha {
		return `"",`
	}
	return ","
}

func (p Profile) detectsSIM() bool { return p.SIMRemoved != nil }

func (p Profile) info(imei string) []string {
	if p.Info == nil {
		return []string{p.Manufacturer, p.Model, p.Revision}
	}
	lines := make([]string, len(p.Info))
	for i, l := range p.Info {
		lines[i] = strings.ReplaceAll(l, "{imei}", imei)
	}
	return lines
}
