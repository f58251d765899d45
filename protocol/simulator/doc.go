// Package simulator has stand-ins for the operator's systems: a receiver of webhooks
// that checks every signature and an SMS provider that sends to the simulated rack; both can
// misbehave. Tests and the demo use it; the
// product does not know it.
package simulator
