package api

import (
	"net/http"

	"modemgate/pool"
	"modemgate/protocol"
)

func getNumbers(x *exchange) error {
	q := x.query()
	filter := pool.NumberQuery{
		Country: q.text("country"), Operator: q.text("operator"), Tag: q.text("tag"),
		State: pool.NumberState(q.word("state", "free", "reserved", "quiet", "down")),
	}
	out, err := rows(q, x.h.pool.Numbers(x.app(), filter), number)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, out)
}

func getAvailability(x *exchange) error {
	out, err := rows(x.query(), x.h.pool.Availability(x.app()), availability)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, out)
}

func getDescription(x *exchange) error {
	x.w.Header().Set("Content-Type", "application/json")
	_, _ = x.w.Write(description) // the client may have gone
	return nil
}

func getProblem(x *exchange) error {
	text, ok := protocol.ProblemPage(x.r.PathValue("code"))
	if !ok {
		return &pool.Error{Code: pool.NotFound}
	}
	x.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = x.w.Write([]byte(text)) // the client may have gone
	return nil
}
