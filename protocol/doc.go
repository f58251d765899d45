// Package protocol is what stands on the wire and nothing else: the objects of the API
// for applications and of events, their ids and times, problems (RFC 9457), the strict
// reading of requests, the form of event streams, the signature of webhooks (Standard
// Webhooks); and what everybody who talks over it must keep to: which addresses of the
// operator's systems are called and how, and how often a token may be guessed.
//
// It imports nothing of the project, knows no domain, and logs nothing.
package protocol
