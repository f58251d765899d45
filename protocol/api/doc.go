// Package api is the HTTP handler that the operator's applications call: numbers,
// reservations, messages, calls and waiting, as the documents of the wire have them.
//
// It knows who asks by a token, reads requests strictly, asks the pool, and writes
// objects of package protocol. It decides nothing about numbers or messages itself,
// never talks to a modem, and logs no body, token, number or text. The token of an
// application is kept as its SHA-256 alone.
package api
