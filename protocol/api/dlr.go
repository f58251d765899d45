package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"net/http"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
)

// Reporter is a provider that sends delivery receipts.
type Reporter struct {
	Provider string
	Secret   [sha256.Size]byte // of the path; see HashToken
	Reports  protocol.Reports
}

// SetReporters replaces the providers whose receipts are taken.
func (h *Handler) SetReporters(list []Reporter) { h.reporters.Store(&list) }

// takeReport takes a delivery receipt of a provider. The answer is always 204, also for
// what says nothing: a provider would repeat it. The path holds the secret, so it is
// never logged.
func takeReport(x *exchange) error {
	sum := HashToken(x.r.PathValue("secret"))
	var found *Reporter
	if list := x.h.reporters.Load(); list != nil {
		for i := range *list {
			r := &(*list)[i]
			if subtle.ConstantTimeCompare(sum[:], r.Secret[:]) == 1 && r.Provider == x.r.PathValue("provider") {
				found = r
			}
		}
	}
	if found == nil {
		if x.h.wrong.TooMany(x.h.peer(x.r), time.Now()) {
			return &pool.Error{Code: "rate_limited", RetryAfter: protocol.GuessTime}
		}
		return &pool.Error{Code: pool.NotFound}
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	if err != nil {
		return &pool.Error{Code: "too_large"}
	}
	report, err := found.Reports.Read(x.r.Header.Get("Content-Type"), body, x.r.URL.RawQuery)
	switch {
	case err != nil:
		x.h.log.Warn("a provider's receipt can't be read", "provider", found.Provider, "error", err)
	case report.Status != "":
		if err := x.h.pool.Reported(found.Provider, report.ID, pool.DLR(report.Status), report.At); err != nil {
			return err
		}
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}
