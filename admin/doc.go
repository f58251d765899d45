// Package admin is the operator's HTTP: a status page, the JSON API that commands use,
// a stream of what changes, metrics and health. The same handler serves the admin listener, where a token is
// asked for once one is set, and the control socket, where the file's mode decides.
//
// It shows what the pool, the store and the forwarder tell, and passes decisions on to
// the pool. Lists carry no text and no PDU; a text that is asked for is audited.
package admin
