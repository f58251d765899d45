// Package pool is the domain of modemgate: SIMs, activations, messages and the
// rules between them. It decides which number an activation server gets, which
// upstreams a message goes to, and what a finished activation means for the
// number's future (the sale ledger).
//
// A [Pool] keeps what it decides from in memory and hands every change to a
// [Store] as one [Changes] value: one event, one transaction. Nothing that the
// pool answers leaves it before the store has it on disk.
//
// The package imports nothing of the project, does no I/O except through Store,
// never talks to a modem or a server, and assumes nothing about how many boxes
// there are: upstreams, tables and the decoder come in by [Options].
//
// All methods of Pool are safe for concurrent use.
package pool
