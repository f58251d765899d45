package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	modems "modemgate/modem/simulator"
)

// TestSecretsStayHome runs the program with secrets, texts and numbers that stand out,
// logging all it can, on everything that makes it talk: receivers that refuse and quote,
// wrong tokens, broken PDUs, a reload, refused commands, and a crash that dumps every
// goroutine. None of them is in log, metrics, errors, arguments or environment.
func TestSecretsStayHome(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	const (
		text   = "CANARY-TEXT-7731"
		from   = "+4917655501234"
		header = "canary-header-8842"
		token  = "canary-token-9953-canary-token-9953-xx"
		admin  = "canary-admin-1064-canary-admin-1064-xx"
	)
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.Copy(w, r.Body) // it quotes what it got
	}))
	defer echo.Close()
	dir := filepath.Dir(k.config)
	for name, secret := range map[string]string{"spare.token": token, "admin.token": admin} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	base, err := os.ReadFile(k.config)
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(string(base), "[admin]\n", fmt.Sprintf("[admin]\ntoken_file = %q\n", filepath.Join(dir, "admin.token")), 1) + fmt.Sprintf(`[[app]]
name = "spare"
token_file = %q
senders = ["X"]
sims = { all = true }
[[destination]]
name = "echo"
url = %q
secret_file = %q
headers = { Authorization = "Bearer %s" }
retry = ["1s"]
`, filepath.Join(dir, "spare.token"), echo.URL, filepath.Join(dir, "crm.whsec"), header)
	k.configure(config)
	log := &journal{}
	k.child = program("run", "-debug", "-config", k.config)
	k.child.Stderr, k.child.Stdout = log, log
	if err := k.child.Start(); err != nil {
		t.Fatal(err)
	}
	addr := regexp.MustCompile(`modemgate runs.* api=(\S+) admin=(\S+)`)
	waitFor(t, "the listeners", func() bool { return addr.MatchString(log.String()) }, log)
	at := addr.FindStringSubmatch(log.String())
	var said strings.Builder // what others are told
	ask := func(method, url, bearer, body string) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(&said, resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	for i := range k.rack.Len() {
		m := k.rack.Modem(i)
		m.Deliver(modems.SMS{From: from, Text: text + " to modem " + fmt.Sprint(i)})
		m.Deliver(modems.SMS{From: from, Text: strings.Repeat(text+" ", 20), Ref: i + 1})
		m.DeliverPDU([]byte("\x00\x44" + text)) // no PDU
		m.Ring(from, 1)
	}
	waitFor(t, "the messages at the receiver that quotes", func() bool {
		return strings.Count(log.String(), "delivery failed") >= 2*k.rack.Len()
	}, log)
	for _, wrong := range []string{token + "x", "", strings.Repeat("y", 5000)} {
		ask("GET", "http://"+at[1]+"/v1/messages", wrong, "")
		ask("GET", "http://"+at[2]+"/api/v1/status", wrong, "")
	}
	ask("POST", "http://"+at[1]+"/v1/reservations", token, `{"ttl_s":"`+text+`"}`)
	ask("POST", "http://"+at[1]+"/v1/wait", token, `{"number":"`+from+`","match":{"regex":"("}}`)
	ask("GET", "http://"+at[1]+"/v1/messages?limit=0", token, "")
	ask("GET", "http://"+at[2]+"/metrics", admin, "")
	ask("GET", "http://"+at[2]+"/api/v1/deliveries", admin, "")
	said.WriteString(k.command(1, "destinations", "pause", "nobody", "-why", "x"))
	said.WriteString(k.command(0, "messages", "list"))
	said.WriteString(k.command(0, "status"))
	said.WriteString(k.command(0, "audit", "list"))
	k.configure(config + "[[app]]\nname = \"broken\"\ntoken = \"" + token + "\"\ncolour = \"" + header + "\"\n")
	if err := k.child.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the refusal of the configuration", func() bool { return strings.Contains(log.String(), "was refused") }, log)
	said.WriteString(k.command(1, "check"))
	for _, file := range []string{"cmdline", "environ"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", k.child.Process.Pid, file))
		if err != nil {
			t.Fatal(err)
		}
		said.Write(b)
	}
	if err := k.child.Process.Signal(syscall.SIGQUIT); err != nil { // all goroutines, with their arguments
		t.Fatal(err)
	}
	_ = k.child.Wait() // it was to crash
	if !strings.Contains(log.String(), "goroutine ") {
		t.Error("it did not dump its goroutines")
	}
	key, err := os.ReadFile(filepath.Join(dir, "crm.whsec"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{"text": text, "header": header, "token": token, "admin's token": admin, "application's token": strings.Repeat("t", 40), "signing key": strings.TrimPrefix(string(key), "whsec_")}
	numbers := []string{from}
	for i := range k.rack.Len() {
		if sim, _ := k.rack.Modem(i).SIM(); sim.MSISDN != "" {
			numbers = append(numbers, sim.MSISDN)
		}
	}
	for name, secret := range secrets {
		for where, what := range map[string]string{"log": log.String(), "answers": said.String()} {
			if at := strings.Index(what, secret); at >= 0 {
				t.Errorf("the %s is in the %s: ...%.60s...", name, where, what[max(0, at-60):])
			}
		}
	}
	for _, n := range numbers {
		if strings.Contains(log.String(), strings.TrimPrefix(n, "+")) {
			t.Errorf("the log has a full number: %s", n[:5])
		}
	}
}
