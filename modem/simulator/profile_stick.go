package simulator

// Huawei is a Huawei E173-like stick.
func Huawei() Profile {
	p := Generic()
	p.Name, p.Manufacturer, p.Model, p.Revision = "huawei", "huawei", "E3372", "21.200.07.00.00"
	p.Info = []string{
		"Manufacturer: huawei", "Model: E3372", "Revision: 21.200.07.00.00", "IMEI: {imei}", "+GCAP: +CGSM,+DS,+ES",
	}
	p.GCAP = "+GCAP: +CGSM,+DS,+ES"
	p.USB = USB{Vendor: "12d1", Product: "1001", Name: "HUAWEI Mobile", TTYs: 3, AT: 2, ATProtocol: "02"}
	p.Unknown = "COMMAND NOT SUPPORT"
	p.ICCIDCommand, p.ICCIDPrefix, p.ICCIDFill = "^ICCID", "^ICCID: ", ""
	p.IndexBase, p.NoDeleteFlags = 0, true
	p.Memories, p.CPMS = []string{"SM", "ME"}, `("SM","ME"),("SM","ME"),("SM","ME")`
	p.FullURC = `^SMMEMFULL: "{mem}"`
	p.EmptyCNUM = `+CNUM: "Subscriber Number","",145`
	p.USSD = PackedUSSD
	p.Boot = booting(nil, []string{"^SIMST: 1"}, []string{"^SRVST: 2"})
	p.Noise = []string{
		"^RSSI: 17", "^BOOT:27710117,0,0,0,72", "^DSFLOWRPT:0000006E,00000000,00000000,00000000000000AA,00000000000000AA,00003E80,00003E80",
		"^MODE:5,4", `^HCSQ:"LTE",40,32,121,20`,
	}
	p.Quiet = []string{"^CURC=0"}
	p.SIMRemoved, p.SIMInserted = []string{"^SIMST: 255"}, []string{"^SIMST: 1"}
	p.CallEnd = []string{"^CEND:1,0,104,16"}
	p.Answers = map[string][]string{
		"^SYSINFO":  {"^SYSINFO:2,3,0,5,1,,4"},
		"^CPIN?":    {"^CPIN: READY,,10,3,10,3"},
		"^USSDMODE": nil,
	}
	p.Accepts = []string{"^CURC", "^PORTSEL", "^CVOICE", "^U2DIAG", "^SETPORT", "^USSDMODE"}
	p.Reset = []string{"^RESET"}
	return p
}

// ZTE is a ZTE MF stick.
func ZTE() Profile {
	p := Generic()
	p.Name, p.Manufacturer, p.Model, p.Revision = "zte", "ZTE INCORPORATED", "MF180", "BD_MF180V1.0.0B02"
	p.USB = USB{Vendor: "19d2", Product: "0117", Name: "ZTE WCDMA Technologies MSM", TTYs: 3, AT: 2}
	p.ICCIDCommand, p.ICCIDPrefix = "+ZGETICCID", "+ZGETICCID: "
	p.NoStatus = true
	p.FullURC = `+ZSMMEMFULL: "{mem}"`
	p.Boot = booting(nil, []string{"+ZUSIMR:2"}, []string{`+ZDONR: "Beeline",250,99,"CS_PS","ROAM_OFF"`})
	p.Noise = []string{"+ZUSIMR:2"}
	p.Quiet = []string{"+CPMS?"}
	p.TestForRead = true
	p.Answers = map[string][]string{"+ZPAS?": {`+BEARTYPE: "UMTS","CS_PS"`}, "+ZCDRUN=8": nil, "+ZOPRT=5": nil}
	p.Accepts = []string{"+ZSNT"}
	return p
}
