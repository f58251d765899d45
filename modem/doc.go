// Package modem serves a rack of GSM modems: it finds ports and names slots,
// holds the AT session with each modem, reads SIM facts, takes every SMS from
// the modem's storage and hands it to a [Sink], and heals modems that hang.
//
// One goroutine owns a port. Unsolicited result codes only raise a flag; the
// owner does the work. A message is deleted from the modem only after the Sink
// has said that it is kept.
//
// A session stands on three layers, each testable alone: package line owns
// reading and writing of the port, warthog618/modem/at serialises commands on
// the stream that line conditions, and typed commands parse answers with
// package answer. PDUs are decoded by package pdu.
//
// The package imports nothing of the project outside its own folder. It never
// writes an IMEI, sends nothing over the air that the configuration does not
// ask for, and sends no command that is not on its allow-list.
package modem
