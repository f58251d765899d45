package simulator

// Wavecom is a Wavecom Q2403 behind a PL2303, as classic pools have them.
func Wavecom() Profile {
	p := Generic()
	p.Name, p.Manufacturer, p.Model, p.Revision = "wavecom", " WAVECOM MODEM", " MULTIBAND  900E  1800 ", ""
	p.Info = []string{" WAVECOM MODEM", " MULTIBAND  900E  1800 "}
	p.GCAP = "+GCAP: +CGSM +FCLASS"
	p.USB = bridge("067b", "2303", "USB-Serial Controller")
	p.ICCIDQuoted = true
	p.CPMS, p.TwoMemories = `(("SM","BM","SR"),("SM"))`, true
	p.Memories, p.MECapacity, p.SRCapacity = []string{"SM", "BM", "SR"}, 0, 10
	p.RouteClass0 = true
	p.InitError = true
	p.Boot = booting([]string{"+WIND: 1"}, []string{"+WIND: 7"}, []string{"+WIND: 4"})
	p.NoFinal = []string{"+CPIN?"}
	p.Accepts = []string{"+WIND", "+WOPEN"}
	p.SIMRemoved, p.SIMInserted = []string{"+WIND: 0"}, []string{"+WIND: 1"}
	p.CallBegin, p.CallEnd = []string{"+WIND: 5,1", "+WIND: 2"}, []string{"+WIND: 6,1"}
	return p
}

// SIM800 is a SIMCom SIM800.
func SIM800() Profile {
	p := Generic()
	p.Name, p.Manufacturer, p.Model, p.Revision = "sim800", "SIMCOM_Ltd", "SIMCOM_SIM800", "Revision:1418B05SIM800L24"
	p.Info = []string{"SIM800 R14.18"}
	p.USB = bridge("10c4", "ea60", "CP2102 USB to UART Bridge Controller")
	p.ICCIDPrefix, p.ICCIDFill = "", "f"
	p.CNMI = "(0-3),(0-3),(0,2),(0,1),(0,1)"
	p.CPMS = `("SM", "ME", "SM_P", "ME_P", "MT"), ("SM", "ME", "SM_P", "ME_P", "MT"), ("SM", "ME", "SM_P", "ME_P", "MT")`
	p.EmptySlot, p.EmptyAlpha = EmptyOK, true
	p.PlainInitError = true
	p.Boot = booting([]string{"RDY", "+CFUN: 1"}, []string{cpinReady}, []string{"Call Ready", "SMS Ready"})
	p.Accepts = []string{"+CSDT", "+CLTS", "+CPOWD"}
	return p
}

// M35 is a Quectel M35.
func M35() Profile {
	p := Generic()
	p.Name, p.Manufacturer, p.Model, p.Revision = "m35", "Quectel_Ltd", "Quectel_M35", "M35FAR02A01"
	p.Info = []string{"Quectel_Ltd", "Quectel_M35", "Revision: M35FAR02A01"}
	p.USB = bridge("1a86", "7523", "USB Serial")
	p.ICCIDCommand, p.ICCIDPrefix, p.ICCIDFill = "+QCCID", "", "F"
	p.EmptySlot, p.EmptyAlpha = EmptyOK, true
	p.USSD = UCS2USSD
	p.Boot = booting([]string{"RDY", "+CFUN: 1"}, []string{cpinReady}, []string{"Call Ready", "SMS Ready"})
	p.Answers = map[string][]string{"+QINISTAT": {"+QINISTAT: 3"}}
	return p
}

// Cinterion is a Cinterion MC75i, which takes no storage but the SIM for what
// it receives and no CNMI buffer setting but 1.
func Cinterion() Profile {
	p := Generic()
	p.Name, p.Manufacturer, p.Model, p.Revision = "cinterion", "Cinterion", "MC75i", "REVISION 02.000"
	p.USB = bridge("0403", "6010", "Dual RS232")
	p.ICCIDCommand, p.ICCIDPrefix = "^SCID", "^SCID: "
	p.CNMI = "(0-3),(0,1,3),(0,2,3),(0-2),(1)"
	p.CPMS = `("ME","SM","MT"),("ME","SM","MT"),("SM","MT")`
	p.Memory, p.MECapacity, p.NoReceiveME = [3]string{"ME", "ME", "SM"}, 25, true
	p.Boot = booting([]string{"^SYSSTART"}, []string{"^SCKS: 1"}, nil)
	p.Accepts = []string{"^SIND", "^SLCC", "^SCFG"}
	p.SIMSwitch = "^SCKS=1"
	p.SIMRemoved, p.SIMInserted = []string{"^SCKS: 0"}, []string{"^SCKS: 1"}
	p.Answers = map[string][]string{"^SCKS=1": nil, "^SCKS?": {"^SCKS: 0,1"}}
	return p
}
