package app

import (
	"sync"
	"time"
)

// pulseLimit is for how long the oldest change may wait for the disk, and for how long the
// rack may not look for modems beyond its own pace, before the gateway counts as stuck.
const pulseLimit = 20 * time.Second

// pulse finds out whether something still answers, with one question at a time.
type pulse struct {
	ask func() // returns when it is answered

	mu    sync.Mutex
	asked time.Time
	reply chan struct{} // closed by the answer; nil: nothing was asked yet
}

// beats says whether the newest question was answered, or waits for less than pulseLimit.
func (p *pulse) beats(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	answered := p.reply == nil
	if !answered {
		select {
		case <-p.reply:
			answered = true
		default:
		}
	}
	if answered {
		reply := make(chan struct{})
		p.asked, p.reply = now, reply
		go func() { // one that is never answered stays for good, and the watchdog ends the process
			p.ask()
			close(reply)
		}()
	}
	return now.Sub(p.asked) < pulseLimit
}

// Alive says whether the gateway lives: what is to be kept gets to the disk, the pool can
// be asked, modems are looked for. No commit is made for it. It does not wait.
func (a *App) Alive() bool {
	now := time.Now()
	if !a.pulse.beats(now) {
		return false
	}
	if a.degraded {
		return true
	}
	last := a.rack.LookedAt()
	return last.IsZero() || now.Sub(last) < a.o.Config.Modems.Rescan+pulseLimit
}
