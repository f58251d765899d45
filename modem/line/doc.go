// Package line owns all bytes and all time limits of a modem's port.
//
// One goroutine reads the port, cuts it into lines and decides for each what it
// is: a line of the answer to the command in flight, an unsolicited result code
// (URC, 3GPP TS 27.007 clause 4), or noise. URCs go in order to the owner's
// callback and never into an answer. Commands go through warthog618/modem/at,
// which gives them their order and waits for their final result; it sees nothing
// but exactly one final result for each command it has written.
//
// An answer is never taken for another command's. A command without an answer in
// time, or with one that can't be its own, leaves the connection out of step: from
// then on nothing but [Conn.Resync] is accepted, which asks named questions until
// one has got its own answer.
//
// The package knows no modem family and no command: what an answer looks like
// comes with each command, as a [Spec]. It keeps no text and logs nothing.
package line
