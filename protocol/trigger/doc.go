// Package trigger asks the operator's SMS providers to send the messages of delivery
// tests: one HTTP request a message, by templates, one attempt and never another, since a
// repeat could send twice. It decides nothing: what a test makes of an answer is the
// pool's.
package trigger
