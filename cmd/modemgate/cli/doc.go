// Package cli has modemgate's commands, a file for each group. Errors go to stderr as one
// line "modemgate: what failed: why", followed, where something can be done, by "try:
// what to do". Commands exit with 0 when done, 1 when they failed and 2 when they were
// used wrongly; run also with 78 and 79, so that systemd leaves it alone.
package cli
