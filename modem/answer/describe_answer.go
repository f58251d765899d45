package answer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// answer describes the answer to the command in d; false when no parser knows it.
func (d *description) answer() bool {
	switch {
	case d.command == "urc":
		d.urcs()
		return true
	case isRegistration(d.id) && d.form == Read:
		r, err := CREG(d.lines, d.id)
		if d.fail(err) {
			d.registration(r)
		}
		return true
	case strings.HasSuffix(d.id, "CCID"):
		if iccid, err := CCID(d.lines); d.fail(err) {
			d.out["iccid"] = iccid
		}
		return true
	case d.form == Test:
		return d.test()
	}
	return d.identity() || d.network() || d.sim() || d.message()
}

// test describes answers to the test form.
func (d *description) test() bool {
	switch d.id {
	case "+CPMS":
		if mem, err := CPMSTest(d.lines); d.fail(err) {
			for i, names := range mem {
				if names == nil {
					names = []string{}
				}
				d.out[fmt.Sprintf("mem%d", i+1)] = map[string]any{"count": len(names), "contains": names}
			}
			d.out["readable"] = mem.Readable()
		}
	case "+CNMI":
		if in, err := CNMITest(d.lines); d.fail(err) {
			d.out["mode"], d.out["mt"], d.out["bm"], d.out["ds"], d.out["bfr"] = in.Mode, in.MT, in.BM, in.DS, in.BFR
			d.out["pick"] = PickCNMI(d.lines)
		}
	case "+COPS":
		if networks, err := Networks(d.lines); d.fail(err) {
			d.networks(networks)
		}
	case "+CSCS":
		if sets, err := Charsets(d.lines); d.fail(err) {
			d.out["charsets"] = sets
		}
	case "+CTZU":
		if values, err := CTZU(d.lines); d.fail(err) {
			d.out["values"] = values
		}
	default:
		return false
	}
	return true
}

// identity describes answers about the modem itself.
func (d *description) identity() bool {
	switch {
	case d.id == "I":
		id := ATI(d.lines)
		d.out["manufacturer"], d.out["model"] = id.Manufacturer, id.Model
		d.out["revision"], d.out["imei"] = id.Revision, id.IMEI
		if caps := GCAP(d.lines); caps != nil {
			d.out["caps"] = caps
		}
	case d.id == "+CGMI":
		d.out["manufacturer"] = Ident(d.lines, d.id)
	case d.id == "+CGMM":
		d.out["model"] = Ident(d.lines, d.id)
	case d.id == "+CGMR":
		d.out["revision"] = Ident(d.lines, d.id)
	case d.id == "+CGSN":
		if imei, err := CGSN(d.lines); d.fail(err) {
			d.out["imei"] = imei
		}
	case d.id == "+GCAP":
		caps := GCAP(d.lines)
		d.out["caps"], d.out["gsm"] = caps, slices.Contains(caps, "+CGSM")
	case d.id == "+CFUN" && d.form == Read:
		level, err := CFUN(d.lines)
		if err != nil {
			d.plain() // the test form, on some modems
			return true
		}
		d.out["fun"] = level
	case d.id == "+CSCS" && d.form == Read:
		if set, err := CSCS(d.lines); d.fail(err) {
			d.out["charset"] = set
		}
	case d.id == "^SYSINFO":
		if s, err := SYSINFO(d.lines); d.fail(err) {
			d.out["srv_status"], d.out["srv_domain"], d.out["roam_status"] = s.Service, s.Domain, s.Roaming
			d.out["sys_mode"], d.out["sim_state"], d.out["sys_submode"] = s.Mode, s.SIM, s.Submode
		}
	case d.id == "+CCLK" && d.form == Read:
		if t, err := CCLK(d.lines); d.fail(err) {
			_, offset := t.Zone()
			d.out["time"], d.out["offset_minutes"] = t.Format(time.RFC3339), offset/60
		}
	default:
		return false
	}
	return true
}

// network describes answers about the network.
func (d *description) network() bool {
	switch {
	case d.id == "+CSQ":
		if s, err := CSQ(d.lines); d.fail(err) {
			d.out["rssi"], d.out["ber"], d.out["known"] = nil, s.BER, s.Known
			if s.Known {
				d.out["rssi"], d.out["dbm"] = s.RSSI, s.DBm()
			}
		}
	case d.id == "+CESQ":
		if q, err := CESQ(d.lines); d.fail(err) {
			d.out["rxlev"], d.out["ber"], d.out["rscp"] = q.RxLev, q.BER, q.RSCP
			d.out["ecn0"], d.out["rsrq"], d.out["rsrp"] = q.EcN0, q.RSRQ, q.RSRP
			d.out["dbm"] = q.DBm()
		}
	case d.id == "+COPS" && d.form == Read:
		d.operators()
	default:
		return false
	}
	return true
}

func (d *description) registration(r Registration) {
	d.out["domain"], d.out["stat"], d.out["stat_name"] = r.Domain, r.Stat, r.Stat.String()
	d.out["sms_capable"] = r.Stat.SMS()
	d.out["lac"], d.out["ci"], d.out["access_tech"] = r.Area, r.Cell, r.Tech.Names()
}

// operators describes AT+COPS?, of which a chain may have several lines.
func (d *description) operators() {
	d.out["operator"] = nil
	var names []string
	err := ErrAbsent
	for _, line := range d.lines {
		o, lineErr := COPS([]string{line})
		if errors.Is(lineErr, ErrAbsent) {
			continue
		}
		if err = lineErr; err != nil || o.Name == "" {
			continue
		}
		if names = append(names, o.Name); len(names) > 1 {
			continue
		}
		d.out["mode"], d.out["format"], d.out["operator"] = o.Mode, o.Format, o.Name
		if o.Tech != UnknownTech {
			d.out["access_tech"] = o.Tech.Names()
		}
	}
	if len(names) > 1 {
		d.out["operators"] = names
	}
	d.fail(err)
}

func (d *description) networks(networks []Network) {
	out := make([]map[string]any, 0, len(networks))
	d.out["modem_charset"] = "GSM"
	for _, n := range networks {
		if n.UCS2 {
			d.out["modem_charset"] = "UCS2"
		}
		out = append(out, map[string]any{
			"status":      n.Status,
			"long":        orNull(n.Long),
			"short":       orNull(n.Short),
			"code":        n.Code,
			"access_tech": n.Tech.Names(),
		})
	}
	d.out["networks"] = out
}

// orNull gives null for an empty string.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// sim describes answers about the SIM and what it holds besides messages.
func (d *description) sim() bool {
	switch {
	case d.id == "+CPIN" && d.form == Read:
		lock, err := CPIN(d.lines)
		if _, failed := Final(d.final); failed != nil {
			lock, err = LockOf(failed), nil
		}
		d.out["lock"] = lock
		d.fail(err)
	case d.id == "+CIMI":
		if imsi, err := CIMI(d.lines); d.fail(err) {
			d.out["imsi"] = imsi
		}
	case d.id == "+CRSM":
		if status, data, err := CRSM(d.lines); d.fail(err) {
			d.out["sw"], d.out["data"] = fmt.Sprintf("%04X", status), data
			if iccid, ok := ICCID(data); ok {
				d.out["iccid"] = iccid
			}
		}
	case d.id == "+CSIM":
		retries, err := CSIM(d.lines)
		d.out["retries"] = retries
		if !d.fail(err) {
			d.out["retries"] = -1
		}
	case d.id == "+CPINR":
		if retries, err := CPINR(d.lines, "SIM PIN"); d.fail(err) {
			d.out["retries"] = retries
		}
	case d.id == "#QSS" && d.form == Read:
		if presence, err := QSS(d.lines); d.fail(err) {
			d.out["sim"] = presence
		}
	case d.id == "+CNUM":
		numbers := append([]string{}, CNUM(d.lines)...)
		d.out["numbers"], d.out["number"] = numbers, ""
		if len(numbers) > 0 {
			d.out["number"] = numbers[0]
		}
	case d.id == "+CPBR" && d.form != Read:
		entries := CPBR(d.lines)
		out := make([]map[string]any, 0, len(entries))
		for _, e := range entries {
			out = append(out, map[string]any{"index": e.Index, "number": e.Number, "type": e.Type, "name": e.Name})
		}
		d.list("entries", out)
	default:
		return false
	}
	return true
}

// message describes answers about messages, calls and USSD.
func (d *description) message() bool {
	switch {
	case d.id == "+CMGL" || d.id == "+CMGR":
		d.messages()
	case d.id == "+CPMS":
		if mem, err := CPMS(d.lines); d.fail(err) {
			d.storages(mem)
		}
	case d.id == "+CSCA" && d.form == Read:
		smsc, typ, err := CSCA(d.lines)
		d.out["smsc"], d.out["type"] = smsc, typ
		d.fail(err)
	case d.id == "+CLCC":
		d.calls()
	case d.id == "+CUSD" && d.form == Set:
		if u, err := CUSD(d.lines); d.fail(err) {
			d.ussd(u)
			d.out["answer_text"] = u.Text
		}
	default:
		return false
	}
	return true
}

func (d *description) storages(mem [3]Storage) {
	for i, s := range mem {
		n := fmt.Sprint(i + 1)
		d.out["mem"+n], d.out["used"+n], d.out["total"+n] = s.Name, s.Used, s.Total
	}
	d.out["receive_storage_full"] = mem[2].Full()
}

// calls describes the voice calls among the lines; a single one in full, too.
func (d *description) calls() {
	calls := CLCC(d.lines)
	out := make([]map[string]any, 0, len(calls))
	for _, c := range calls {
		if !c.Voice() {
			continue
		}
		direction := "outgoing"
		if c.Incoming {
			direction = "incoming"
		}
		out = append(out, map[string]any{
			"index": c.Index, "direction": direction, "state": c.StateName(), "number": orNull(c.Number),
		})
	}
	d.out["calls"] = out
	if len(calls) == 1 {
		c := calls[0]
		d.out["index"], d.out["stat"], d.out["mode"] = c.Index, c.State, c.Mode
		d.out["dir"], d.out["mpty"] = bit(c.Incoming), bit(c.Multiparty)
		d.out["number"], d.out["type"] = c.Number, c.Type
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (d *description) ussd(u USSD) {
	d.out["status"], d.out["raw"], d.out["session_open"] = u.Status, u.Raw, u.Open()
	if u.DCS >= 0 {
		d.out["dcs"] = u.DCS
	}
	if u.Raw != "" {
		d.out["encoding"], d.out["text"] = u.Encoding, u.Text
	}
}
