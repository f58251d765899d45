package answer

import (
	"strings"
)

// Codes of +CME ERROR that decide what to do next (TS 27.007 9.2.1).
const (
	CMESIMNotInserted = 10
	CMESIMPIN         = 11
	CMESIMPUK         = 12
	CMESIMFailure     = 13
	CMESIMBusy        = 14 // passes: ask again
	CMESIMWrong       = 15
	CMEWrongPassword  = 16
	CMEUnknown        = 100
	CMEPleaseWait     = 515 // vendors': initialisation or another command is under way; passes
)

// Codes of +CMS ERROR that decide what to do next (TS 27.005 3.2.5).
const (
	CMSNotAllowed     = 302
	CMSSIMNotInserted = 310
	CMSSIMPIN         = 311
	CMSSIMFailure     = 313
	CMSSIMBusy        = 314
	CMSSIMPUK         = 316
	CMSInvalidIndex   = 321
	CMSMemoryFull     = 322
	CMSNoAckExpected  = 340
	CMSUnknown        = 500
)

// meanings returns the texts of a class's codes as AT+CMEE=2 has them.
func meanings(class Class) map[int]string {
	switch class {
	case CME:
		return cmeTexts
	case CMS:
		return cmsTexts
	default:
		return nil
	}
}

// codeOf reads the number after an error prefix, or finds the number that its
// text stands for.
func codeOf(class Class, text string) int {
	if n, ok := (field{text: text}).number(); ok {
		return n
	}
	// Variants seen: "(U)SIM" for "SIM", a cause in brackets behind.
	text = strings.ReplaceAll(strings.ToLower(text), "(u)sim", "sim")
	if before, _, ok := strings.Cut(text, " (#"); ok {
		text = before
	}
	for code, meaning := range meanings(class) {
		if strings.ToLower(meaning) == text {
			return code
		}
	}
	if code, ok := otherTexts[class][text]; ok {
		return code
	}
	return UnknownCode
}

// cmeTexts is TS 27.007 9.2.1 to 9.2.2.1, and one code of vendors.
var cmeTexts = map[int]string{
	0:                 "phone failure",
	1:                 "no connection to phone",
	2:                 "phone-adaptor link reserved",
	3:                 "operation not allowed",
	4:                 "operation not supported",
	5:                 "PH-SIM PIN required",
	6:                 "PH-FSIM PIN required",
	7:                 "PH-FSIM PUK required",
	CMESIMNotInserted: "SIM not inserted",
	CMESIMPIN:         "SIM PIN required",
	CMESIMPUK:         "SIM PUK required",
	CMESIMFailure:     "SIM failure",
	CMESIMBusy:        "SIM busy",
	CMESIMWrong:       "SIM wrong",
	CMEWrongPassword:  "incorrect password",
	17:                "SIM PIN2 required",
	18:                "SIM PUK2 required",
	20:                "memory full",
	21:                "invalid index",
	22:                "not found",
	23:                "memory failure",
	24:                "text string too long",
	25:                "invalid characters in text string",
	26:                "dial string too long",
	27:                "invalid characters in dial string",
	30:                "no network service",
	31:                "network timeout",
	32:                "network not allowed - emergency calls only",
	40:                "network personalization PIN required",
	41:                "network personalization PUK required",
	42:                "network subset personalization PIN required",
	43:                "network subset personalization PUK required",
	44:                "service provider personalization PIN required",
	45:                "service provider personalization PUK required",
	46:                "corporate personalization PIN required",
	47:                "corporate personalization PUK required",
	48:                "hidden key required",
	49:                "EAP method not supported",
	50:                "Incorrect parameters",
	51:                "command implemented but currently disabled",
	52:                "command aborted by user",
	53:                "not attached to network due to MT functionality restrictions",
	54:                "modem not allowed - MT restricted to emergency calls only",
	55:                "operation not allowed because of MT functionality restrictions",
	56:                "fixed dial number only allowed - called number is not a fixed dial number",
	57:                "temporarily out of service due to other MT usage",
	58:                "language/alphabet not supported",
	59:                "unexpected data value",
	60:                "system failure",
	61:                "data missing",
	62:                "call barred",
	63:                "message waiting indication subscription failure",
	CMEUnknown:        "unknown",
	103:               "illegal MS",
	106:               "illegal ME",
	107:               "GPRS services not allowed",
	111:               "PLMN not allowed",
	112:               "location area not allowed",
	113:               "roaming not allowed in this location area",
	132:               "service option not supported",
	133:               "requested service option not subscribed",
	134:               "service option temporarily out of order",
	148:               "unspecified GPRS error",
	149:               "PDP authentication failure",
	150:               "invalid mobile class",
	CMEPleaseWait:     "Please wait, init or command processing in progress",
}

// cmsTexts is TS 27.005 3.2.5.
var cmsTexts = map[int]string{
	300:               "ME failure",
	301:               "SMS service of ME reserved",
	CMSNotAllowed:     "operation not allowed",
	303:               "operation not supported",
	304:               "invalid PDU mode parameter",
	305:               "invalid text mode parameter",
	CMSSIMNotInserted: "SIM not inserted",
	CMSSIMPIN:         "SIM PIN required",
	312:               "PH-SIM PIN required",
	CMSSIMFailure:     "SIM failure",
	CMSSIMBusy:        "SIM busy",
	315:               "SIM wrong",
	CMSSIMPUK:         "SIM PUK required",
	317:               "SIM PIN2 required",
	318:               "SIM PUK2 required",
	320:               "memory failure",
	CMSInvalidIndex:   "invalid memory index",
	CMSMemoryFull:     "memory full",
	330:               "SMSC address unknown",
	331:               "no network service",
	332:               "network timeout",
	CMSNoAckExpected:  "no +CNMA acknowledgement expected",
	CMSUnknown:        "unknown error",
}

// otherTexts is wording of vendors, in lower case.
var otherTexts = map[Class]map[string]int{
	CME: {
		"unknown error": CMEUnknown,
		"please wait, initialization or selected command processing in progress": CMEPleaseWait,
	},
	CMS: {"unknown": CMSUnknown},
}
