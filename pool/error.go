package pool

import "time"

// Code says by a closed list why something was refused. The wire uses the same words.
type Code string

// Codes.
const (
	Unauthorized        Code = "unauthorized"
	Forbidden           Code = "forbidden"
	NotFound            Code = "not_found"
	InvalidRequest      Code = "invalid_request"
	NoNumberMatches     Code = "no_number_matches"
	NoNumberFree        Code = "no_number_free"
	ReceiversDown       Code = "receivers_down"
	TooManyReservations Code = "too_many_reservations"
	AlreadyEnded        Code = "reservation_ended"
	KeyReused           Code = "idempotency_key_reused"
	TooManyWaiting      Code = "too_many_waiting"
	TooManyStreams      Code = "too_many_streams"
	EventsGone          Code = "events_gone"
	TooManyItems        Code = "too_many_items"
	TestIsClosed        Code = "test_closed"
	TextErased          Code = "text_erased"
	Conflict            Code = "conflict"
	NoRoom              Code = "no_room"
	StoreUnavailable    Code = "store_unavailable"
	Stopping            Code = "stopping"
)

// Error is a refusal that its caller is told.
type Error struct {
	Code       Code
	Detail     string        // a sentence; no text, no number
	RetryAfter time.Duration // 0: not known
}

// Error gives code and detail.
func (e *Error) Error() string {
	if e.Detail == "" {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Detail
}

func refuse(code Code, detail string) *Error { return &Error{Code: code, Detail: detail} }
