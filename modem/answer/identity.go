package answer

import (
	"slices"
	"strings"
)

// Identity is what the answer to ATI says of a modem. What it does not say is empty.
type Identity struct {
	Manufacturer string
	Model        string
	Revision     string
	IMEI         string
}

// ATI reads the answer to ATI: named lines ("Model: E3372") or, as no standard
// names any (V.250 6.1.3), bare ones: manufacturer and model, or the model alone.
func ATI(lines []string) Identity {
	var id Identity
	var bare []string
	for _, line := range lines {
		if Unsolicited(line, "I") {
			continue
		}
		label, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(value), "I: "))
		switch strings.ToLower(strings.TrimSpace(label)) {
		case "manufacturer":
			id.Manufacturer = value
		case "model":
			id.Model = value
		case "revision":
			id.Revision = value
		case "imei":
			id.IMEI = value
		default:
			if text := strings.TrimSpace(line); !ok && text != "" {
				bare = append(bare, text)
			}
		}
	}
	if id.Manufacturer == "" && len(bare) > 1 {
		id.Manufacturer, bare = bare[0], bare[1:]
	}
	if id.Model == "" && len(bare) > 0 {
		id.Model = bare[0]
	}
	return id
}

// Ident reads the answer to AT+CGMI, AT+CGMM or AT+CGMR, named by id: the first
// line that is not unsolicited, prefix, quotes and blanks taken off. Empty when
// there is none.
func Ident(lines []string, id string) string {
	for _, line := range lines {
		if Unsolicited(line, id) {
			continue
		}
		text, ok := after(line, id)
		if !ok {
			text = line
		}
		if text = strings.Trim(text, ` "`); text != "" {
			return text
		}
	}
	return ""
}

// GCAP reads the answer to AT+GCAP (V.250 6.1.9): the modem's command sets,
// "+CGSM" for GSM. Commas or blanks stand between them.
func GCAP(lines []string) []string {
	var out []string
	for _, line := range lines {
		if list, ok := after(line, "+GCAP"); ok {
			out = append(out, strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })...)
		}
	}
	return out
}

// CFUN reads the answer to AT+CFUN?: the level of functionality (TS 27.007 8.2).
func CFUN(lines []string) (int, error) {
	list, _, err := find(lines, "+CFUN")
	if err != nil {
		return 0, err
	}
	var space [2]field
	n, ok := fields(list, space[:0])[0].number()
	if !ok {
		return 0, ErrMalformed
	}
	return n, nil
}

// CSCS reads the answer to AT+CSCS?: the character set in force, in the
// spelling of TS 27.007 5.5.
func CSCS(lines []string) (string, error) {
	list, _, err := find(lines, "+CSCS")
	if err != nil {
		return "", err
	}
	if set := charset(strings.Trim(list, ` "`)); set != "" {
		return set, nil
	}
	return "", ErrMalformed
}

// Charsets reads the answer to AT+CSCS=?: the character sets the modem has.
func Charsets(lines []string) ([]string, error) {
	list, _, err := find(lines, "+CSCS")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, g := range groups(list) {
		for _, set := range g.texts() {
			if set = charset(set); !slices.Contains(out, set) {
				out = append(out, set)
			}
		}
	}
	if len(out) == 0 {
		return nil, ErrMalformed
	}
	return out, nil
}

// charset returns one spelling of a set's name for all.
func charset(s string) string {
	switch s = strings.ToUpper(s); s {
	case "ASCII":
		return "IRA"
	case "8859-1":
		return "8859_1"
	}
	return s
}

// CSCA reads the answer to AT+CSCA?: the service centre's number and its type
// of address (TS 27.005 3.3.1); 0 for a type that is not said. ErrEmpty means
// that none is set.
func CSCA(lines []string) (smsc string, typ int, err error) {
	list, _, err := find(lines, "+CSCA")
	if err != nil {
		return "", 0, err
	}
	var space [2]field
	values := fields(list, space[:0])
	if smsc = number(values[0].text); smsc == "" {
		return "", 0, ErrEmpty
	}
	return smsc, at(values, 1).numberOr(0), nil
}

// Sysinfo is the answer to AT^SYSINFO of Huawei, as coded there.
type Sysinfo struct {
	Service, Domain, Roaming, Mode, SIM, Submode int // -1: not said
}

// SYSINFO reads the answer to AT^SYSINFO.
func SYSINFO(lines []string) (Sysinfo, error) {
	list, _, err := find(lines, "^SYSINFO")
	if err != nil {
		return Sysinfo{}, err
	}
	var space [8]field
	values := fields(list, space[:0])
	if _, ok := values[0].number(); !ok {
		return Sysinfo{}, ErrMalformed
	}
	n := func(i int) int { return at(values, i).numberOr(-1) }
	return Sysinfo{n(0), n(1), n(2), n(3), n(4), n(6)}, nil // 5 has no meaning
}
