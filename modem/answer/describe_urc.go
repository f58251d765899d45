package answer

import "maps"

import "strings"

// urcs describes unsolicited lines. Of several with the same name the first
// counts, but all that tell of the modem's state do.
func (d *description) urcs() {
	var names []string
	seen := map[string]bool{}
	for i, line := range d.lines {
		name, _, ok := URC(line)
		if !ok {
			continue
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
			d.urc(name, line, d.lines[i:])
		}
		d.state(name, line)
	}
	d.out["urc"] = strings.Join(names, "/")
}

// urc describes one line; rest has it and all behind it.
func (d *description) urc(name, line string, rest []string) {
	switch name {
	case "+CMTI":
		d.notice(CMTI(line))
	case "+CDSI":
		d.notice(CDSI(line))
		d.out["status_report"] = true
	case "+CBMI":
		d.notice(CBMI(line))
	case "+CMT", "+CDS", "+CBM":
		if m, err := Direct(rest); d.fail(err) {
			maps.Copy(d.out, describeMessage(m))
		}
	case "+CUSD":
		if u, err := CUSD(rest); d.fail(err) {
			d.ussd(u)
		}
	case "RING", "+CRING":
		kind, _ := Ring(line)
		d.out["ring"], d.out["call_type"] = true, kind
	case "+CLIP":
		d.caller(CLIP(line))
	case "+CCWA":
		c, err := CCWA(line)
		d.caller(c, err)
		d.out["class"] = c.Class
	case "+CLCC":
		d.calls()
	case "VOICE CALL":
		if begin, seconds, ok := VoiceCall(line); ok {
			d.out["begin"], d.out["duration_s"] = begin, seconds
		}
	case "MISSED_CALL":
		d.out["number"], _ = MissedCall(line)
	case "+CPIN":
		d.out["lock"], _ = CPIN([]string{line})
	}
}

// state describes what a line tells of the modem's state.
func (d *description) state(name, line string) {
	if isRegistration(name) {
		d.registrationURC(name, line)
	}
	if p, ok := SIMChange(line); ok {
		d.out["sim"] = p
	}
	if storage, ok := StorageFull(line); ok {
		d.out["storage_full"] = true
		d.out["storage"] = storage
	}
	if SMSReady(line) {
		d.out["sms_ready"] = true
	}
}

func (d *description) registrationURC(name, line string) {
	r, ok := CREGURC(line)
	switch {
	case !ok:
		d.fail(ErrMalformed)
	case d.out["domain"] == nil:
		d.registration(r)
	case d.out["domain"] == name:
		d.out["last_stat"] = r.Stat
	}
}

func (d *description) notice(n Notice, err error) {
	if d.fail(err) {
		d.out["storage"], d.out["index"] = n.Storage, n.Index
	}
}

func (d *description) caller(c Caller, err error) {
	if d.fail(err) {
		d.out["number"], d.out["type"] = c.Number, c.Type
	}
}
