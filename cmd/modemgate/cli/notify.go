package cli

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"

	"modemgate/cmd/modemgate/app"
)

// notify tells systemd of the service's state; without systemd it does nothing.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(state)) // nobody can be told
}

// watchdog gives systemd its beats while the gateway is alive, three in the time that it
// waits for one, until ctx ends. Without a watchdog it does nothing.
func watchdog(ctx context.Context, a *app.App) {
	us, err := strconv.Atoi(os.Getenv("WATCHDOG_USEC"))
	if err != nil || us <= 0 {
		return
	}
	const beats = 3
	tick := time.NewTicker(time.Duration(us) * time.Microsecond / beats)
	defer tick.Stop()
	for {
		if a.Alive() {
			notify("WATCHDOG=1")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
