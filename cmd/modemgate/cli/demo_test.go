package cli

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestDemo runs the whole product in process for a while: rack on ptys, store, webhooks,
// an application. Nothing may be lost, come twice or be left running.
func TestDemo(t *testing.T) {
	defer goleak.VerifyNone(t)
	var out, errs bytes.Buffer
	if code := Main([]string{"demo", "-modems", "4", "-for", "8s"}, nil, &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s%s", code, out.String(), errs.String())
	}
	if !regexp.MustCompile(`received [1-9]\d*, pushed [1-9]\d*, lost 0, duplicated 0, codes awaited [1-9]`).MatchString(out.String()) {
		t.Errorf("no such summary: %s", out.String())
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("terminal codes though nobody has a terminal")
	}
}
