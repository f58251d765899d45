package protocol

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Headers of a webhook, as Standard Webhooks names them, and two of our own.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
	HeaderAttempt   = "modemgate-attempt"
	HeaderReplay    = "modemgate-replay"
)

// SigningKey is a secret that webhooks are signed with. It prints as dots.
type SigningKey struct{ key []byte }

// ParseSigningKey reads "whsec_" and base64 of 24 to 64 bytes.
func ParseSigningKey(text string) (SigningKey, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case !ok || err != nil:
		return SigningKey{}, errors.New("not a secret of the form whsec_BASE64")
	case len(key) < 24 || len(key) > 64:
		return SigningKey{}, errors.New("a secret must have 24 to 64 bytes behind whsec_")
	}
	return SigningKey{key}, nil
}

// String hides the key.
func (SigningKey) String() string { return "•••" }

// GoString hides the key.
func (SigningKey) GoString() string { return "•••" }

// MarshalText hides the key.
func (SigningKey) MarshalText() ([]byte, error) { return []byte("•••"), nil }

// Sign is the value of the header webhook-signature: one signature a key, over id, time
// and body.
func Sign(keys []SigningKey, id string, at time.Time, body []byte) string {
	var out []byte
	for i, k := range keys {
		if i > 0 {
			out = append(out, ' ')
		}
		mac := hmac.New(sha256.New, k.key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		out = append(out, "v1,"...)
		out = base64.StdEncoding.AppendEncode(out, mac.Sum(nil))
	}
	return string(out)
}

// Verify says whether a signature is right for one of the keys and at most tolerance old or early.
func Verify(keys []SigningKey, id, timestamp, signature string, body []byte, now time.Time, tolerance time.Duration) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return errors.New("no timestamp")
	}
	at := time.Unix(seconds, 0)
	if d := now.Sub(at); d > tolerance || d < -tolerance {
		return errors.New("the timestamp is too far from now")
	}
	for given := range strings.FieldsSeq(signature) {
		for _, k := range keys {
			if hmac.Equal([]byte(given), []byte(Sign([]SigningKey{k}, id, at, body))) {
				return nil
			}
		}
	}
	return errors.New("no signature fits")
}
