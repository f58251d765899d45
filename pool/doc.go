// Package pool is the domain of modemgate: the operator's SIMs, what they receive,
// where it goes, and which application has which number for how long.
//
// A [Pool] decides everything in memory, under one lock, and hands each decision to
// its [Store] as one [Change]: one event, one transaction. Whatever it answers has
// waited for the newest change that it rests on, except lists of numbers and counts,
// which are answered from memory. What follows a commit (calls that wait, streams,
// deliveries) is told by the store in the order of commits.
//
// The package imports nothing of the project and does no I/O of its own. Decoding
// of PDUs comes in as a [Decoder]. Nothing in it assumes one box, and nothing is
// global. Times that end something are kept as a [Moment], which survives restarts
// and clocks that jump.
//
// It never touches a modem, logs nothing, and puts no text and no number into errors.
package pool
