// Package answer reads what GSM modems answer to AT commands, and what they say
// unasked. It is made of pure functions on lines of text: no I/O, no state, no
// goroutines, safe for concurrent use.
//
// A parser gets the information lines of an answer, without the final result
// and without line ends. It finds its lines by the command's prefix, never by
// position, and passes over foreign ones: whatever else the modem says meanwhile
// does no harm. Strings in results share memory with the lines they came from.
// Lines are as long as their reader lets them be: time and memory grow with that alone.
//
// Real modems leave out quotes, blanks, fields and brackets, or add some; a
// parser reads what can be read and fails with [ErrAbsent], [ErrMalformed] or
// [ErrEmpty] on the rest. No function panics on any input, and no error repeats
// what the modem sent, save the text of a final result.
//
// The rules are those of 3GPP TS 27.007 and 27.005, loosened where recorded
// answers depart from them; testdata/at.json holds the recordings.
package answer
