package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/template"

	"modemgate/pool"
	"modemgate/protocol"
)

// Request is how a provider is asked, as templates over .Number .Text .Token .TestID and
// .Secret.NAME. In the URL the values are escaped.
type Request struct {
	url, body *template.Template
	headers   map[string]*template.Template
	method    string
	kind      string
	secrets   map[string]string
}

// values are what a template sees.
type values struct {
	Number, Text, Token, TestID string
	Secret                      map[string]string
}

// RequestText is a Request as the operator writes it.
type RequestText struct {
	Method, URL, Body, ContentType string
	Headers                        map[string]string
	Secrets                        map[string]string // by the name that templates use
}

// ParseError says which key can't work.
type ParseError struct{ Key, Why string }

// Error gives both.
func (e *ParseError) Error() string { return e.Key + ": " + e.Why }

// ParseRequest reads templates. It renders a sample to find what can't work: a URL that
// is none, a body that is no JSON where JSON is declared. The error is a [*ParseError].
func ParseRequest(t RequestText) (*Request, error) {
	r := &Request{method: t.Method, kind: t.ContentType, secrets: t.Secrets, headers: map[string]*template.Template{}}
	parse := func(key, text string) (*template.Template, error) {
		out, err := template.New(key).Funcs(protocol.TemplateFuncs()).Option("missingkey=error").Parse(text)
		if err != nil {
			return nil, &ParseError{key, strings.TrimPrefix(err.Error(), "template: ")}
		}
		return out, nil
	}
	var err error
	if r.url, err = parse("url", t.URL); err != nil {
		return nil, err
	}
	if r.body, err = parse("body", t.Body); err != nil {
		return nil, err
	}
	for name, text := range t.Headers {
		if r.headers[name], err = parse("headers", text); err != nil {
			return nil, err
		}
	}
	_, err = r.Make(&pool.Send{Test: 1, Number: "+4915112345678", Text: "a \"quoted\" line\nand & 100 %", Token: "123456"})
	return r, err
}

// Make makes the request for one message.
func (r *Request) Make(s *pool.Send) (*http.Request, error) {
	v := values{Number: s.Number, Text: s.Text, Token: s.Token, TestID: protocol.ID(protocol.TestID, uint64(s.Test)), Secret: r.secrets}
	escaped := values{url.QueryEscape(v.Number), url.QueryEscape(v.Text), url.QueryEscape(v.Token), url.QueryEscape(v.TestID), map[string]string{}}
	for name, text := range r.secrets {
		escaped.Secret[name] = url.QueryEscape(text)
	}
	address, err := render(r.url, escaped)
	if err != nil {
		return nil, &ParseError{"url", err.Error()}
	}
	body, err := render(r.body, v)
	if err != nil {
		return nil, &ParseError{"body", err.Error()}
	}
	if kind, _, _ := strings.Cut(r.kind, ";"); strings.TrimSpace(kind) == "application/json" && body != "" && !json.Valid([]byte(body)) {
		return nil, &ParseError{"body", "renders no valid JSON though content_type is JSON: write values as {{json .Text}}"}
	}
	req, err := http.NewRequest(r.method, address, strings.NewReader(body))
	if err != nil || req.URL.Host == "" {
		return nil, &ParseError{"url", "renders no URL"}
	}
	for name, t := range r.headers {
		text, err := render(t, v)
		if err != nil || strings.ContainsAny(text, "\r\n\x00") {
			return nil, &ParseError{"headers", fmt.Sprintf("%s can't be rendered", name)}
		}
		req.Header.Set(name, text)
	}
	if body != "" {
		req.Header.Set("Content-Type", r.kind)
	}
	return req, nil
}

// render executes a template. Its error could quote a text or a secret.
func render(t *template.Template, v values) (string, error) {
	var b strings.Builder
	if err := t.Execute(&b, v); err != nil {
		return "", errors.New("can't be rendered: fields are .Number .Text .Token .TestID and .Secret.NAME")
	}
	return b.String(), nil
}
