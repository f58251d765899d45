package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// load writes a file with good secrets beside it, and loads it.
func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"app.token": strings.Repeat("t", 40), "short.token": "short", "hook.whsec": "whsec_" + strings.Repeat("A", 44),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "modemgate.toml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

const (
	goodApp  = "[[app]]\nname = \"qa\"\ntoken_file = \"DIR/app.token\"\nsenders = [\"ACME\"]\nsims = { all = true }\n"
	goodHook = "[[destination]]\nname = \"crm\"\nurl = \"https://crm.example/hook\"\nsecret_file = \"DIR/hook.whsec\"\n"
)

const (
	goodBus   = "[[destination]]\nname = \"bus\"\nkind = \"mqtt\"\nbroker = \"mqtts://broker.example:8883\"\nusername = \"rack\"\npassword_file = \"DIR/app.token\"\n"
	goodMail  = "[[destination]]\nname = \"duty\"\nkind = \"email\"\nsmtp = \"smtp://mail.example:587\"\nfrom = \"rack@example.com\"\nto = [\"duty@example.com\"]\n"
	goodAlarm = "[[alarm]]\nurl = \"https://ops.example/\"\ndead_man_url = \"https://watch.example/1\"\n"
)

func TestGood(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", goodApp, goodHook, goodBus, goodMail, goodAlarm, goodApp + goodHook + "[[route]]\nname = \"all\"\nto = [\"crm\"]\nhours = \"Mon-Fri 08:00-18:00 Europe/Berlin\"\n"} {
		if _, err := load(t, text); err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	}
}

// TestFaults names for each fault the line, the key and what to do.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		says []string
	}{
		{"data_dir = \"x", []string{":1:", "not TOML"}},
		{"[api]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"", []string{":3:"}},
		{"\ncolour = 1", []string{":2:", "colour", "unknown key"}},
		{"[api]\nlistne = \"x\"", []string{":2:", "listne", "listen?"}},
		{"[modems]\nbaud = \"fast\"", []string{":2:", "baud"}},
		{"[modems]\nhealth = \"8\"", []string{":2:", "health"}},
		{"[admin]\nlisten = \"0.0.0.0:9108\"", []string{"token_file", "open to others"}},
		{"[api]\nlisten = \"0.0.0.0:8090\"", []string{":2:", "insecure"}},
		{strings.Replace(goodHook, "https://", "", 1), []string{":3:", "url", "https://"}},
		{strings.Replace(goodHook, "https://", "http://", 1), []string{":3:", "url", "insecure"}},
		{strings.Replace(goodHook, "https://crm.example", "http://169.254.169.254", 1), []string{":3:", "url"}},
		{strings.Split(goodHook, "secret_file")[0], []string{"secret_file", "modemgate token"}},
		{strings.Replace(goodHook, "hook.whsec", "gone", 1), []string{":4:", "secret_file", "does not exist"}},
		{strings.Replace(goodApp, "app.token", "short.token", 1), []string{":3:", "token_file", "20"}},
		{strings.Split(goodApp, "sims")[0], []string{"sims", "all = true"}},
		{strings.Replace(goodApp, "{ all = true }", "{}", 1), []string{":5:", "sims", "all = true"}},
		{strings.Replace(goodApp, "senders = [\"ACME\"]\n", "", 1), []string{"senders"}},
		{strings.Replace(goodApp, "ACME", "*", 1), []string{":4:", "senders"}},
		{goodApp + goodApp, []string{":7:", "name", "qa"}},
		{goodHook + "[[route]]\nname = \"a\"\nto = [\"crn\"]", []string{":7:", "to", "crm?"}},
		{goodHook + "[[route]]\nname = \"a\"\nto = [\"crm\"]\ntext = \"(\"", []string{":8:", "text"}},
		{goodHook + "[[route]]\nname = \"a\"\nto = [\"crm\"]\nhours = \"sometimes\"", []string{":8:", "hours"}},
		{"[[balance]]\nplmn = \"26201\"", []string{":1:", "balance", "not in this version"}},
		{"[[monitor]]\nname = \"m\"\nselect = { tag = \"a\" }", []string{":1:", "provider", "there is no provider"}},
		{"[[destination]]\nname = \"bus\"\nkind = \"mqtt\"", []string{":1:", "broker", "missing"}},
		{"[[destination]]\nname = \"bus\"\nkind = \"fax\"", []string{":3:", "kind", "mqtt"}},
		{strings.Replace(goodBus, "mqtts", "mqtt", 1), []string{":4:", "broker", "insecure"}},
		{strings.Replace(goodBus, "mqtts://", "mqtts://me:pw@", 1), []string{":4:", "broker", "password_file"}},
		{strings.Replace(goodBus, "mqtts", "https", 1), []string{":4:", "broker", "mqtts://"}},
		{goodBus + "topic = \"a/{{.Nope}}\"\n", []string{":7:", "topic"}},
		{goodBus + "discovery = true\ntopic = \"a/{{.Data.from}}\"\n", []string{":8:", "topic", "discovery"}},
		{goodBus + "url = \"https://x.example\"\n", []string{":7:", "url", "unknown key"}},
		{strings.Replace(goodMail, "smtp://", "", 1), []string{":4:", "smtp", "smtps://"}},
		{strings.Replace(goodMail, "rack@example.com", "rack", 1), []string{":5:", "from", "rack"}},
		{strings.Replace(goodMail, "[\"duty@example.com\"]", "[]", 1), []string{":6:", "to"}},
		{goodMail + "username = \"u\"\n", []string{":7:", "username", "password_file"}},
		{goodMail + "subject = \"{{.Nope}}\"\n", []string{":7:", "subject"}},
		{"[retention]\ntexts = \"30d\"", []string{":2:", "texts", "720h"}},
		{"[retention]\ntexts = \"48h\"\nrecords = \"24h\"", []string{":3:", "records", "texts"}},
		{"[[alarm]]\nbody = \"x\"", []string{":1:", "url", "dead_man_url"}},
		{strings.Replace(goodAlarm, "https", "http", 1), []string{":2:", "url", "https://"}},
		{goodAlarm + "body = \"{{.Nope}}\"\n", []string{":4:", "body"}},
		{"[modems]\nreceive = \"direct\"", []string{":2:", "receive", "not in this version"}},
		{"[[sim]]\niccid = \"12\"", []string{":2:", "iccid"}},
	} {
		_, err := load(t, c.text)
		if _, ok := errors.AsType[*Errors](err); !ok {
			t.Errorf("%v for\n%s", err, c.text)
			continue
		}
		for _, want := range c.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in %q, for\n%s", want, err, c.text)
			}
		}
	}
}

// TestAllFaultsInOnePass lists every fault of a file, in the order of lines, and no secret.
func TestAllFaultsInOnePass(t *testing.T) {
	t.Parallel()
	_, err := load(t, "colour = 1\n[api]\nlistne = \"x\"\n[modems]\nbaud = 1\nspeed = 2\n[[app]]\nname = \"qa\"\ntoken = \"tooshortsecret\"\n")
	all, ok := errors.AsType[*Errors](err)
	if !ok || len(all.Faults) < 6 {
		t.Fatalf("%v", err)
	}
	for i := 1; i < len(all.Faults); i++ {
		if all.Faults[i].Line < all.Faults[i-1].Line {
			t.Errorf("line %d after %d", all.Faults[i].Line, all.Faults[i-1].Line)
		}
	}
	if strings.Contains(err.Error(), "tooshort") {
		t.Errorf("a secret is shown: %v", err)
	}
}
