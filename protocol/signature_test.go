package protocol

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func secretOf(b byte, n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, n))
}

// TestSignature has the reference library of Standard Webhooks verify what we sign, and
// us what it signs.
func TestSignature(t *testing.T) {
	t.Parallel()
	body := []byte(`{"type":"sms.received","id":"evt_17","data":{"text":"Tür €5 🚪"}}`)
	at := time.Now().Truncate(time.Second)
	for _, n := range []int{24, 32, 64} {
		is, was := secretOf(1, n), secretOf(2, n)
		var keys []SigningKey
		for _, s := range []string{is, was} {
			k, err := ParseSigningKey(s)
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, k)
		}
		h := http.Header{}
		h.Set(HeaderID, "evt_17")
		h.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
		h.Set(HeaderSignature, Sign(keys, "evt_17", at, body))
		if got := len(strings.Fields(h.Get(HeaderSignature))); got != 2 {
			t.Errorf("%d signatures for two secrets", got)
		}
		for _, s := range []string{is, was} {
			w, err := reference.NewWebhook(s)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Verify(body, h); err != nil {
				t.Errorf("the reference library: %v", err)
			}
			theirs, err := w.Sign("evt_17", at, body)
			if err != nil {
				t.Fatal(err)
			}
			if err := Verify(keys, "evt_17", h.Get(HeaderTimestamp), theirs, body, at, time.Minute); err != nil {
				t.Errorf("what the reference library signed: %v", err)
			}
		}
		other, err := reference.NewWebhook(secretOf(3, n))
		if err != nil {
			t.Fatal(err)
		}
		if other.Verify(body, h) == nil {
			t.Error("another secret's holder takes it")
		}
	}
}

// TestVerify refuses whatever was changed on the way.
func TestVerify(t *testing.T) {
	t.Parallel()
	k, err := ParseSigningKey(secretOf(1, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys, at, body := []SigningKey{k}, time.Unix(1_800_000_000, 0), []byte(`{"a":1}`)
	stamp, good := "1800000000", Sign([]SigningKey{k}, "evt_1", at, body)
	if err := Verify(keys, "evt_1", stamp, good, body, at, time.Minute); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"body":      Verify(keys, "evt_1", stamp, good, []byte(`{"a":2}`), at, time.Minute),
		"id":        Verify(keys, "evt_2", stamp, good, body, at, time.Minute),
		"stamp":     Verify(keys, "evt_1", "1800000001", good, body, at, time.Minute),
		"no stamp":  Verify(keys, "evt_1", "", good, body, at, time.Minute),
		"late":      Verify(keys, "evt_1", stamp, good, body, at.Add(2*time.Minute), time.Minute),
		"early":     Verify(keys, "evt_1", stamp, good, body, at.Add(-2*time.Minute), time.Minute),
		"version":   Verify(keys, "evt_1", stamp, strings.Replace(good, "v1,", "v1a,", 1), body, at, time.Minute),
		"empty":     Verify(keys, "evt_1", stamp, "", body, at, time.Minute),
		"no secret": Verify(nil, "evt_1", stamp, good, body, at, time.Minute),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestSecrets refuses secrets that are too short, too long or none, and never shows one.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "whsec_", secretOf(1, 23), secretOf(1, 65), strings.TrimPrefix(secretOf(1, 32), "whsec_"), "whsec_???"} {
		if _, err := ParseSigningKey(s); err == nil {
			t.Errorf("%q was taken", s)
		} else if len(s) > 20 && strings.Contains(err.Error(), s[10:20]) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	k, err := ParseSigningKey(secretOf(1, 32))
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s", k, k, k, k)} {
		if strings.Contains(shown, "1 1") || strings.Contains(shown, "AQEB") {
			t.Errorf("shown: %s", shown)
		}
	}
}
