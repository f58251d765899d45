// Package modem serves a rack of GSM modems: it finds ports and names slots, holds
// the AT session with each modem, reads facts of the SIM, takes every SMS and call
// and hands them to a [Sink], and opens ports anew that have died.
//
// One goroutine owns a port. What a modem says unasked only raises a flag; the owner
// does the work. A message is deleted from the modem only after the Sink has said
// that it is on disk, and an index names a message only from its reading to one
// AT+CMGD, because modems use a slot again at once.
//
// A session stands on three layers, each testable alone: package line owns all bytes
// and time limits of the port, warthog618/modem/at on top of it gives commands their
// order, and the session's commands read answers with package answer. Package pdu
// decodes messages for those who keep them.
//
// The package imports nothing of the project outside its own folder. It never writes
// an IMEI, sends nothing over the air, and writes no command that its table does not
// have. It logs no text, no PDU and no number.
package modem
