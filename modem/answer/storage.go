package answer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Storage is one of the storages that AT+CPMS selects (TS 27.005 3.2.2).
type Storage struct {
	Name  string // "SM", "ME", ...; empty in the answer to the set form
	Used  int
	Total int
}

// Full says whether nothing more fits in.
func (s Storage) Full() bool { return s.Total > 0 && s.Used >= s.Total }

// CPMS reads the answer to AT+CPMS? or AT+CPMS=...: the storages that are read
// from, written to and received into. Modems that know fewer leave the last empty.
func CPMS(lines []string) (mem [3]Storage, err error) {
	list, _, err := find(lines, "+CPMS")
	if err != nil {
		return mem, err
	}
	var space [9]field
	values := fields(list, space[:0])
	n := 0
	for ; n < len(mem) && len(values) >= 2; n++ {
		s := Storage{}
		if _, ok := values[0].number(); !ok || values[0].quoted {
			s.Name, values = values[0].text, values[1:]
		}
		used, ok1 := at(values, 0).number()
		total, ok2 := at(values, 1).number()
		if !ok1 || !ok2 {
			break
		}
		s.Used, s.Total, values = used, total, values[2:]
		mem[n] = s
	}
	if n == 0 {
		return mem, ErrMalformed
	}
	return mem, nil
}

// Storages is the answer to AT+CPMS=?: names of the storages that can be read
// from, written to and received into.
type Storages [3][]string

// CPMSTest reads the answer to AT+CPMS=?. It may be empty.
func CPMSTest(lines []string) (Storages, error) {
	list, _, err := find(lines, "+CPMS")
	if err != nil {
		return Storages{}, err
	}
	all := groups(list)
	if n := len(all) / 3; !strings.Contains(list, "(") && n > 0 && len(all)%3 == 0 {
		// Three lists in a row without brackets.
		var flat group
		for _, g := range all {
			flat = append(flat, g...)
		}
		if len(flat) == len(all) {
			all = []group{flat[:n], flat[n : 2*n], flat[2*n:]}
		}
	}
	var out Storages
	for i := range min(len(out), len(all)) {
		out[i] = all[i].texts()
	}
	return out, nil
}

// Readable returns the storages to look for messages in: those that can be read
// from, or SM and ME when the modem names none.
func (s Storages) Readable() []string {
	if len(s[0]) == 0 {
		return []string{"SM", "ME"}
	}
	return s[0]
}

// Indications is the answer to AT+CNMI=? (TS 27.005 3.4.1): what each value may be.
type Indications struct {
	Mode, MT, BM, DS, BFR []int
}

// CNMITest reads the answer to AT+CNMI=?.
func CNMITest(lines []string) (Indications, error) {
	list, _, err := find(lines, "+CNMI")
	if err != nil {
		return Indications{}, err
	}
	var in Indications
	all := groups(list)
	for i, to := range [...]*[]int{&in.Mode, &in.MT, &in.BM, &in.DS, &in.BFR} {
		if i < len(all) {
			*to = all[i].numbers()
		}
	}
	if len(in.Mode) == 0 || len(in.MT) == 0 {
		return Indications{}, ErrMalformed
	}
	return in, nil
}

// CNMI reads the answer to AT+CNMI? (TS 27.005 clause 3.4.1): mt, what becomes of a
// message that arrives. 0: it is stored and nobody is told.
func CNMI(lines []string) (mt int, err error) {
	for _, l := range lines {
		rest, ok := strings.CutPrefix(l, "+CNMI:")
		if !ok {
			continue
		}
		values := strings.Split(rest, ",")
		if len(values) < 2 {
			return 0, ErrMalformed
		}
		if mt, err = strconv.Atoi(strings.TrimSpace(values[1])); err != nil {
			return 0, ErrMalformed
		}
		return mt, nil
	}
	return 0, ErrAbsent
}

// PickCNMI returns the values for AT+CNMI= to try, best first: those of prefer
// that the answer to AT+CNMI=? allows, or all when it does not say. With no
// prefer the order is the one that works on most modems; each stores what
// arrives and announces it (mt 1). The last value, what becomes of indications
// kept meanwhile, follows the answer: some modems know only one.
func PickCNMI(test []string, prefer ...string) []string {
	if len(prefer) == 0 {
		prefer = []string{"2,1,2,1,0", "2,1,2,2,0", "2,1,2,0,0", "2,1,0,1,0", "2,1,0,2,0", "2,1,0,0,0", "1,1,0,0,0"}
	}
	in, err := CNMITest(test)
	if err != nil {
		return slices.Clone(prefer)
	}
	var out []string
	for _, p := range prefer {
		if value, ok := in.fit(p); ok && !slices.Contains(out, value) {
			out = append(out, value)
		}
	}
	return out
}

// fit says whether a value for AT+CNMI= is allowed, with the last of five
// changed if need be.
func (in Indications) fit(value string) (string, bool) {
	values := strings.Split(value, ",")
	for i, allowed := range [...][]int{in.Mode, in.MT, in.BM, in.DS, in.BFR} {
		if i >= len(values) || allowed == nil {
			continue
		}
		n, err := strconv.Atoi(values[i])
		switch {
		case err != nil:
			return "", false
		case slices.Contains(allowed, n):
		case i == 4:
			values[i] = fmt.Sprint(allowed[0])
		default:
			return "", false
		}
	}
	return strings.Join(values, ","), true
}

// StorageFull reads an unsolicited line that says that no more messages fit in,
// with the storage's name where it is said: ^SMMEMFULL of Huawei, +ZSMMEMFULL
// of ZTE, +QIND of Quectel.
func StorageFull(line string) (storage string, ok bool) {
	head, list, _ := strings.Cut(strings.TrimLeft(line, " "), ":")
	list = strings.Trim(list, ` "`)
	switch head {
	case "^SMMEMFULL", "+ZSMMEMFULL":
		return list, true
	case "+QIND":
		return "", strings.HasPrefix(list, "SMS FULL")
	}
	return "", false
}
