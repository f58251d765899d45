// Package protocol is what stands on the wire and nothing else: the objects of the API
// for applications and of events, their ids and times, problems (RFC 9457), the strict
// reading of requests, and the signature of webhooks (Standard Webhooks).
//
// It imports nothing of the project, opens no connection and keeps no state.
package protocol
