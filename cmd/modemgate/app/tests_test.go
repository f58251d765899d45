package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	modems "modemgate/modem/simulator"
	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/simulator"
)

const reportSecret = "report-secret-4711"

// lab is a gateway with a provider that sends to its rack.
type lab struct {
	*gateway
	provider *simulator.Provider
}

// newLab starts a gateway on n modems. behave says what the provider does.
func newLab(t testing.TB, n int, extra string, behave func(simulator.Order) simulator.Deed) *lab {
	t.Helper()
	l := &lab{}
	running := make(chan struct{}) // a monitor may ask before the gateway is said to run
	var err error
	if l.provider, err = simulator.NewProvider(simulator.ProviderOptions{From: "SHOP", Behave: behave, Deliver: func(to, from, text string) {
		select {
		case <-running:
		case <-t.Context().Done():
			return
		}
		rack := l.rack
		for i := range rack.Len() {
			if sim, _ := rack.Modem(i).SIM(); sim.MSISDN == to {
				rack.Modem(i).Deliver(modems.SMS{From: from, Text: text})
			}
		}
	}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, l.provider) })
	secret := filepath.Join(t.TempDir(), "report.secret")
	if err := os.WriteFile(secret, []byte(reportSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	l.gateway = newGateway(t, n, fmt.Sprintf(`[[provider]]
name = "main"
url = %q
body = '{"to":{{json .Number}},"text":{{json .Text}}}'
id_pointer = "/id"
daily_messages = 1000000
timeout = "5s"
dlr = { secret_file = %q, at = "/time", words = { DELIVRD = "delivered", REJECTD = "rejected" } }
`, l.provider.URL(), secret)+extra)
	close(running)
	l.provider.SetReceipts("http://" + l.app.APIAddr() + "/v1/dlr/main/" + reportSecret)
	return l
}

func (l *lab) number(modem int) string {
	sim, _ := l.rack.Modem(modem).SIM()
	return sim.MSISDN
}

// test opens a test of the application qa.
func (l *lab) test(body string) protocol.Test {
	l.t.Helper()
	var v protocol.Test
	a := l.request(qaToken, "POST", "/v1/tests", body)
	if a.status != http.StatusCreated {
		l.t.Fatalf("%d %s", a.status, a.body)
	}
	a.into(l.t, &v)
	return v
}

// closed waits until a test is closed.
func (l *lab) closed(id string) (v protocol.Test) {
	l.t.Helper()
	l.request(qaToken, "GET", "/v1/tests/"+id+"?wait_s=50", "").into(l.t, &v)
	if v.State != "closed" {
		l.t.Fatalf("%+v", v)
	}
	return v
}

func codes(i *protocol.Item) (out []string) {
	for _, f := range i.Findings {
		out = append(out, f.Code)
	}
	return out
}

// TestDeliveryTests goes the way of a test by a provider, for each of what it does.
func TestDeliveryTests(t *testing.T) {
	t.Parallel()
	l := newLab(t, 6, "", func(o simulator.Order) simulator.Deed {
		switch {
		case strings.HasPrefix(o.Text, "suffix"):
			return simulator.Deed{Text: o.Text + " STOP", Report: "DELIVRD", After: 2 * time.Second}
		case strings.HasPrefix(o.Text, "drop"):
			return simulator.Deed{Drop: true, Report: "DELIVRD"}
		case strings.HasPrefix(o.Text, "refuse"):
			return simulator.Deed{Status: 402}
		case strings.HasPrefix(o.Text, "silent"):
			return simulator.Deed{Silent: true, Drop: true}
		case strings.HasPrefix(o.Text, "twice"):
			return simulator.Deed{Twice: true, Report: "REJECTD"}
		}
		return simulator.Deed{Report: "ENROUTE"}
	})
	for i, c := range []struct {
		text                  string
		verdict, receipt, dlr string
		findings              []string
		reason                string
	}{
		{"plain {token}", "passed", "received", "waiting", nil, ""},
		{"suffix {token}", "degraded", "received", "delivered", []string{"text_suffixed"}, ""},
		{"drop {token}", "failed", "not_received", "delivered", []string{"dlr_false"}, ""},
		{"refuse {token}", "failed", "not_received", "waiting", []string{"send_refused"}, ""},
		{"silent {token}", "inconclusive", "inconclusive", "waiting", []string{"dlr_missing"}, "unanswered"},
		{"twice {token}", "passed", "received", "rejected", []string{"duplicate"}, ""},
	} {
		v := l.test(fmt.Sprintf(`{"select":{"numbers":[%q]},"text":%q,"send":{"provider":"main"},"deadline_s":5,"late_s":5,"labels":{"case":%q}}`, l.number(i), c.text, c.text))
		v = l.closed(v.ID)
		item := &v.Items[0]
		l.until("the late window of "+c.text, func() bool {
			l.request(qaToken, "GET", "/v1/tests/"+v.ID, "").into(t, &v)
			item = &v.Items[0]
			late := codes(item)
			if c.text == "plain {token}" {
				late = nil // its missing receipt is another row's
			}
			return item.DLR == c.dlr && slices.Equal(late, c.findings)
		})
		reason := ""
		if item.Reason != nil {
			reason = *item.Reason
		}
		if *v.Verdict != c.verdict || *item.Verdict != c.verdict || item.Receipt != c.receipt || reason != c.reason {
			t.Errorf("%s: %+v", c.text, item)
		}
		if (item.Latency != nil) != (c.receipt == "received") || c.receipt == "received" && item.Message == nil {
			t.Errorf("%s: latency %v, message %v", c.text, item.Latency, item.Message)
		}
	}
	if n := len(l.provider.Orders()); n != 6 {
		t.Errorf("%d orders for 6 items", n)
	}
	got, _ := l.receiver.Deliveries()
	if len(got) != 0 {
		t.Errorf("%d messages of tests went to a destination", len(got))
	}
}

// TestTestExchanges holds one exchange of each kind to its status and to the description.
func TestTestExchanges(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, "", nil)
	a, b := l.number(0), l.number(1)
	v := l.test(fmt.Sprintf(`{"select":{"numbers":[%q]},"deadline_s":60}`, a))
	sent := "/v1/tests/" + v.ID + "/items/0/sent"
	dlr := "/v1/tests/" + v.ID + "/items/0/dlr"
	replay := fmt.Sprintf(`{"select":{"numbers":[%q]},"text":"x {token}","deadline_s":1,"labels":{"k":"v"}}`, b)
	for i, x := range []struct {
		token, method, path, body string
		headers                   []string
		status                    int
		has                       string
	}{
		{qaToken, "GET", "/v1/tests/" + v.ID, "", nil, 200, `"state":"open"`},
		{qaToken, "GET", "/v1/tests/" + v.ID + "?wait_s=56", "", nil, 400, "wait_s"},
		{qaToken, "GET", "/v1/tests/tst_1", "", nil, 404, "not_found"},
		{qaToken, "GET", "/v1/tests?label.k=v", "", nil, 200, `"items":[]`},
		{qaToken, "GET", "/v1/tests?state=open", "", nil, 200, v.ID},
		{qaToken, "GET", "/v1/tests?state=odd", "", nil, 400, "state"},
		{otherToken, "GET", "/v1/tests", "", nil, 403, "forbidden"},
		{qaToken, "POST", "/v1/tests", `{}`, nil, 400, "select"},
		{qaToken, "POST", "/v1/tests", `{"select":{"each":"phone"}}`, nil, 400, "select.each"},
		{qaToken, "POST", "/v1/tests", `{"select":{"numbers":[]}}`, nil, 400, "select.numbers"},
		{qaToken, "POST", "/v1/tests", `{"select":{"numbers":["+49"]}}`, nil, 400, "select.numbers"},
		{qaToken, "POST", "/v1/tests", `{"select":{"numbers":["+4930123456"],"tag":"x"}}`, nil, 400, "select.numbers"},
		{qaToken, "POST", "/v1/tests", `{"select":{"count":0}}`, nil, 400, "select.count"},
		{qaToken, "POST", "/v1/tests", `{"select":{},"kind":"fax"}`, nil, 400, "kind"},
		{qaToken, "POST", "/v1/tests", `{"select":{},"kind":"call","text":"x {token}"}`, nil, 400, "text"},
		{qaToken, "POST", "/v1/tests", `{"select":{},"text":"no place for it"}`, nil, 400, "text"},
		{qaToken, "POST", "/v1/tests", `{"select":{},"token":{"length":3}}`, nil, 400, "token.length"},
		{qaToken, "POST", "/v1/tests", `{"select":{},"token":{"alphabet":"runes"}}`, nil, 400, "token.alphabet"},
		{qaToken, "POST", "/v1/tests", `{"select":{},"send":{"provider":"main"}}`, nil, 400, "text"},
		{qaToken, "POST", "/v1/tests", `{"select":{},"text":"{token}","send":{"provider":"nosuch"}}`, nil, 400, "send.provider"},
		{qaToken, "POST", "/v1/tests", `{"select":{},"expect":{"text":"exact"}}`, nil, 400, "expect.text"},
		{qaToken, "POST", "/v1/tests", `{"select":{},"expect":{"parts":0}}`, nil, 400, "expect.parts"},
		{qaToken, "POST", "/v1/tests", `{"select":{},"deadline_s":0.5}`, nil, 400, "deadline_s"},
		{qaToken, "POST", "/v1/tests", `{"select":{},"late_s":604801}`, nil, 400, "late_s"},
		{qaToken, "POST", "/v1/tests", `{"select":{},"sent_at":"2020-01-01T00:00:00Z"}`, nil, 400, "sent_at"},
		{qaToken, "POST", "/v1/tests", `{"select":{"country":"ZZ"}}`, nil, 422, "no_number_matches"},
		{qaToken, "POST", "/v1/tests", replay, []string{"Idempotency-Key", "t1"}, 201, "tst_"},
		{qaToken, "POST", "/v1/tests", replay, []string{"Idempotency-Key", "t1"}, 201, "tst_"},
		{qaToken, "POST", "/v1/tests", `{"select":{}}`, []string{"Idempotency-Key", "t1"}, 422, "idempotency_key_reused"},
		{qaToken, "PUT", sent, `{"token":"abc"}`, nil, 400, "token"},
		{qaToken, "PUT", sent, `{"provider_id":""}`, nil, 400, "provider_id"},
		{qaToken, "PUT", sent, fmt.Sprintf(`{"sent_at":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)), nil, 400, "sent_at"},
		{qaToken, "PUT", sent, `{"provider_id":"p-1","token":"654321"}`, nil, 200, `"provider_id":"p-1"`},
		{qaToken, "PUT", "/v1/tests/" + v.ID + "/items/1/sent", `{}`, nil, 404, "not_found"},
		{qaToken, "PUT", "/v1/tests/" + v.ID + "/items/00/sent", `{}`, nil, 404, "not_found"},
		{qaToken, "PUT", dlr, `{"status":"maybe"}`, nil, 400, "status"},
		{qaToken, "PUT", dlr, `{"status":"failed","at":"2026-01-31T12:00:00Z"}`, nil, 200, `"dlr":"failed"`},
		{otherToken, "PUT", dlr, `{"status":"failed"}`, nil, 403, "forbidden"},
		{"", "POST", "/v1/dlr/main/wrong", `{}`, nil, 404, "not_found"},
		{"", "POST", "/v1/dlr/other/" + reportSecret, `{}`, nil, 404, "not_found"},
		{"", "GET", "/v1/dlr/main/" + reportSecret + "?id=x&status=DELIVRD&more=1", "", nil, 204, ""},
		{"", "POST", "/v1/dlr/main/" + reportSecret, `not JSON`, nil, 204, ""},
		{qaToken, "DELETE", "/v1/tests/" + v.ID, "", nil, 204, ""},
		{qaToken, "DELETE", "/v1/tests/" + v.ID, "", nil, 204, ""},
		{qaToken, "GET", "/v1/tests/" + v.ID, "", nil, 200, `"verdict":null`},
		{qaToken, "PUT", sent, `{}`, nil, 409, "test_closed"},
		{qaToken, "DELETE", "/v1/tests/tst_1", "", nil, 404, "not_found"},
	} {
		a := l.request(x.token, x.method, x.path, x.body, x.headers...)
		if a.status != x.status || !strings.Contains(string(a.body), x.has) {
			t.Errorf("%d: %s %s %s: %d %s; want %d with %q", i, x.method, x.path, x.body, a.status, a.body, x.status, x.has)
		}
	}
}

// TestSickReceiver makes no failure of a receiver that hangs, and attends to a healthy
// one while a test is open.
func TestSickReceiver(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, "", nil)
	l.rack.Modem(0).Hang(true)
	v := l.test(fmt.Sprintf(`{"select":{"numbers":[%q,%q]},"text":"x {token}","deadline_s":8,"late_s":0}`, l.number(0), l.number(1)))
	v = l.closed(v.ID)
	l.rack.Modem(0).Hang(false)
	if sick, well := v.Items[0], v.Items[1]; *sick.Verdict != "inconclusive" || *sick.Reason != "not_ready" || *well.Verdict != "failed" || *v.Verdict != "failed" {
		t.Errorf("%+v\n%+v", sick, well)
	}
}

// TestTestsOverRestart keeps an open test over a restart, with its token.
func TestTestsOverRestart(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1, "", nil)
	v := l.test(fmt.Sprintf(`{"select":{"numbers":[%q]},"text":"code {token}","deadline_s":60,"late_s":1}`, l.number(0)))
	l.stop()
	l.rack.Modem(0).Deliver(modems.SMS{From: "SHOP", Text: *v.Items[0].Text})
	l.start()
	v = l.closed(v.ID)
	if i := v.Items[0]; *i.Verdict != "passed" || i.Latency != nil || i.Message == nil {
		t.Errorf("found by a sweep: %+v", i)
	}
}

// TestMonitors runs a monitor, and shows it to the operator.
func TestMonitors(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1, `[[monitor]]
name = "codes"
provider = "main"
select = { each = "number", count = 1 }
interval = "24h"
deadline = "10s"
late = "0s"
texts = ["otp", "ucs2"]
expect = { from = ["SHOP"] }
labels = { route = "a" }
`, nil)
	l.until("the first run to have closed", func() bool { return l.app.Pool().Monitors()[0].LastVerdict != "" })
	if _, err := l.app.Pool().RunMonitor("codes"); err != nil {
		t.Fatal(err)
	}
	var tests []*pool.TestView
	l.until("the second run to have closed", func() bool {
		tests, _, _ = l.app.Pool().Tests("", pool.TestQuery{Monitor: "codes", State: pool.TestClosed, Query: pool.Query{Limit: 9}})
		return len(tests) == 2
	})
	for _, v := range tests {
		if v.Verdict != pool.VerdictPassed || v.Labels["route"] != "a" || v.App != "" {
			t.Errorf("%+v", v)
		}
	}
	if tests[0].Items[0].Segments != 1 || !strings.Contains(tests[0].Items[0].Text, "確認") {
		t.Errorf("the texts did not take turns: %q", tests[0].Items[0].Text)
	}
	var list protocol.List[protocol.Test]
	l.request(qaToken, "GET", "/v1/tests", "").into(t, &list)
	var messages protocol.List[protocol.Message]
	l.request(otherToken, "GET", "/v1/messages", "").into(t, &messages)
	if len(list.Items)+len(messages.Items) != 0 {
		t.Errorf("applications see %d tests and %d messages of the operator's", len(list.Items), len(messages.Items))
	}
	families, err := l.app.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"modemgate_monitor_budget_remaining_messages": 248, "modemgate_monitor_interval_seconds": 86400, "modemgate_monitor_in_maintenance": 0} {
		found := false
		for _, f := range families {
			if f.GetName() == name {
				found = f.GetMetric()[0].GetGauge().GetValue() == want
			}
		}
		if !found {
			t.Errorf("%s is not %g", name, want)
		}
	}
}
