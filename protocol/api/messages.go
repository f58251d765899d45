package api

import (
	"net/http"

	"modemgate/protocol"
)

func getMessages(x *exchange) error {
	q := x.query()
	page := q.page(protocol.MessageID)
	page.Number, page.From, page.Contains = q.number("number"), q.text("from"), q.text("contains")
	page.Reservation, page.Since = q.id("reservation", protocol.ReservationID), q.time("since")
	pdus := q.flag("pdu")
	page.Test = q.id("test", protocol.TestID)
	if err := q.done(); err != nil {
		return err
	}
	items, next := x.h.pool.Messages(x.app(), page)
	wire := Message
	if pdus {
		wire = withPDUs
	}
	return x.json(http.StatusOK, list(items, next, protocol.MessageID, wire))
}

func getMessage(x *exchange) error {
	id, err := x.id(protocol.MessageID)
	if err != nil {
		return err
	}
	q := x.query()
	pdus := q.flag("pdu")
	if err := q.done(); err != nil {
		return err
	}
	m, err := x.h.pool.Message(x.app(), id)
	if err != nil {
		return err
	}
	if pdus {
		return x.json(http.StatusOK, withPDUs(m))
	}
	return x.json(http.StatusOK, Message(m))
}

func getCalls(x *exchange) error {
	q := x.query()
	page := q.page(protocol.CallID)
	page.Number, page.From = q.number("number"), q.text("from")
	page.Reservation, page.Since = q.id("reservation", protocol.ReservationID), q.time("since")
	if err := q.done(); err != nil {
		return err
	}
	items, next := x.h.pool.Calls(x.app(), page)
	return x.json(http.StatusOK, list(items, next, protocol.CallID, Call))
}

func getCall(x *exchange) error {
	id, err := x.id(protocol.CallID)
	if err != nil {
		return err
	}
	c, err := x.h.pool.Call(x.app(), id)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, Call(c))
}
