// Package client is a small client of modemgate's API for test suites: reserve a number,
// wait for the message that the test causes, give the number back; delivery tests; and the
// event stream.
// It is one file without dependencies, to be copied.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client asks one gateway. It may be used by several goroutines.
type Client struct {
	URL   string // such as http://127.0.0.1:8090
	Token string
	HTTP  *http.Client // nil: a client without a time limit; contexts bound the calls
}

// Problem is a refusal (RFC 9457): Code is of the list in api.md.
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

// Error gives code and detail.
func (p *Problem) Error() string { return "modemgate: " + p.Code + ": " + p.Title + " " + p.Detail }

// Reservation is a number that is yours for a time.
type Reservation struct {
	ID        string    `json:"id"`
	Number    string    `json:"number"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Message is a received SMS, as far as tests need it.
type Message struct {
	ID         string    `json:"id"`
	Number     string    `json:"number"`
	From       string    `json:"from"`
	Text       string    `json:"text"`
	ReceivedAt time.Time `json:"received_at"`
}

// Test is a delivery test: what became of a message on each of its numbers.
type Test struct {
	ID      string `json:"id"`
	State   string `json:"state"`   // open, closed, cancelled
	Verdict string `json:"verdict"` // passed, degraded, failed, inconclusive, skipped
	Items   []Item `json:"items"`
}

// Item is one number of a test.
type Item struct {
	N        int     `json:"n"`
	Number   string  `json:"number"`
	Token    string  `json:"token"`
	Text     string  `json:"text"` // what to send, where the test has a text
	Receipt  string  `json:"receipt"`
	Verdict  string  `json:"verdict"`
	Latency  float64 `json:"latency_s"` // 0: not known
	Reason   string  `json:"reason"`
	Findings []struct {
		Code     string `json:"code"`
		Severity string `json:"severity"`
		Expected any    `json:"expected"`
		Observed any    `json:"observed"`
	} `json:"findings"`
}

// Match are the criteria of a wait; empty ones do not count.
type Match struct {
	From     string `json:"from,omitempty"`
	Contains string `json:"contains,omitempty"`
	Regex    string `json:"regex,omitempty"`
}

// Event is something that has happened; Data as api.md has it for its Type.
type Event struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

func (c *Client) http() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return http.DefaultClient
}

func (c *Client) request(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var buf bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&buf).Encode(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, &buf)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http().Do(req)
	if err != nil || resp.StatusCode < 400 {
		return resp, err
	}
	defer resp.Body.Close()
	p := &Problem{Status: resp.StatusCode}
	if err := json.NewDecoder(resp.Body).Decode(p); err != nil {
		p.Title = resp.Status
	}
	return nil, p
}

func (c *Client) call(ctx context.Context, method, path string, body, out any) error {
	resp, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// Reserve takes a number for ttl; selectors are country, operator, tag or number, and may be nil.
func (c *Client) Reserve(ctx context.Context, ttl time.Duration, selectors map[string]string) (*Reservation, error) {
	body := map[string]any{"ttl_s": int(ttl.Seconds())}
	for name, value := range selectors {
		body[name] = value
	}
	var r Reservation
	return &r, c.call(ctx, http.MethodPost, "/v1/reservations", body, &r)
}

// Release gives a number back; once more is no error.
func (c *Client) Release(ctx context.Context, reservation string) error {
	return c.call(ctx, http.MethodDelete, "/v1/reservations/"+url.PathEscape(reservation), nil, nil)
}

// Wait waits for a message of a reservation, for as long as timeout, over as many calls
// as that takes. No message in time is a nil Message and no error.
func (c *Client) Wait(ctx context.Context, reservation string, match Match, timeout time.Duration) (*Message, error) {
	body := map[string]any{"reservation": reservation, "match": match, "timeout_s": timeout.Seconds()}
	for {
		var answer struct {
			Outcome  string
			Messages []Message
			Deadline string
			After    string
		}
		if err := c.call(ctx, http.MethodPost, "/v1/wait", body, &answer); err != nil {
			return nil, err
		}
		switch answer.Outcome {
		case "matched":
			return &answer.Messages[0], nil
		case "pending": // one answer takes at most 55 s: go on where it ended
			delete(body, "timeout_s")
			body["deadline"], body["after"] = answer.Deadline, answer.After
		default:
			return nil, nil
		}
	}
}

// StartTest opens a delivery test; body is that of POST /v1/tests.
func (c *Client) StartTest(ctx context.Context, body map[string]any) (*Test, error) {
	var t Test
	return &t, c.call(ctx, http.MethodPost, "/v1/tests", body, &t)
}

// Sent says when an item's message was sent, and what your provider calls it.
func (c *Client) Sent(ctx context.Context, test string, item int, at time.Time, providerID string) error {
	body := map[string]any{"sent_at": at}
	if providerID != "" {
		body["provider_id"] = providerID
	}
	return c.call(ctx, http.MethodPut, fmt.Sprintf("/v1/tests/%s/items/%d/sent", url.PathEscape(test), item), body, nil)
}

// Finished waits until a test is closed, over as many calls as that takes.
func (c *Client) Finished(ctx context.Context, test string) (*Test, error) {
	for {
		var t Test
		if err := c.call(ctx, http.MethodGet, "/v1/tests/"+url.PathEscape(test)+"?wait_s=50", nil, &t); err != nil || t.State != "open" {
			return &t, err
		}
	}
}

// Events calls fn for each event, from after on (empty: from now), and comes back with
// the last id when the stream breaks. It ends with ctx, with fn's error, or when the
// gateway says that events after that id are gone (Problem events_gone).
func (c *Client) Events(ctx context.Context, after string, fn func(Event) error) error {
	for ctx.Err() == nil {
		path := "/v1/events"
		if after != "" {
			path += "?after=" + url.QueryEscape(after)
		}
		resp, err := c.request(ctx, http.MethodGet, path, nil)
		if p, refused := err.(*Problem); refused && p.Status < 500 && p.Status != http.StatusTooManyRequests { //nolint:errorlint // our own
			return p
		}
		if err == nil {
			err = func() error {
				defer resp.Body.Close()
				lines := bufio.NewScanner(resp.Body)
				lines.Buffer(nil, 1<<20)
				for lines.Scan() {
					data, ok := strings.CutPrefix(lines.Text(), "data: ")
					if !ok {
						continue
					}
					var ev Event
					if err := json.Unmarshal([]byte(data), &ev); err != nil {
						return err
					}
					if err := fn(ev); err != nil {
						return fmt.Errorf("event %s: %w", ev.ID, err)
					}
					after = ev.ID
				}
				return nil // broken off: come back
			}()
			if err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return ctx.Err()
}
