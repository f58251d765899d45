// Package simulator has stand-ins for the operator's systems: a receiver of webhooks
// that checks every signature and can misbehave. Tests and the demo use it; the
// product does not know it.
package simulator
