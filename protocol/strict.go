package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep a request may be nested.
const maxDepth = 16

// Invalid says what is wrong with a request: the name of the field, where one is known,
// and why. It never repeats a value.
type Invalid struct {
	Name string
	Why  string
}

// Error gives name and reason.
func (e *Invalid) Error() string {
	if e.Name == "" {
		return e.Why
	}
	return e.Name + ": " + e.Why
}

// Read reads one JSON object into a struct, exactly: names that are unknown, doubled or
// written in another case are errors, as are trailing data, broken UTF-8, lone
// surrogates and what is nested too deep. A byte order mark is stripped. The error is
// an [*Invalid].
func Read(body []byte, into any) error {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(body) {
		return &Invalid{Why: "the body is not UTF-8"}
	}
	if why := badEscape(body); why != "" {
		return &Invalid{Why: why}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	t, err := d.Token()
	if err != nil || t != json.Delim('{') {
		return &Invalid{Why: "the body is not one JSON object"}
	}
	if err := object(d, reflect.TypeOf(into).Elem(), "", 1); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return &Invalid{Why: "something follows the JSON object"}
	}
	if err := json.Unmarshal(body, into); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return &Invalid{Name: e.Field, Why: "must be " + wanted(e.Type)}
		}
		return &Invalid{Why: "the body can't be read: " + err.Error()}
	}
	return nil
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

// object walks the members of an object whose brace is read.
func object(d *json.Decoder, t reflect.Type, path string, depth int) error {
	if depth > maxDepth {
		return &Invalid{Name: path, Why: "nested too deep"}
	}
	known := members(t)
	seen := map[string]bool{}
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return &Invalid{Why: "the body is not JSON"}
		}
		name, ok := tok.(string)
		if !ok {
			return &Invalid{Why: "the body is not JSON"}
		}
		at := name
		if path != "" {
			at = path + "." + name
		}
		if seen[name] {
			return &Invalid{Name: at, Why: "stands twice"}
		}
		seen[name] = true
		var inner reflect.Type
		if known != nil {
			if inner, ok = known[name]; !ok {
				return &Invalid{Name: bounded(at), Why: unknown(name, known)}
			}
		}
		if err := value(d, inner, at, depth); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return &Invalid{Why: "the body is not JSON"}
	}
	return nil
}

func unknown(name string, known map[string]reflect.Type) string {
	for k := range known {
		if strings.EqualFold(k, name) {
			return fmt.Sprintf("unknown name, it is written %s", k)
		}
	}
	return "unknown name"
}

func bounded(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// value walks one value of any kind.
func value(d *json.Decoder, t reflect.Type, path string, depth int) error {
	tok, err := d.Token()
	if err != nil {
		return &Invalid{Name: path, Why: "the body is not JSON"}
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch tok {
	case json.Delim('{'):
		return object(d, t, path, depth+1)
	case json.Delim('['):
		if depth+1 > maxDepth {
			return &Invalid{Name: path, Why: "nested too deep"}
		}
		var inner reflect.Type
		if t != nil && t.Kind() == reflect.Slice {
			inner = t.Elem()
		}
		for d.More() {
			if err := value(d, inner, path, depth+1); err != nil {
				return err
			}
		}
		if _, err := d.Token(); err != nil {
			return &Invalid{Name: path, Why: "the body is not JSON"}
		}
	case nil:
	default:
		return scalar(tok, t, path)
	}
	return nil
}

// scalar lets a type that reads itself say what is wrong, so that the error has a name.
func scalar(tok json.Token, t reflect.Type, path string) error {
	if t == nil || !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	text, err := json.Marshal(tok)
	if err == nil {
		err = json.Unmarshal(text, reflect.New(t).Interface())
	}
	if err != nil {
		return &Invalid{Name: path, Why: err.Error()}
	}
	return nil
}

// members are the JSON names of a struct; nil for anything else, whose names are free.
func members(t reflect.Type) map[string]reflect.Type {
	if t == nil || t.Kind() != reflect.Struct || t == reflect.TypeFor[Time]() {
		return nil
	}
	out := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			out[name] = f.Type
		}
	}
	return out
}

// badEscape finds escapes that encoding/json lets pass: lone surrogates and NUL.
func badEscape(b []byte) string {
	for i := 0; i+1 < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		if b[i+1] != 'u' {
			i++
			continue
		}
		u, ok := unit(b, i)
		if !ok {
			return "" // no escape at all: the decoder says so
		}
		switch {
		case u == 0:
			return "a string holds a NUL"
		case u >= 0xdc00 && u < 0xe000:
			return "a string holds half a surrogate pair"
		case u >= 0xd800 && u < 0xdc00:
			low, ok := unit(b, i+6)
			if !ok || low < 0xdc00 || low >= 0xe000 {
				return "a string holds half a surrogate pair"
			}
			i += 6
		}
		i += 5
	}
	return ""
}

// unit reads \uXXXX at i.
func unit(b []byte, i int) (u int, ok bool) {
	if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' {
		return 0, false
	}
	for _, c := range b[i+2 : i+6] {
		switch {
		case '0' <= c && c <= '9':
			u = u<<4 | int(c-'0')
		case 'a' <= c && c <= 'f':
			u = u<<4 | int(c-'a'+10)
		case 'A' <= c && c <= 'F':
			u = u<<4 | int(c-'A'+10)
		default:
			return 0, false
		}
	}
	return u, true
}
