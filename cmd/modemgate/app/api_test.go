package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	modems "modemgate/modem/simulator"
	"modemgate/protocol"
)

// TestReservedNumber goes the way of an application's test run, from the reservation to
// the message that it caused, and holds what others see of it to the rules.
func TestReservedNumber(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 2, "")
	r, modem := g.reserve(`{"ttl_s":60,"purpose":"sign-up"}`)

	waited := make(chan *answer, 1)
	go func() {
		waited <- g.request(qaToken, "POST", "/v1/wait", fmt.Sprintf(`{"reservation":%q,"match":{"from":"shop","regex":"\\d{6}"},"timeout_s":20}`, r.ID))
	}()
	g.rack.Modem(modem).Deliver(modems.SMS{From: "BANK", Text: "not the application's: 654321"})
	g.rack.Modem(modem).Deliver(modems.SMS{From: "SHOP", Text: "Your code is 123456"})
	var w protocol.WaitAnswer
	(<-waited).into(t, &w)
	if w.Outcome != "matched" || len(w.Messages) != 1 {
		t.Fatalf("the wait: %+v", w)
	}
	g.pushed("not the application's: 654321")
	d := g.pushed("Your code is 123456")
	if d.Event.Data.Reservation == nil || *d.Event.Data.Reservation != r.ID {
		t.Errorf("the pushed message belongs to %v, not to %s", d.Event.Data.Reservation, r.ID)
	}

	var list protocol.List[protocol.Message]
	g.request(qaToken, "GET", "/v1/messages?pdu=true", "").into(t, &list)
	if len(list.Items) != 1 || *list.Items[0].From != "SHOP" || len(list.Items[0].PDU) != 1 {
		t.Errorf("the holder sees %+v", list.Items)
	}
	g.request(otherToken, "GET", "/v1/messages", "").into(t, &list)
	if len(list.Items) != 0 {
		t.Errorf("another application sees %d messages of a reserved number", len(list.Items))
	}
	if a := g.request(otherToken, "GET", "/v1/messages/"+d.Event.Data.ID, ""); a.status != http.StatusNotFound {
		t.Errorf("another's message: %d", a.status)
	}
	for range 2 {
		if a := g.request(qaToken, "DELETE", "/v1/reservations/"+r.ID, ""); a.status != http.StatusNoContent {
			t.Errorf("release: %d %s", a.status, a.body)
		}
	}
	g.rack.Modem(modem).Deliver(modems.SMS{From: "+4930123456", Text: "nobody's"})
	g.pushed("nobody's")
	g.request(otherToken, "GET", "/v1/messages?order=asc", "").into(t, &list)
	if len(list.Items) != 1 || *list.Items[0].Text != "nobody's" {
		t.Errorf("what belongs to nobody is seen by all who select the SIM: %+v", list.Items)
	}
}

// TestExchanges holds one exchange of each kind to its status and to the description.
func TestExchanges(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 2, "")
	first, _ := g.reserve(`{}`)
	replay := `{"ttl_s":30}`
	for i, x := range []struct {
		token, method, path, body string
		headers                   []string
		status                    int
		has                       string
	}{
		{qaToken, "GET", "/v1/numbers", "", nil, 200, `"state":"reserved"`},
		{qaToken, "GET", "/v1/numbers?state=free&limit=1", "", nil, 200, `"state":"free"`},
		{qaToken, "GET", "/v1/numbers?colour=red", "", nil, 400, "colour"},
		{qaToken, "GET", "/v1/availability", "", nil, 200, `"reserved":1`},
		{qaToken, "GET", "/v1/reservations?open=true", "", nil, 200, first.ID},
		{qaToken, "GET", "/v1/reservations/" + first.ID, "", nil, 200, `"ended_at":null`},
		{otherToken, "GET", "/v1/reservations/" + first.ID, "", nil, 403, "forbidden"},
		{qaToken, "GET", "/v1/reservations/res_999999", "", nil, 404, "not_found"},
		{qaToken, "POST", "/v1/reservations/" + first.ID + "/extend", `{"ttl_s":120}`, nil, 200, first.ID},
		{qaToken, "POST", "/v1/reservations", replay, []string{"Idempotency-Key", "k1"}, 201, "res_"},
		{qaToken, "POST", "/v1/reservations", replay, []string{"Idempotency-Key", "k1"}, 201, "res_"},
		{qaToken, "POST", "/v1/reservations", `{"ttl_s":31}`, []string{"Idempotency-Key", "k1"}, 422, "idempotency_key_reused"},
		{qaToken, "POST", "/v1/reservations", `{}`, nil, 409, "no_number_free"},
		{qaToken, "POST", "/v1/reservations", `{"country":"ZZ"}`, nil, 422, "no_number_matches"},
		{qaToken, "POST", "/v1/reservations", `{"ttl_s":3601}`, nil, 400, "ttl_s"},
		{qaToken, "POST", "/v1/reservations", `{"ttl_s":1,"ttl_s":2}`, nil, 400, "ttl_s"},
		{qaToken, "POST", "/v1/reservations", `{"TTL_S":1}`, nil, 400, "TTL_S"},
		{qaToken, "POST", "/v1/reservations", `{"purpose":"` + strings.Repeat("x", 70000) + `"}`, nil, 413, "too_large"},
		{qaToken, "POST", "/v1/reservations", `{}`, []string{"Content-Type", "text/plain"}, 415, "unsupported_media_type"},
		{qaToken, "POST", "/v1/wait", fmt.Sprintf(`{"reservation":%q,"timeout_s":0}`, first.ID), nil, 200, `"timed_out"`},
		{qaToken, "POST", "/v1/wait", fmt.Sprintf(`{"number":%q,"kind":"call","timeout_s":0,"expect":"none"}`, first.Number), nil, 200, `"outcome"`},
		{qaToken, "POST", "/v1/wait", `{}`, nil, 400, "reservation"},
		{qaToken, "GET", "/v1/messages", "", nil, 200, `"items":[]`},
		{qaToken, "GET", "/v1/messages/msg_1", "", nil, 404, "not_found"},
		{qaToken, "GET", "/v1/calls", "", nil, 200, `"items":[]`},
		{qaToken, "GET", "/v1/calls/call_1", "", nil, 404, "not_found"},
		{"", "GET", "/v1/numbers", "", nil, 401, "unauthorized"},
		{"wrong", "GET", "/v1/numbers", "", nil, 401, "unauthorized"},
		{"", "GET", "/v1/problems/no_number_free", "", nil, 200, "Try:"},
		{"", "GET", "/v1/problems/nonsense", "", nil, 404, "not_found"},
		{qaToken, "PUT", "/v1/numbers", "", nil, 405, "method_not_allowed"},
		{qaToken, "GET", "/v1/nothing", "", nil, 404, "not_found"},
		{qaToken, "DELETE", "/v1/reservations/" + first.ID, "", nil, 204, ""},
		{qaToken, "POST", "/v1/reservations/" + first.ID + "/extend", `{}`, nil, 410, "reservation_ended"},
	} {
		a := g.request(x.token, x.method, x.path, x.body, x.headers...)
		if a.status != x.status || !strings.Contains(string(a.body), x.has) {
			t.Errorf("%d: %s %s: %d %s; want %d with %q", i, x.method, x.path, a.status, a.body, x.status, x.has)
		}
		if replayed := a.header.Get("Idempotent-Replayed") == "true"; replayed != (i == 10) {
			t.Errorf("%d: Idempotent-Replayed %v", i, replayed)
		}
	}
}

// TestPartsOverRestart sends the parts of a long message out of order, with a restart
// between: they become one message, pushed once.
func TestPartsOverRestart(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 1, "")
	parts := []string{"first " + strings.Repeat("a", 100), " second " + strings.Repeat("b", 100), " third"}
	all := modems.SMS{From: "METER", Parts: parts, Ref: 77}.PDUs()
	g.rack.Modem(0).DeliverPDU(all[2])
	g.rack.Modem(0).DeliverPDU(all[0])
	g.until("two parts to be taken", func() bool { return len(g.rack.Modem(0).Stored()) == 0 })
	g.stop()
	g.start()
	g.rack.Modem(0).DeliverPDU(all[1])
	d := g.pushed(strings.Join(parts, ""))
	if p := d.Event.Data.Parts; p.Total != 3 || p.Received != 3 || !d.Event.Data.Complete {
		t.Errorf("parts %+v, complete %v", p, d.Event.Data.Complete)
	}
	got, _ := g.receiver.Deliveries()
	if n := len(got); n != 1 {
		t.Errorf("%d deliveries for one message", n)
	}
}

// TestRepeatedTPDU delivers the very same TPDU again, as a network does when it has not
// heard the acknowledgement: it is counted, and pushed once.
func TestRepeatedTPDU(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 1, "")
	pdu := modems.SMS{From: "PANEL", Text: "zone 3 open"}.PDUs()[0]
	for range 3 {
		g.rack.Modem(0).DeliverPDU(slices.Clone(pdu))
		g.until("the part to be taken", func() bool { return len(g.rack.Modem(0).Stored()) == 0 })
	}
	g.pushed("zone 3 open")
	var list protocol.List[protocol.Message]
	g.request(otherToken, "GET", "/v1/messages", "").into(t, &list)
	if len(list.Items) != 1 || list.Items[0].Repeats != 2 {
		t.Errorf("%+v", list.Items)
	}
}

// TestUndecodable keeps, counts and shows what can't be read.
func TestUndecodable(t *testing.T) {
	t.Parallel()
	g := newGateway(t, 1, "")
	g.rack.Modem(0).DeliverPDU([]byte{0x00, 0x04, 0xff, 0x91})
	g.until("the part to be taken", func() bool { return len(g.rack.Modem(0).Stored()) == 0 })
	var list protocol.List[protocol.Message]
	g.until("the message to be listed", func() bool {
		g.request(otherToken, "GET", "/v1/messages?pdu=true", "").into(t, &list)
		return len(list.Items) == 1
	})
	if m := list.Items[0]; m.Text != nil || len(m.PDU) != 1 || m.PDU[0] != "0004FF91" {
		t.Errorf("%+v", m)
	}
}
