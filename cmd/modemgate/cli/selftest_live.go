package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"modemgate/protocol"
	"modemgate/protocol/api"
)

type apiReporter = api.Reporter

func selftestReporter() apiReporter {
	return apiReporter{Provider: selftestName, Secret: sha256.Sum256([]byte(selftestReport)), Reports: protocol.Reports{
		ID: "/id", Status: "/status", At: "/time", Words: map[string]string{"DELIVRD": "delivered"},
	}}
}

// livePoints are those that any gateway holds and that leave nothing behind.
func livePoints() []point {
	wants := func(status int, code, method, path, body string, headers ...string) func(*selftest) error {
		return func(s *selftest) error {
			_, err := s.want(status, code, method, path, body, headers...)
			return err
		}
	}
	return []point{
		{"1", "no token: 401 with WWW-Authenticate, the same for a wrong one", checkTokens},
		{"1", "the description is served without a token", checkDescription},
		{"1", "a problem's page has a sentence and a remedy", checkProblemPage},
		{"1", "an unknown path: 404", wants(404, "not_found", "GET", "/v1/nothing", "")},
		{"1", "a method that a path does not take: 405", wants(405, "method_not_allowed", "PUT", "/v1/numbers", "")},
		{"1", "an unknown name in a body: 400 with the name", checkUnknownName},
		{"1", "a name that stands twice: 400", wants(400, "invalid_request", "POST", "/v1/wait", `{"number":"+491","number":"+492"}`)},
		{"1", "a name in other letters: 400", wants(400, "invalid_request", "POST", "/v1/wait", `{"Number":"+4930123456"}`)},
		{"1", "a body that is nested too deep: 400", wants(400, "invalid_request", "POST", "/v1/wait", strings.Repeat(`{"match":`, 20)+"1"+strings.Repeat("}", 20))},
		{"1", "another content type: 415", wants(415, "unsupported_media_type", "POST", "/v1/wait", `{}`, "Content-Type", "text/plain")},
		{"1", "more than 64 KiB: 413", wants(413, "too_large", "POST", "/v1/wait", `{"number":"`+strings.Repeat("1", 70000)+`"}`)},
		{"1", "a gzip body is taken, bounded when it is unpacked", checkGzip},
		{"1", "limit of a list from 1 to 1,000", wants(400, "invalid_request", "GET", "/v1/messages?limit=1001", "")},
		{"1", "an unknown parameter: 400", wants(400, "invalid_request", "GET", "/v1/messages?colour=red", "")},
		{"2", "numbers have the fields of the document", checkNumbers},
		{"2", "availability counts the numbers", checkAvailability},
		{"3", "a selection that nothing is in: 422", wants(422, "no_number_matches", "POST", "/v1/reservations", `{"country":"ZZ"}`)},
		{"3", "ttl_s over the application's bound: 400, never clamped", wants(400, "invalid_request", "POST", "/v1/reservations", `{"ttl_s":100000000}`)},
		{"3", "another's reservation is like none: 404", wants(404, "not_found", "GET", "/v1/reservations/res_1", "")},
		{"3", "reserve, look once, extend, release twice", checkReservation},
		{"4", "messages are listed newest first", checkMessages},
		{"4", "what never was: 404", wants(404, "not_found", "GET", "/v1/messages/msg_1", "")},
		{"4", "exactly one of reservation and number is waited for", wants(400, "invalid_request", "POST", "/v1/wait", `{}`)},
		{"4", "the event stream begins with a comment", checkStreamBegins},
		{"4", "an event that was never issued: 410", wants(410, "events_gone", "GET", "/v1/events?after=evt_7", "")},
		{"6", "a test without a selection: 400", wants(400, "invalid_request", "POST", "/v1/tests", `{}`)},
		{"6", "exact needs a text: 400", wants(400, "invalid_request", "POST", "/v1/tests", `{"select":{},"expect":{"text":"exact"}}`)},
		{"6", "a test that nothing is in: 422", wants(422, "no_number_matches", "POST", "/v1/tests", `{"select":{"country":"ZZ"}}`)},
		{"6", "a test is opened, listed by its label, and cancelled without a verdict", checkCancelledTest},
		{"6", "a receipt with a wrong secret: 404", wants(404, "not_found", "POST", "/v1/dlr/nobody/nothing", `{}`)},
	}
}

func checkTokens(s *selftest) error {
	first, err := s.want(401, "unauthorized", "GET", "/v1/numbers", "", "Authorization", "")
	if err != nil {
		return err
	}
	wrong, err := s.want(401, "unauthorized", "GET", "/v1/numbers", "", "Authorization", "Bearer wrong")
	switch {
	case err != nil:
		return err
	case first.header.Get("WWW-Authenticate") != "Bearer":
		return errors.New("no WWW-Authenticate: Bearer")
	case !bytes.Equal(first.body, wrong.body):
		return errors.New("a wrong token is told from none")
	}
	return nil
}

func checkDescription(s *selftest) error {
	r, err := s.want(200, "", "GET", "/v1/openapi.json", "", "Authorization", "")
	if err != nil {
		return err
	}
	var doc struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(r.body, &doc); err != nil {
		return err
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Paths) < 10 {
		return fmt.Errorf("OpenAPI %q with %d paths", doc.OpenAPI, len(doc.Paths))
	}
	return nil
}

func checkProblemPage(s *selftest) error {
	r, err := s.want(200, "", "GET", "/v1/problems/no_number_free", "", "Authorization", "")
	if err == nil && !bytes.Contains(r.body, []byte("Try:")) {
		err = errors.New("no remedy")
	}
	return err
}

func checkUnknownName(s *selftest) error {
	r, err := s.want(400, "invalid_request", "POST", "/v1/wait", `{"numbre":"+4930123456"}`)
	if err == nil && !bytes.Contains(r.body, []byte("numbre")) {
		err = errors.New("the name is not told")
	}
	return err
}

func checkGzip(s *selftest) error {
	zip := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write([]byte(text))
		if errors.Join(err, z.Close()) != nil {
			return ""
		}
		return b.String()
	}
	if _, err := s.want(400, "invalid_request", "POST", "/v1/wait", zip(`{}`), "Content-Encoding", "gzip"); err != nil {
		return err
	}
	_, err := s.want(413, "too_large", "POST", "/v1/wait", zip(`{"number":"`+strings.Repeat("1", 1<<20)+`"}`), "Content-Encoding", "gzip")
	return err
}

func checkNumbers(s *selftest) error {
	_, err := get[protocol.List[protocol.Number]](s, 200, "GET", "/v1/numbers?limit=1000", "")
	return err
}

func checkAvailability(s *selftest) error {
	numbers, err := get[protocol.List[protocol.Number]](s, 200, "GET", "/v1/numbers?limit=1000", "")
	if err != nil {
		return err
	}
	rows, err := get[protocol.List[protocol.Availability]](s, 200, "GET", "/v1/availability?limit=1000", "")
	if err != nil {
		return err
	}
	total := 0
	for _, r := range rows.Items {
		total += r.Total
		if r.Total != r.Free+r.Reserved+r.Quiet+r.Down {
			return fmt.Errorf("%d are %d free, %d reserved, %d quiet, %d down", r.Total, r.Free, r.Reserved, r.Quiet, r.Down)
		}
	}
	if numbers.Next == nil && total != len(numbers.Items) {
		return fmt.Errorf("%d numbers, %d counted", len(numbers.Items), total)
	}
	return nil
}

// none says whether the application has no number that can be used now: its rack may be
// busy, or empty.
func none(r *reply) bool { return r.status == 409 || r.status == 422 || r.status == 503 }

// checkReservation takes a number for a moment; that none is free is no fault of the API.
func checkReservation(s *selftest) error {
	r, err := s.ask("POST", "/v1/reservations", `{"ttl_s":30,"purpose":"selftest"}`)
	if err != nil {
		return err
	}
	if none(r) {
		return nil
	}
	var v protocol.Reservation
	if err := protocol.Read(r.body, &v); r.status != 201 || err != nil {
		return because(err, "%d", r.status)
	}
	if _, err := s.want(409, "no_number_free", "POST", "/v1/reservations", `{"number":`+quote(v.Number)+`}`); err != nil {
		return err
	}
	w, err := get[protocol.WaitAnswer](s, 200, "POST", "/v1/wait", `{"reservation":`+quote(v.ID)+`,"match":{"contains":"never"},"timeout_s":0}`)
	if err != nil || w.Outcome != "timed_out" {
		return because(err, "looking once: %q", w.Outcome)
	}
	if _, err := get[protocol.Reservation](s, 200, "POST", "/v1/reservations/"+v.ID+"/extend", `{"ttl_s":20}`); err != nil {
		return err
	}
	for range 2 {
		if _, err := s.want(204, "", "DELETE", "/v1/reservations/"+v.ID, ""); err != nil {
			return err
		}
	}
	_, err = s.want(410, "reservation_ended", "POST", "/v1/reservations/"+v.ID+"/extend", `{}`)
	return err
}

func checkMessages(s *selftest) error {
	list, err := get[protocol.List[protocol.Message]](s, 200, "GET", "/v1/messages?limit=50", "")
	if err != nil {
		return err
	}
	for i := 1; i < len(list.Items); i++ {
		if len(list.Items[i].ID) == len(list.Items[i-1].ID) && list.Items[i].ID >= list.Items[i-1].ID {
			return fmt.Errorf("%s stands behind %s", list.Items[i].ID, list.Items[i-1].ID)
		}
	}
	return nil
}

// stream opens the event stream.
func (s *selftest) stream(after string) (*http.Response, *bufio.Scanner, error) {
	path := s.url + "/v1/events"
	if after != "" {
		path += "?after=" + after
	}
	req, err := http.NewRequestWithContext(s.ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		_ = resp.Body.Close() // it is no stream
		return nil, nil, fmt.Errorf("%s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	return resp, bufio.NewScanner(resp.Body), nil
}

func checkStreamBegins(s *selftest) error {
	resp, lines, err := s.stream("")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), ":") {
		return fmt.Errorf("it begins with %q", lines.Text())
	}
	return nil
}

func checkCancelledTest(s *selftest) error {
	r, err := s.ask("POST", "/v1/tests", `{"select":{"each":"number","count":1},"text":"selftest {token}","deadline_s":30,"late_s":1,"labels":{"by":"selftest"}}`)
	if err != nil {
		return err
	}
	if none(r) {
		return nil
	}
	var t protocol.Test
	if err := protocol.Read(r.body, &t); r.status != 201 || err != nil {
		return because(err, "%d", r.status)
	}
	list, err := get[protocol.List[protocol.Test]](s, 200, "GET", "/v1/tests?label.by=selftest&limit=1", "")
	if err != nil || len(list.Items) != 1 || list.Items[0].ID != t.ID {
		return because(err, "it is not found by its label")
	}
	if _, err := s.want(204, "", "DELETE", "/v1/tests/"+t.ID, ""); err != nil {
		return err
	}
	t, err = get[protocol.Test](s, 200, "GET", "/v1/tests/"+t.ID+"?wait_s=5", "")
	if err == nil && (t.State != "cancelled" || t.Verdict != nil) {
		err = fmt.Errorf("state %s, verdict %v", t.State, t.Verdict)
	}
	return err
}
