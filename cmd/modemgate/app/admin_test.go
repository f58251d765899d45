package app

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	modems "modemgate/modem/simulator"
)

// TestAdminLists reads every list of the operator while there is something in it, and
// holds it to the description that is served.
func TestAdminLists(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, "[[monitor]]\nname = \"codes\"\nprovider = \"main\"\nselect = { each = \"number\" }\ninterval = \"24h\"\ntexts = [\"probe {token}\"]\n", nil)
	g := l.gateway
	g.until("a test", func() bool { return l.app.Pool().Monitors()[0].LastVerdict != "" })
	_, modem := g.reserve(`{}`)
	g.rack.Modem(modem).Deliver(modems.SMS{From: "SHOP", Text: "Your code is 123456"})
	g.pushed("Your code is 123456")
	doc, err := openapi3.NewLoader().LoadFromData(g.admin("/api/openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		if item.Get == nil || strings.Contains(path, "{") || item.Get.Responses.Status(http.StatusOK).Value.Content["application/json"] == nil {
			continue
		}
		body := g.admin(path)
		if !strings.HasSuffix(path, "/status") && !strings.HasSuffix(path, "/calls") && !bytes.Contains(body, []byte(`"items":[{`)) {
			t.Errorf("%s is empty: %s", path, body)
		}
		if strings.Contains(string(body), "Your code") {
			t.Errorf("%s shows the text", path)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		route, params, err := router.FindRoute(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
			Status:                 http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)),
		}); err != nil {
			t.Errorf("%s: %v\n%s", path, err, body)
		}
	}
}

// TestSeriesBeginAtZero shows counters before anything is counted: a rate needs the 0.
func TestSeriesBeginAtZero(t *testing.T) {
	t.Parallel()
	text := string(newGateway(t, 2, "").admin("/metrics"))
	for _, series := range []string{
		`modemgate_sms_received_total{slot="slot01"} 0`, `modemgate_sms_received_total{slot="slot02"} 0`, `modemgate_calls_received_total{slot="slot02"} 0`,
		`modemgate_reservations_total{app="qa",end="expired"} 0`, `modemgate_inbox_undecodable_total 0`,
	} {
		if !strings.Contains(text, series+"\n") {
			t.Errorf("no %s", series)
		}
	}
}

// admin reads from the admin listener.
func (g *gateway) admin(path string) []byte {
	g.t.Helper()
	resp, err := http.Get("http://" + g.app.AdminAddr() + path)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		g.t.Fatalf("%s: %d, %v: %s", path, resp.StatusCode, err, body)
	}
	return body
}
