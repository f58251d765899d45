// Package simulator is a rack of simulated GSM modems on real ptys. Tests, the
// demo and benchmarks use it in place of hardware; the product does not know it.
//
// [New] makes the ptys and links them into a directory. Each [Modem] speaks AT
// as one family of real modems does (see [Profile]), holds a [SIM] whose
// storage has few slots, and takes what its network delivers: into storage when
// there is room, else the network holds it until there is. Nothing is lost but
// what a real modem would lose: a +CMT that CSMS=0 acknowledged unseen, and
// status reports that CNMI does not ask for. The log of [Event] is the ground
// truth of what a modem had, told, gave away and was told to delete.
//
// Everything a rack does is a reaction to bytes on a pty, to a call of its
// methods or to an alarm of a modem; one goroutine a modem reads its pty, one
// more a rack sees clients close them. What is drawn at random comes from
// Options.Seed. Text mode (CMGF=1) is not spoken.
//
// A modem never goes on the air, and nothing can change its IMEI by AT.
package simulator
