package pdu

// Flaw is a set of what was odd about a PDU that could be read all the same.
type Flaw uint16

// Flaws.
const (
	HalfOctet       Flaw = 1 << iota // the hexadecimal form had an odd number of digits
	Truncated                        // there is less user data than its length says
	Trailing                         // there are octets behind the user data
	BadHeader                        // a user data header is announced but none fits; read as if there were none
	BadElement                       // an element of the user data header reaches beyond it
	BadConcat                        // the concatenation element makes no sense or says "one of one"
	BadTime                          // a time stamp is not a time
	BadText                          // half a character, shown as U+FFFD or left out
	UnknownLanguage                  // a shift table that is not known; the default was taken
	ReservedCoding                   // a reserved data coding scheme, taken for GSM 7 bit
	ReservedType                     // a reserved message type, read as a deliver
)

// Words names the flaws of the set, in a fixed order.
func (f Flaw) Words() []string {
	words := [...]string{
		"half octet at the end",
		"user data cut short",
		"octets after the user data",
		"user data header does not fit",
		"header element does not fit",
		"concatenation ignored",
		"unreadable time stamp",
		"broken character",
		"unknown shift table",
		"reserved data coding scheme",
		"reserved message type",
	}
	var found []string
	for i, w := range words {
		if f&(1<<i) != 0 {
			found = append(found, w)
		}
	}
	return found
}
