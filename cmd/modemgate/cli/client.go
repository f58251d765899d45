package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"modemgate/protocol"
)

// client asks the running daemon over its control socket.
type client struct {
	http *http.Client
	path string
}

// ask adds the flags of commands that ask the daemon.
func (e *env) ask() func() (*client, error) {
	return e.askWith(e.configFlag())
}

// askWith is ask for a command that has the flag -config already.
func (e *env) askWith(config *string) func() (*client, error) {
	socket := e.flags.String("socket", "", "control socket `path` (default: that of the configuration's data_dir)")
	return func() (*client, error) {
		path := *socket
		if path == "" {
			c, err := loadConfig(*config)
			if err != nil {
				return nil, err
			}
			path = filepath.Join(c.DataDir, "control.sock")
		}
		return newClient(path), nil
	}
}

func newClient(socket string) *client {
	return &client{path: socket, http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}}
}

// call makes one request and reads the answer into out.
func (c *client) call(ctx context.Context, method, path string, body, out any) error {
	var src io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		src = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://modemgate"+path, src)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return &failure{what: "asking the daemon", err: err}
	}
	if resp.StatusCode >= 400 {
		return refusal(resp.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// refusal is a problem as a person reads it.
func refusal(status string, text []byte) error {
	var p protocol.Problem
	if json.Unmarshal(text, &p) != nil {
		return &failure{what: "the daemon answered " + status}
	}
	f := &failure{what: p.Title}
	if p.Detail != nil {
		f.what += ": " + *p.Detail
	}
	if p.Try != nil && p.Code != "not_found" && p.Code != "conflict" {
		f.try = *p.Try
	}
	return f
}

func (c *client) unreachable(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &failure{what: "the daemon does not run: nobody answers at " + c.path, try: "systemctl start modemgate, or modemgate run -config FILE"}
	case errors.Is(err, os.ErrPermission):
		return &failure{what: "this user may not ask the daemon", try: "sudo, or a user of the group modemgate"}
	}
	return &failure{what: "asking the daemon", err: err}
}

// stream copies an answer of any length, for as long as it takes.
func (c *client) stream(ctx context.Context, path string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://modemgate"+path, nil)
	if err != nil {
		return err
	}
	patient := *c.http
	patient.Timeout = 0
	resp, err := patient.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return &failure{what: "asking the daemon", err: err}
		}
		return refusal(resp.Status, text)
	}
	_, err = io.Copy(to, resp.Body)
	return err
}

// pages reads all pages of a list, up to most rows; 0: all.
func pages[T any](ctx context.Context, c *client, path string, most int) ([]T, error) {
	var out []T
	after := ""
	for {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		limit := 1000
		if most > 0 {
			limit = min(limit, most-len(out))
		}
		full := fmt.Sprintf("%s%slimit=%d", path, sep, limit)
		if after != "" {
			full += "&after=" + url.QueryEscape(after)
		}
		var page protocol.List[T]
		if err := c.call(ctx, http.MethodGet, full, nil, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if page.Next == nil || most > 0 && len(out) >= most {
			return out, nil
		}
		after = *page.Next
	}
}
