package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Pointer names a value in a JSON document (RFC 6901). The empty Pointer is the whole.
type Pointer string

// ParsePointer reads a pointer.
func ParsePointer(text string) (Pointer, error) {
	if text != "" && !strings.HasPrefix(text, "/") {
		return "", errors.New(`must begin with a slash, such as "/id"`)
	}
	return Pointer(text), nil
}

// Find returns the value that p names in a document as encoding/json decodes it; ok is
// false when there is none.
func (p Pointer) Find(doc any) (v any, ok bool) {
	if p == "" {
		return doc, true
	}
	for token := range strings.SplitSeq(string(p[1:]), "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch at := doc.(type) {
		case map[string]any:
			if doc, ok = at[token]; !ok {
				return nil, false
			}
		case []any:
			n, err := strconv.Atoi(token)
			if err != nil || n < 0 || n >= len(at) || strconv.Itoa(n) != token {
				return nil, false
			}
			doc = at[n]
		default:
			return nil, false
		}
	}
	return doc, true
}

// Text is Find for a string or a number, as text.
func (p Pointer) Text(doc any) (string, bool) {
	v, ok := p.Find(doc)
	if !ok {
		return "", false
	}
	switch v := v.(type) {
	case string:
		return v, v != ""
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// decodeLoose reads somebody else's JSON: numbers stay as they are written.
func decodeLoose(body []byte) (doc any, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	err = d.Decode(&doc)
	return doc, err
}

// FindText is the text that p names in a JSON body; empty when there is none.
func (p Pointer) FindText(body []byte) string {
	doc, err := decodeLoose(body)
	if err != nil {
		return ""
	}
	text, _ := p.Text(doc)
	return text
}

// Reports says how a provider writes its delivery receipts.
type Reports struct {
	ID, Status, At Pointer
	Words          map[string]string // of its status, to delivered, failed, expired or rejected
}

// Report is one delivery receipt.
type Report struct {
	ID     string
	Status string    // empty: a word that says nothing final
	At     time.Time // zero: it does not say
}

// errNoReport means that a request is no delivery receipt.
var errNoReport = errors.New("no delivery receipt")

// Read reads a receipt from a JSON body, a form, or the query, whichever it stands in.
func (r *Reports) Read(contentType string, body []byte, query string) (out Report, err error) {
	doc := map[string]any{}
	add := func(values url.Values) {
		for name := range values {
			doc[name] = values.Get(name)
		}
	}
	if values, err := url.ParseQuery(query); err == nil {
		add(values)
	}
	kind, _, _ := mime.ParseMediaType(contentType) // what it is not is read as JSON
	var whole any = doc
	switch {
	case len(bytes.TrimSpace(body)) == 0:
	case kind == "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return out, errNoReport
		}
		add(values)
	default:
		if whole, err = decodeLoose(body); err != nil {
			return out, errNoReport
		}
	}
	var ok bool
	if out.ID, ok = r.ID.Text(whole); !ok {
		return out, fmt.Errorf("%w: no id", errNoReport)
	}
	word, ok := r.Status.Text(whole)
	if !ok {
		return out, fmt.Errorf("%w: no status", errNoReport)
	}
	out.Status = r.Words[word]
	if r.At != "" {
		text, _ := r.At.Text(whole)
		out.At = reportTime(text)
	}
	return out, nil
}

// reportTime reads what providers write for a time; the zero time when it is none.
func reportTime(text string) time.Time {
	if t, err := ParseTime(text); err == nil {
		return t
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		switch {
		case n > 1e12 && n < 1e14:
			return time.UnixMilli(n)
		case n > 1e8 && n < 1e11:
			return time.Unix(n, 0)
		}
	}
	return time.Time{}
}
