package app

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPulse: a question that waits for long ends the beats, its answer brings them back,
// and there is never a second one beside it.
func TestPulse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		asked := 0
		p := pulse{ask: func() { asked++; <-release }}
		for range 2 {
			if !p.beats(time.Now()) {
				t.Error("no beat, though the question was only just asked")
			}
			for range 3 {
				time.Sleep(6 * time.Second)
				if !p.beats(time.Now()) {
					t.Error("no beat before the time is over")
				}
			}
			for range 5 {
				time.Sleep(10 * time.Second)
				if p.beats(time.Now()) {
					t.Error("a beat, though nothing answers")
				}
			}
			release <- struct{}{}
			synctest.Wait()
		}
		if asked != 2 {
			t.Errorf("%d questions", asked)
		}
		close(release)
	})
}
