package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSelftest runs every point against an instance with an operator's configuration.
func TestSelftest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"crm.whsec": "whsec_" + strings.Repeat("QUJD", 12), "qa.token": strings.Repeat("t", 30)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "modemgate.toml")
	text := demoConfig(dir, dir, "https://crm.example/hook", "127.0.0.1:0", "127.0.0.1:0") + `
[sims]
unlisted = "hold"
[[route]]
name = "nothing"
to = []
stop = true
[[alarm]]
dead_man_url = "https://nowhere.example/"
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := Main([]string{"selftest", "-config", path}, nil, &out, &errs); code != 0 {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Error("the operator's data folder was touched")
	}
}

// TestSelftestLive runs what can be run against a gateway at work, and finds one that is none.
func TestSelftestLive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := setStage(dir, 2, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.app.Start(); err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(dir, "qa.token")
	var out, errs bytes.Buffer
	if code := Main([]string{"selftest", "-live", "http://" + s.app.APIAddr(), "-token-file", token}, nil, &out, &errs); code != 0 {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	defer other.Close()
	out.Reset()
	if code := Main([]string{"selftest", "-json", "-live", other.URL, "-token-file", token}, nil, &out, &errs); code != 1 || strings.Contains(out.String(), `"ok":true`) {
		t.Errorf("exit %d\n%s", code, out.String())
	}
}
