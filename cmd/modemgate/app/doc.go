// Package app puts the parts of modemgate together: it makes them, starts and stops
// them in order, and holds the few adapters between them. It is the only package that
// knows all. It handles no signals and ends no process.
package app
