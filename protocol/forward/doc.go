// Package forward brings events to the operator's systems. It owns a delivery from the
// commit of its event to the commit of its receipt: first attempts at once and in the
// order of ids, retries on a schedule, a probe while a destination is down, the backlog
// at a measured pace when it is back.
//
// The disk knows of a delivery only whether it is pending, done or given up; when to
// try next lives in memory, and after a restart everything pending is due. A worker
// keeps its place until the receipt is on disk, so that no more deliveries than workers
// can be repeated after a crash.
//
// A kind of destination is one file behind the interface [Sender]. A sender tries once
// and says what came of it; it knows nothing of schedules.
//
// The package never follows a redirect, never turns verification of certificates off,
// and logs neither bodies nor secrets nor numbers.
package forward
