package protocol

import (
	"bytes"
	"encoding/json"
)

// Marshal is v as JSON, as it stands on the wire everywhere: without a line end, and with
// the characters of HTML as they are.
func Marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
