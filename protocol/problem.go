package protocol

import (
	"net/http"
	"strconv"
)

// Problem is an error as RFC 9457 has it, with a code and a remedy.
type Problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail *string `json:"detail"`
	Code   string  `json:"code"`
	Try    *string `json:"try"`
}

// kind is what all problems of one code have in common.
type kind struct {
	status     int
	title, try string
}

// kinds is the closed list of codes.
func kinds() map[string]kind {
	return map[string]kind{
		"unauthorized":           {http.StatusUnauthorized, "No valid token", "send Authorization: Bearer TOKEN with the application's token"},
		"forbidden":              {http.StatusForbidden, "The application may not do this", "give it the scope in [[app]] scopes"},
		"not_found":              {http.StatusNotFound, "There is no such thing", "look the id up in the list"},
		"method_not_allowed":     {http.StatusMethodNotAllowed, "The path does not take this method", "see the header Allow"},
		"too_large":              {http.StatusRequestEntityTooLarge, "The body is too large", "send at most 64 KiB"},
		"unsupported_media_type": {http.StatusUnsupportedMediaType, "The body is not JSON", "send Content-Type: application/json"},
		"rate_limited":           {http.StatusTooManyRequests, "Too many requests", "wait as Retry-After says"},
		"invalid_request":        {http.StatusBadRequest, "The request is not valid", "see detail, and the documentation of this path"},
		"idempotency_key_reused": {http.StatusUnprocessableEntity, "The Idempotency-Key was used with another body", "draw a new key for each new request"},
		"no_number_matches":      {http.StatusUnprocessableEntity, "No number matches", "see GET /v1/numbers for what the application is given"},
		"no_number_free":         {http.StatusConflict, "No matching number is free", "wait as Retry-After says, or ask with wait_s"},
		"receivers_down":         {http.StatusServiceUnavailable, "No matching receiver is live", "see GET /v1/numbers; the operator's dashboard says why"},
		"too_many_reservations":  {http.StatusConflict, "The application has as many reservations as it may", "end one with DELETE, or raise max_reservations"},
		"reservation_ended":      {http.StatusGone, "The reservation has ended", "make a new one"},
		"too_many_waiting":       {http.StatusServiceUnavailable, "Too many calls wait", "wait with fewer calls at a time"},
		"too_many_streams":       {http.StatusServiceUnavailable, "Too many event streams", "close one first"},
		"events_gone":            {http.StatusGone, "The events after this id are no longer kept", "begin again without an id"},
		"too_many_items":         {http.StatusConflict, "Too many test items are open", "wait until tests close"},
		"test_closed":            {http.StatusConflict, "The test is closed", "nothing more can be said of it"},
		"conflict":               {http.StatusConflict, "This contradicts what is set elsewhere", "see detail"},
		"text_erased":            {http.StatusGone, "The text was erased after its time", "keep texts longer with [retention] texts"},
		"store_unavailable":      {http.StatusServiceUnavailable, "The store can't be written", "try again; the operator's log says why"},
		"stopping":               {http.StatusServiceUnavailable, "The gateway is stopping", "try again in a moment"},
		"no_room":                {http.StatusInsufficientStorage, "The disk is nearly full", "make room on the gateway's disk"},
	}
}

// NewProblem makes the problem of a code.
func NewProblem(code, detail string) Problem {
	k := kinds()[code]
	return Problem{
		Type: "/v1/problems/" + code, Title: k.title, Status: k.status, Detail: Optional(detail), Code: code, Try: Optional(k.try),
	}
}

// Write answers a request with the problem.
func (p Problem) Write(w http.ResponseWriter) {
	body, err := Marshal(p)
	if err != nil {
		panic(err) // texts and a number
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the client may have gone
}

// ProblemPage is a sentence and a remedy for a code; ok is false for one that is none.
func ProblemPage(code string) (text string, ok bool) {
	k, ok := kinds()[code]
	if !ok {
		return "", false
	}
	return code + " (" + http.StatusText(k.status) + "): " + k.title + ".\nTry: " + k.try + ".\n", true
}
