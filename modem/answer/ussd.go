package answer

import (
	"errors"
	"strings"
)

// USSD is a +CUSD line (TS 27.007 7.15).
type USSD struct {
	// Status: 0 done, 1 waits for a reply, 2 ended by the network, 3 another
	// client answered, 4 not supported, 5 timeout.
	Status   int
	Raw      string // body as the modem gave it
	DCS      int    // data coding scheme; -1: not said
	Encoding Encoding
	Text     string
}

// Open says whether the session waits for a reply; it must be closed (AT+CUSD=2)
// when none is meant.
func (u USSD) Open() bool { return u.Status == 1 }

// CUSD reads the +CUSD line among lines, wherever it is, and those that its
// body goes on over. Of several the first with a body counts: a bare one may
// come before the answer. Text is decoded by content.
func CUSD(lines []string) (USSD, error) {
	err := ErrAbsent
	var bare USSD
	for rest := lines; ; {
		list, at, findErr := find(rest, "+CUSD")
		if findErr != nil {
			return bare, err
		}
		rest = rest[at+1:]
		if n := bodyLines(list, rest); n > 0 {
			list += "\r\n" + strings.Trim(strings.Join(rest[:n], "\r\n"), "\r\n")
			rest = rest[n:]
		}
		u, ok := ussd(list)
		switch {
		case ok && u.Raw != "":
			return u, nil
		case ok:
			bare, err = u, nil
		case errors.Is(err, ErrAbsent):
			err = ErrMalformed
		}
	}
}

// bodyLines returns how many of the next lines belong to the body that begins
// in list; 0 too when its closing quote is nowhere.
func bodyLines(list string, next []string) int {
	const most = 64 // a USSD string has up to 182 characters (TS 23.090)
	if !openQuote(list) {
		return 0
	}
	for i, line := range next[:min(len(next), most)] {
		if closesQuote(line) {
			return i + 1
		}
	}
	return 0
}

// openQuote says whether list has a quote after which none closes.
func openQuote(list string) bool {
	_, body, ok := strings.Cut(list, `"`)
	return ok && !closesQuote(body)
}

// closesQuote says whether the last quote of s is a closing one: behind it is
// the data coding scheme or nothing.
func closesQuote(s string) bool {
	end := strings.LastIndexByte(s, '"')
	return end >= 0 && strings.Trim(s[end+1:], " ,0123456789") == ""
}

func ussd(list string) (USSD, bool) {
	status, rest, _ := strings.Cut(list, ",")
	u := USSD{DCS: -1, Encoding: PlainText}
	var ok bool
	if u.Status, ok = (field{text: strings.TrimSpace(status)}).number(); !ok {
		return USSD{}, false
	}
	rest = strings.TrimSpace(rest)
	dcs := ""
	if inner, quoted := strings.CutPrefix(rest, `"`); quoted {
		// The body may hold quotes and commas: the last quote ends it.
		u.Raw = inner
		if end := strings.LastIndexByte(inner, '"'); end >= 0 {
			u.Raw, dcs = inner[:end], inner[end+1:]
		}
	} else {
		u.Raw = rest
		if i := strings.LastIndexByte(rest, ','); i >= 0 && isDecimal(strings.TrimSpace(rest[i+1:])) {
			u.Raw, dcs = rest[:i], rest[i:]
		}
	}
	u.DCS = field{text: strings.Trim(dcs, " ,")}.numberOr(-1)
	u.Text, u.Encoding = content(u.Raw, u.DCS)
	return u, true
}
