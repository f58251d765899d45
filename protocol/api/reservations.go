package api

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
)

const maxPurpose = 200

func postReservation(x *exchange) error {
	var body protocol.ReserveRequest
	raw, err := x.read(&body)
	if err != nil {
		return err
	}
	req := pool.ReserveRequest{
		Number: text(body.Number), Country: text(body.Country), Operator: text(body.Operator), Tag: text(body.Tag), Purpose: text(body.Purpose),
	}
	if body.Number != nil && !pool.IsNumber(req.Number) {
		return &protocol.Invalid{Name: "number", Why: "not a number such as +4915112345678"}
	}
	if len(req.Purpose) > maxPurpose {
		return &protocol.Invalid{Name: "purpose", Why: fmt.Sprintf("at most %d bytes", maxPurpose)}
	}
	if req.TTL, err = x.ttl(body.TTL); err != nil {
		return err
	}
	if body.Wait != nil {
		if *body.Wait < 0 || *body.Wait > 55 {
			return &protocol.Invalid{Name: "wait_s", Why: "must be from 0 to 55"}
		}
		req.Wait = time.Duration(*body.Wait) * time.Second
	}
	if req.Idempotency, err = x.idempotency(raw); err != nil {
		return err
	}
	if req.Wait > 0 {
		x.patient(req.Wait)
	}
	r, replayed, err := x.h.pool.Reserve(x.r.Context(), x.app(), req)
	if err != nil {
		return err
	}
	if replayed {
		x.w.Header().Set("Idempotent-Replayed", "true")
	}
	return x.json(http.StatusCreated, Reservation(r))
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// ttl reads ttl_s: from 1 s to what the application may, never clamped.
func (x *exchange) ttl(seconds *int64) (time.Duration, error) {
	limit := x.h.pool.MaxTTL(x.app())
	if seconds == nil {
		return min(600*time.Second, limit), nil
	}
	if *seconds < 1 || *seconds > int64(limit/time.Second) {
		return 0, &protocol.Invalid{Name: "ttl_s", Why: fmt.Sprintf("must be from 1 to %d", int64(limit/time.Second))}
	}
	return time.Duration(*seconds) * time.Second, nil
}

// idempotency reads the header Idempotency-Key.
func (x *exchange) idempotency(body []byte) (pool.Idempotency, error) {
	values := x.r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return pool.Idempotency{}, nil
	}
	key := values[0]
	if len(values) > 1 || key == "" || len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return pool.Idempotency{}, &protocol.Invalid{Name: "Idempotency-Key", Why: "must be one header of 1 to 255 printable characters"}
	}
	return pool.Idempotency{Path: x.r.URL.Path, Key: key, Body: sha256.Sum256(body)}, nil
}

// patient lets the answer take its time: the server's limits are for those that don't wait.
func (x *exchange) patient(d time.Duration) {
	c := http.NewResponseController(x.w)
	_ = c.SetWriteDeadline(time.Now().Add(d + 10*time.Second)) // where it can't be set there is none
	_ = c.SetReadDeadline(time.Time{})
}

func getReservations(x *exchange) error {
	q := x.query()
	open := q.flag("open")
	page := q.page(protocol.ReservationID)
	if err := q.done(); err != nil {
		return err
	}
	items, next := x.h.pool.Reservations(x.app(), open, page)
	return x.json(http.StatusOK, list(items, next, protocol.ReservationID, Reservation))
}

// id reads the id of the path. One that can't be is like one that never was.
func (x *exchange) id(prefix string) (pool.ID, error) {
	n, ok := protocol.ParseID(prefix, x.r.PathValue("id"))
	if !ok {
		return 0, &pool.Error{Code: pool.NotFound}
	}
	return pool.ID(n), nil
}

func getReservation(x *exchange) error {
	id, err := x.id(protocol.ReservationID)
	if err != nil {
		return err
	}
	r, err := x.h.pool.Reservation(x.app(), id)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, Reservation(r))
}

func deleteReservation(x *exchange) error {
	id, err := x.id(protocol.ReservationID)
	if err != nil {
		return err
	}
	if err := x.h.pool.Release(x.app(), id); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

func extendReservation(x *exchange) error {
	var body protocol.ExtendRequest
	if _, err := x.read(&body); err != nil {
		return err
	}
	id, err := x.id(protocol.ReservationID)
	if err != nil {
		return err
	}
	ttl, err := x.ttl(body.TTL)
	if err != nil {
		return err
	}
	r, err := x.h.pool.Extend(x.app(), id, ttl)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, Reservation(r))
}
