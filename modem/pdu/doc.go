// Package pdu reads the short messages that a modem gives in PDU mode: the
// service-centre part and the TPDU of 3GPP TS 23.040, in the alphabets and codings
// of 3GPP TS 23.038.
//
// It reads leniently. What networks and modems really send is often cut, padded or
// coded against the standard; whatever can be read of it is read, and [Message.Flaws]
// says what was odd. An error means that there is not even a readable header. No
// input makes it panic, and what it makes of an input is bounded by a TPDU's user
// data length of 255.
//
// A long message comes as several PDUs, each a [Message] of its own with
// [Message.Concat] set. [Join] decodes their texts together, since a character may
// be split between two of them.
//
// The package does no I/O, keeps no state, and encodes nothing. Its error values and
// flaws never hold any part of a message.
package pdu
