package simulator

// SIM7600 is a SIMCom SIM7600.
func SIM7600() Profile {
	p := Generic()
	p.Name, p.Manufacturer, p.Model = "sim7600", "SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H"
	p.Revision = "+CGMR: LE20B03SIM7600M22"
	p.Info = []string{
		"Manufacturer: SIMCOM INCORPORATED", "Model: SIMCOM_SIM7600E-H", "Revision: SIM7600M22_V2.0", "IMEI: {imei}", "+GCAP: +CGSM",
	}
	p.USB = USB{Vendor: "1e0e", Product: "9001", Name: "SimTech, Incorporated", Serial: "0123456789ABCDEF", TTYs: 5, AT: 2}
	p.CRCRLF = true
	p.ICCIDCommand, p.ICCIDPrefix = "+CICCID", "+ICCID: "
	p.CNMI = "(0-2),(0-3),(0,2),(0-2),(0,1)"
	p.LTE = true
	p.RouteClass0 = true
	p.PlainInitError = true
	p.Boot = booting([]string{"RDY"}, []string{cpinReady}, []string{"SMS DONE", "PB DONE"})
	p.Noise = []string{"+CSQ: 20,99", "+CNSMOD: 8"}
	p.Quiet = []string{"+AUTOCSQ=0", "+CNSMOD=0"}
	p.Accepts = []string{"+AUTOCSQ", "+CNSMOD"}
	p.CallEnd = []string{"VOICE CALL: END"}
	p.Reset = []string{"+CRESET"}
	return p
}

// A7670 is a SIMCom A7670. It is registered for SMS only, which is its healthy state.
func A7670() Profile {
	p := Generic()
	p.Name, p.Manufacturer, p.Model, p.Revision = "a7670", "INCORPORATED", "A7670E-FASE", "A011B04A7670M7"
	p.Info = []string{"Manufacturer: INCORPORATED", "Model: A7670E-FASE", "Revision: A011B04A7670M7", "IMEI: {imei}"}
	p.USB = USB{Vendor: "1e0e", Product: "9011", Name: "SimTech, Incorporated", TTYs: 6, AT: 4}
	p.ICCIDCommand, p.ICCIDPrefix = "+ICCID", "+ICCID: "
	p.CNMI = "(0-2),(0-3),(0,2),(0-2),(0,1)"
	p.LTE, p.Stat = true, 6
	p.LowerHex, p.EmptyAlpha = true, true
	p.PlainInitError = true
	p.Boot = booting([]string{"*ATREADY: 1"}, []string{cpinReady}, []string{"+CGEV: EPS PDN ACT 1", "SMS DONE"})
	p.Boot = append(p.Boot, BootLine{After: bootStep, Line: "PB DONE"}, BootLine{After: bootStep, Line: `*COPN:0,"Beeline"`})
	p.Reset = []string{"+CRESET"}
	p.Accepts = []string{"*ISIMAID", "*COPN", "+CAVIMS"}
	return p
}

// EC25 is a Quectel EC25.
func EC25() Profile {
	p := Generic()
	p.Name, p.Manufacturer, p.Model, p.Revision = "ec25", "Quectel", "EC25", "EC25EFAR06A03M4G"
	p.Info = []string{"Quectel", "EC25", "Revision: EC25EFAR06A03M4G"}
	p.USB = USB{Vendor: "2c7c", Product: "0125", Name: "EC25-EFA", TTYs: 4, AT: 2}
	p.ICCIDCommand, p.ICCIDPrefix, p.ICCIDFill = "+QCCID", "+QCCID: ", "F"
	p.CPMS = `("ME","MT","SM","SR"),("ME","MT","SM","SR"),("ME","MT","SM","SR")`
	p.Memories, p.Memory, p.SRCapacity = []string{"ME", "MT", "SM", "SR"}, memory("ME"), 20
	p.ReportsAs = "SM"
	p.LTE = true
	p.EmptySlot, p.EmptyAlpha = EmptyOK, true
	p.FullURC = "+QIND: SMS FULL"
	p.Boot = booting([]string{"RDY", "+CFUN: 1"}, []string{cpinReady, "+QUSIM: 1"}, []string{"+QIND: SMS DONE"})
	p.Boot = append(p.Boot, BootLine{After: bootStep, Line: "+QIND: PB DONE"})
	p.Noise = []string{`+QIND: "csq",20,99`, `+QIND: "act","LTE"`}
	p.Quiet = []string{`+QINDCFG="ALL",0`, `+QINDCFG="CSQ",0`}
	p.SIMSwitch = "+QSIMSTAT=1"
	p.SIMRemoved, p.SIMInserted = []string{"+QSIMSTAT: 1,0", "+CPIN: NOT READY"}, []string{"+QSIMSTAT: 1,1", "+QUSIM: 1", cpinReady}
	p.URCHere = `+QURCCFG="URCPORT"`
	p.Accepts = []string{"+QURCCFG", "+QCFG", "+QINDCFG", "+QSIMSTAT", "+QSIMDET"}
	p.Reset = []string{"+QRST=1", "+QPOWD=1", "+QPOWD"}
	return p
}

// Telit is a Telit HE910.
func Telit() Profile {
	p := Generic()
	p.Name, p.Manufacturer, p.Model, p.Revision = "telit", "Telit", "HE910", "12.00.225"
	p.USB = USB{Vendor: "1bc7", Product: "0021", Name: "HE910", TTYs: 7, AT: 0}
	p.ICCIDCommand, p.ICCIDPrefix = "#CCID", "#CCID: "
	p.EmptyAlpha = true
	p.Boot = booting(nil, nil, nil)
	p.SIMSwitch = "#QSS=1"
	p.SIMRemoved, p.SIMInserted = []string{"#QSS: 0"}, []string{"#QSS: 1"}
	p.Answers = map[string][]string{"#QSS=1": nil, "#QSS?": {"#QSS: 0,1"}}
	p.Accepts = []string{"#PORTCFG", "#SELINT", "#SMSMODE"}
	p.Reset = []string{"#REBOOT"}
	return p
}

// UBlox is a u-blox SARA, whose errors come in words.
func UBlox() Profile {
	p := Generic()
	p.Name, p.Manufacturer, p.Model, p.Revision = "ublox", "u-blox", "SARA-G340", "08.90"
	p.Info = []string{"SARA-G340-02S-00"}
	p.USB = USB{Vendor: "1546", Product: "1102", Name: "u-blox Wireless Module", TTYs: 6, AT: 0}
	p.TextErrors = true
	p.Boot = booting([]string{"+AT: READY"}, nil, []string{"+PBREADY"})
	p.Accepts = []string{"+UGPIOC", "+UDCONF", "+CIND"}
	p.Reset = []string{"+CFUN=16"}
	return p
}
