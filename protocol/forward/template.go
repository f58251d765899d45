package forward

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"

	"modemgate/protocol"
)

// Template renders an event as the operator wants it, for chat tools and legacy receivers.
type Template struct {
	body, kind *template.Template
	host       string
}

// view is what a template sees.
type view struct {
	Type, ID, Timestamp, Host, Sim string
	Data                           map[string]any
}

// ParseTemplate reads a body and a content type. It renders a sample to find what can't
// work: a body that is no JSON where JSON is declared.
func ParseTemplate(body, contentType, host string) (*Template, error) {
	funcs := protocol.TemplateFuncs()
	t := &Template{host: host}
	var err error
	if t.body, err = template.New("body").Funcs(funcs).Parse(body); err != nil {
		return nil, trimName(err)
	}
	if t.kind, err = template.New("content_type").Funcs(funcs).Parse(contentType); err != nil {
		return nil, trimName(err)
	}
	out, kind, err := t.execute(sample())
	if err != nil {
		return nil, trimName(err)
	}
	if isJSON(kind) && !json.Valid(out) {
		return nil, errors.New("renders no valid JSON though the content type is JSON: write values as {{json .Data.text}}")
	}
	return t, nil
}

func trimName(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "template: "))
}

func isJSON(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.TrimSpace(strings.ToLower(kind))
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// sample is an event with characters that need escaping.
func sample() view {
	return view{
		Type: "sms.received", ID: "evt_1", Timestamp: "2026-01-31T12:00:00.000Z", Host: "rack", Sim: "alarm-1",
		Data: map[string]any{
			"id": "msg_1", "kind": "sms", "number": "+4915112345678", "sim": "alarm-1", "from": "ACME", "from_kind": "alphanumeric",
			"text": "a \"quoted\" line\nand a \\ backslash", "received_at": "2026-01-31T12:00:00.000Z", "parts": map[string]any{"total": 1, "received": 1},
			"complete": true,
		},
	}
}

func (t *Template) execute(v view) (body []byte, kind string, err error) {
	var b, k bytes.Buffer
	if err := t.body.Execute(&b, v); err != nil {
		return nil, "", err
	}
	if err := t.kind.Execute(&k, v); err != nil {
		return nil, "", err
	}
	return b.Bytes(), k.String(), nil
}

// view is a parcel as a template sees it.
func (p *Parcel) view(host string) (view, error) {
	var ev struct {
		Type, ID, Timestamp string
		Data                map[string]any
	}
	if err := json.Unmarshal(p.Body, &ev); err != nil {
		return view{}, errors.New("the event is not as expected")
	}
	return view{Type: ev.Type, ID: ev.ID, Timestamp: ev.Timestamp, Host: host, Sim: p.SIM, Data: ev.Data}, nil
}

// render makes the body of one parcel.
func (t *Template) render(p *Parcel) (body []byte, kind string, err error) {
	v, err := p.view(t.host)
	if err != nil {
		return nil, "", err
	}
	if body, kind, err = t.execute(v); err != nil {
		return nil, "", fmt.Errorf("%T", err) // its words may quote the text
	}
	if isJSON(kind) && !json.Valid(body) {
		return nil, "", errors.New("no valid JSON")
	}
	return body, kind, nil
}
