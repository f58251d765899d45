// Package alarm tells the operator's own receivers when something is wrong and when it is
// right again, and calls a dead man's switch every minute while everything is in order.
//
// What is to be told lives in memory: the alarm itself is in the store and in the metrics.
// A receiver that does not answer is tried again for an hour; the newest word on an
// alarm is what it gets then.
//
// The package never follows a redirect, and logs neither bodies nor URLs.
package alarm
