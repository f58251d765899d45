package modem

import "strings"

// family is how one kind of modem departs from 3GPP TS 27.005 and 27.007, as far as
// a session must know: everything else is found out by asking.
type family struct {
	name  string   // label of metrics and pages; never changed once released
	maker []string // found in AT+CGMI or ATI, case aside
	iccid []string // commands that give the ICCID, before the standard's ways
	quiet []string // vendor noise off, unsolicited codes to this port; refusals are ignored
}

// families lists all, the generic one last. AT^CURC=0 would silence Huawei's sticks,
// but on some firmware +CMTI with the rest: what they say is dropped instead.
func families() []family {
	return []family{
		{name: "quectel", maker: []string{"quectel"}, iccid: []string{"+QCCID"}, quiet: []string{`AT+QURCCFG="urcport","usbat"`}},
		{name: "simcom", maker: []string{"simcom", "incorporated", "sim800", "sim900"}, iccid: []string{"+CCID", "+CICCID", "+ICCID"},
			quiet: []string{"AT+AUTOCSQ=0", "AT+CNSMOD=0"}},
		{name: "huawei", maker: []string{"huawei"}, iccid: []string{"^ICCID?"}},
		{name: "wavecom", maker: []string{"wavecom"}, iccid: []string{"+CCID"}},
		{name: "generic", iccid: []string{"+CCID", "+QCCID", "+ICCID", "^ICCID?", "#CCID"}},
	}
}

// familyOf never fails: what no family knows is generic.
func familyOf(manufacturer, ati string) family {
	text := strings.ToLower(manufacturer + "\n" + ati)
	all := families()
	for _, f := range all {
		for _, word := range f.maker {
			if strings.Contains(text, word) {
				return f
			}
		}
	}
	return all[len(all)-1]
}
