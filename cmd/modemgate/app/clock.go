package app

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"modemgate/pool"
)

// bootNow reads the clock that runs since the machine's boot, once. The boot's id comes
// from the unit, since its confinement hides the file.
func bootNow() pool.Boot {
	b := pool.Boot{ID: os.Getenv("MODEMGATE_BOOT_ID"), At: time.Now()}
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) == nil {
		b.Clock = time.Duration(ts.Nano())
	}
	if b.ID == "" {
		if text, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
			b.ID = strings.TrimSpace(string(text))
		}
	}
	return b
}

// synchronised asks the kernel whether somebody keeps its clock right. A kernel that
// can't be asked is trusted.
func synchronised() bool {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	return err != nil || state != unix.TIME_ERROR
}
