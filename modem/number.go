package modem

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// errNumber says that a text is no phone number. The text is not repeated: it
// may be a subscriber's number with a slip in it.
var errNumber = errors.New("not a phone number")

// Normalize reads a subscriber's number as SIMs and operators write it and
// returns it in E.164 form with "+". Blanks, brackets, dots and dashes are
// left out; "00" counts as "+". A national number needs region, the ISO 3166
// code of the SIM's country, and must be valid there; "" means unknown. An
// international one must have a length that its country uses, but may belong to
// a range newer than the tables, unless a trunk prefix had to be taken out of
// it ("+44 (0)7400..."). Errors do not contain the number.
func Normalize(number, region string) (e164 string, err error) {
	digits, err := numberDigits(number)
	if err != nil {
		return "", err
	}
	if region == "" && !strings.HasPrefix(digits, "+") {
		return "", fmt.Errorf("%w: national form and the SIM's country is not known", errNumber)
	}
	parsed, err := phonenumbers.Parse(digits, strings.ToUpper(region))
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNumber, err)
	}
	e164 = phonenumbers.Format(parsed, phonenumbers.E164)
	if e164 == digits && phonenumbers.IsPossibleNumber(parsed) || phonenumbers.IsValidNumber(parsed) {
		return e164, nil
	}
	return "", fmt.Errorf("%w: its country has none like it", errNumber)
}

// numberDigits reduces a number to digits with an optional leading "+".
func numberDigits(number string) (string, error) {
	var b strings.Builder
	for _, r := range strings.TrimSpace(number) {
		switch {
		case '0' <= r && r <= '9', r == '+' && b.Len() == 0:
			b.WriteRune(r)
		case strings.ContainsRune(" -.()/\u00a0", r):
		default:
			return "", errNumber
		}
	}
	digits := b.String()
	if rest, ok := strings.CutPrefix(digits, "00"); ok {
		digits = "+" + rest
	}
	if len(digits) == 0 || len(digits) > len("+")+15 { // ITU-T E.164 6.1: 15 digits at most
		return "", errNumber
	}
	return digits, nil
}

// numberMCC is the mobile country code of an IMSI (3GPP TS 23.003 2.2), "" when
// the text is no IMSI.
func numberMCC(imsi string) string {
	if len(imsi) < 6 || len(imsi) > 15 || strings.Trim(imsi, "0123456789") != "" {
		return ""
	}
	return imsi[:3]
}
