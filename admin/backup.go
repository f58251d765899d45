package admin

import (
	"net/http"
	"time"

	"modemgate/pool"
)

// copyPatience is how long the copy on the gateway's own disk may take before the first byte.
const copyPatience = 10 * time.Minute

// backup gives a backup of the store. One that can't be finished breaks the connection:
// what the client has then has no end.
func (h *Handler) backup(w http.ResponseWriter, _ *http.Request) {
	if err := h.o.Pool.Audited(pool.Audit{Who: "operator", What: "store.backed_up"}); err != nil {
		h.problem(w, err)
		return
	}
	out := &patient{w: w, c: http.NewResponseController(w)}
	_ = out.c.SetWriteDeadline(time.Now().Add(copyPatience)) // where it can't be set there is none
	if err := h.o.Store.Backup(out); err != nil {
		if out.begun {
			h.log.Error("a backup broke off", "error", err)
			panic(http.ErrAbortHandler)
		}
		h.problem(w, err)
	}
}

// patient gives the client time for each part of a long answer.
type patient struct {
	w     http.ResponseWriter
	c     *http.ResponseController
	begun bool
}

// Write implements io.Writer.
func (p *patient) Write(b []byte) (int, error) {
	if !p.begun {
		p.w.Header().Set("Content-Type", "application/gzip")
		p.w.Header().Set("Cache-Control", "no-store")
		p.begun = true
	}
	_ = p.c.SetWriteDeadline(time.Now().Add(exportPatience))
	return p.w.Write(b)
}
