package answer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Class tells where the code of an [Error] comes from.
type Class string

// Classes of errors.
const (
	CME   Class = "CME" // +CME ERROR, TS 27.007 9.2
	CMS   Class = "CMS" // +CMS ERROR, TS 27.005 3.2.5
	Plain Class = ""    // a bare word: ERROR, NO CARRIER, COMMAND NOT SUPPORT
)

// UnknownCode is the Code of an [Error] whose text stands for no number.
const UnknownCode = -1

// Error is a final result that says that the command failed.
type Error struct {
	Class Class
	Code  int    // of Class, also for a text that stands for a code
	Text  string // what the modem said after the prefix, or the whole line when there is none
}

// Error repeats the final result, and says what its code means.
func (e *Error) Error() string {
	if e.Class == Plain {
		return e.Text
	}
	if meaning := meanings(e.Class)[e.Code]; meaning != "" && !strings.EqualFold(meaning, e.Text) {
		return fmt.Sprintf("+%s ERROR: %s (%s)", e.Class, e.Text, meaning)
	}
	return fmt.Sprintf("+%s ERROR: %s", e.Class, e.Text)
}

// IsCME reports whether err is a +CME ERROR with one of the codes.
func IsCME(err error, codes ...int) bool { return is(err, CME, codes) }

// IsCMS reports whether err is a +CMS ERROR with one of the codes.
func IsCMS(err error, codes ...int) bool { return is(err, CMS, codes) }

func is(err error, class Class, codes []int) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Class == class && slices.Contains(codes, e.Code)
}

// Final says whether line is a final result, the end of an answer, and with
// which outcome: err is nil for OK and CONNECT, else an [*Error]. Call results
// (NO CARRIER, BUSY) are final too; [Unsolicited] tells when they are not.
func Final(line string) (final bool, err error) {
	line = strings.TrimSpace(line)
	if !isFinal(line) {
		return false, nil
	}
	class, text := Plain, line
	switch {
	case line == "OK" || strings.HasPrefix(line, connect):
		return true, nil
	case strings.HasPrefix(line, cmeError):
		class, text = CME, line[len(cmeError):]
	case strings.HasPrefix(line, cmsError):
		class, text = CMS, line[len(cmsError):]
	}
	text = strings.Clone(bounded(strings.TrimSpace(text)))
	return true, &Error{Class: class, Code: codeOf(class, text), Text: text}
}

const (
	connect    = "CONNECT"
	cmeError   = "+CME ERROR:"
	cmsError   = "+CMS ERROR:"
	modemError = "MODEM ERROR:"
)

// isFinal is Final for a trimmed line, without the reading. It does not allocate.
func isFinal(line string) bool {
	if line == "" {
		return false
	}
	switch line[0] {
	case '+':
		return strings.HasPrefix(line, cmeError) || strings.HasPrefix(line, cmsError)
	case 'M':
		rest, ok := strings.CutPrefix(line, modemError)
		rest = strings.TrimSpace(rest)
		return ok && rest != "" && strings.Trim(rest, "0123456789") == ""
	case 'C':
		if rest, ok := strings.CutPrefix(line, connect); ok {
			return rest == "" || rest[0] == ' '
		}
	}
	switch line {
	case "OK", "ERROR", "ABORTED", "COMMAND NOT SUPPORT", "TOO MANY PARAMETERS":
		return true
	}
	return isCallResult(line)
}

// isCallResult says whether a line ends a call or an attempt of one (V.250 6.3).
func isCallResult(line string) bool {
	switch line {
	case "NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE":
		return true
	}
	return false
}

// bounded cuts a text of a final result, which may be line noise, to a length
// fit for logs.
func bounded(text string) string {
	const most = 120
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "")
	}
	return text
}
