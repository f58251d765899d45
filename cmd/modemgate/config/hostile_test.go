package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	goodProvider = "[[provider]]\nname = \"main\"\nurl = \"https://sms.example/send\"\nbody = '{\"to\":{{json .Number}}}'\n"
	goodMonitor  = "[[monitor]]\nname = \"otp\"\nprovider = \"main\"\nselect = { tag = \"qa\" }\n"
)

// TestHostileFiles has the files that are none, or that hold what no text has.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(path string) error
		says string // empty: it is taken
	}{
		{"empty", func(p string) error { return os.WriteFile(p, nil, 0o600) }, ""},
		{"comments alone, with a byte order mark and line ends of Windows", func(p string) error { return os.WriteFile(p, []byte("\ufeff# nothing\r\n\r\n[api]\r\n"), 0o600) }, ""},
		{"tabs", func(p string) error {
			return os.WriteFile(p, []byte("[api]\n\tlisten\t=\t\"127.0.0.1:0\"\t# here\n"), 0o600)
		}, ""},
		{"missing", func(string) error { return nil }, "no such file"},
		{"a folder", func(p string) error { return os.Mkdir(p, 0o700) }, "is no file"},
		{"a device", func(p string) error { return os.Symlink("/dev/zero", p) }, "is no file"},
		{"a gigabyte", func(p string) error { return errors.Join(os.WriteFile(p, nil, 0o600), os.Truncate(p, 1<<30)) }, "larger than 1 MiB"},
		{"a link to a good file", func(p string) error {
			return errors.Join(os.WriteFile(p+".real", []byte("[api]\n"), 0o600), os.Symlink(p+".real", p))
		}, ""},
		{"a link to nothing", func(p string) error { return os.Symlink(p+".gone", p) }, "no such file"},
		{"binary", func(p string) error { return os.WriteFile(p, []byte("\x7fELF\x00\x01\x02"), 0o600) }, "not TOML"},
		{"no UTF-8", func(p string) error { return os.WriteFile(p, []byte("data_dir = \"a\xff\"\n"), 0o600) }, "not TOML"},
		{"a table twice", func(p string) error { return os.WriteFile(p, []byte("[api]\n[admin]\n[api]\n"), 0o600) }, ":3:"},
		{"a secret, readable by all", func(p string) error {
			return errors.Join(os.WriteFile(p, []byte("[admin]\ntoken = \"01234567890123456789\"\n"), 0o600), os.Chmod(p, 0o644))
		}, "chmod 0640"},
	} {
		path := filepath.Join(t.TempDir(), "modemgate.toml")
		if err := c.make(path); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "0123456789") {
			t.Errorf("%s: the secret is shown", c.name)
		}
	}
}

// TestHostileValues has values beyond what anything can be.
func TestHostileValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, line, key string }{
		{"[api]\nlisten = \"127.0.0.1:70000\"", ":2:", "listen"},
		{"[api]\nlisten = \"example.com:80\"", ":2:", "listen"},
		{"[api]\nallow = [\"10.0.0.0/33\"]", ":2:", "allow"},
		{"[api]\ntrusted_proxies = [\"nowhere\"]", ":2:", "trusted_proxies"},
		{"[modems]\nhealth = \"0s\"", ":2:", "health"},
		{"[modems]\nhealth = \"-8s\"", ":2:", "health"},
		{"[modems]\nhealth = \"99999999999h\"", ":2:", "health"},
		{"[modems]\nbaud = 99999999999999999999", ":2:", "baud"},
		{goodApp + "max_reservations = 0", ":6:", "max_reservations"},
		{goodApp + "max_reservations = 1000000000", ":6:", "max_reservations"},
		{goodApp + "max_ttl = \"7d\"", ":6:", "max_ttl"},
		{goodApp + "rate = -1", ":6:", "rate"},
		{goodApp + "rate = nan", ":6:", "rate"},
		{goodApp + "scopes = [\"reed\"]", ":6:", "scopes"},
		{goodApp + strings.Replace(goodApp, "\"qa\"", "\"qb\"", 1), ":8:", "token_file"},
		{strings.Replace(goodHook, "https://crm.example/hook", "file:///etc/passwd", 1), ":3:", "url"},
		{strings.Replace(goodHook, "https://crm", "https://u:p@crm", 1), ":3:", "url"},
		{strings.Replace(goodHook, "hook\"", "hook#part\"", 1), ":3:", "url"},
		{goodHook + "workers = 0", ":5:", "workers"},
		{goodHook + "retry = []", ":5:", "retry"},
		{goodHook + "retry = [\"1ns\"]", ":5:", "retry"},
		{goodHook + "format = \"template\"\nbody = \"{{\"", ":6:", "body"},
		{goodHook + "format = \"template\"\nbody = '{\"t\":\"{{.Data.text}}\"}'", ":6:", "body"},
		{"[[sim]]\niccid = \"8949020000001234567\"\n[[sim]]\niccid = \"8949020000001234567\"", ":4:", "iccid"},
		{"[[sim]]\niccid = \"8949020000001234567\"\nnumber = \"0151\"", ":3:", "number"},
		{"[[route]]\nname = \"r\"\nhours = \"Mon 08:00-09:00 Mars/Olympus\"\nto = []", ":3:", "hours"},
		{goodProvider + goodProvider, ":6:", "name"},
		{strings.Replace(goodProvider, "https", "http", 1), ":3:", "url"},
		{strings.Replace(goodProvider, "https://sms.example", "https://u:p@sms.example", 1), ":3:", "url"},
		{strings.Replace(goodProvider, "{{json .Number}}", "{{.Number}}x", 1), ":4:", "body"},
		{goodProvider + "method = \"DELETE\"", ":5:", "method"},
		{goodProvider + "accepted = []", ":5:", "accepted"},
		{goodProvider + "accepted = [100]", ":5:", "accepted"},
		{goodProvider + "id_pointer = \"id\"", ":5:", "id_pointer"},
		{goodProvider + "daily_messages = -1", ":5:", "daily_messages"},
		{goodProvider + "secrets = { key = \"DIR/gone\" }", ":5:", "secrets"},
		{goodProvider + "headers = { \"Content-Type\" = \"x\" }", ":5:", "headers"},
		{goodProvider + "dlr = { secret_file = \"DIR/short.token\", words = { D = \"delivered\" } }", ":5:", "secret_file"},
		{goodProvider + "dlr = { secret_file = \"DIR/app.token\" }", ":5:", "words"},
		{goodProvider + "dlr = { secret_file = \"DIR/app.token\", words = { D = \"arrived\" } }", ":5:", "words"},
		{goodProvider + strings.Replace(goodMonitor, "\"main\"", "\"mian\"", 1), ":7:", "provider"},
		{goodProvider + strings.Replace(goodMonitor, "select = { tag = \"qa\" }\n", "", 1), ":5:", "select"},
		{goodProvider + goodMonitor + "interval = \"0s\"", ":9:", "interval"},
		{goodProvider + goodMonitor + "jitter = 1.5", ":9:", "jitter"},
		{goodProvider + goodMonitor + "texts = [\"opt\"]", ":9:", "texts"},
		{goodProvider + goodMonitor + "texts = []", ":9:", "texts"},
		{goodProvider + goodMonitor + "maintenance = [\"sometimes\"]", ":9:", "maintenance"},
		{goodProvider + goodMonitor + "expect = { text = \"roughly\" }", ":9:", "text"},
		{goodProvider + strings.Replace(goodMonitor, "tag = \"qa\"", "numbers = [\"+4930123456\"], each = \"number\"", 1), ":8:", "numbers"},
		{goodProvider + strings.Replace(goodMonitor, "tag = \"qa\"", "numbers = [\"030\"]", 1), ":8:", "numbers"},
		{goodProvider + goodMonitor + "colour = 1", ":9:", "colour"},
	} {
		_, err := load(t, c.text)
		all, ok := errors.AsType[*Errors](err)
		if !ok {
			t.Errorf("%v for\n%s", err, c.text)
			continue
		}
		found := false
		for _, f := range all.Faults {
			text := ":" + f.String()
			found = found || strings.HasPrefix(text, c.line) && strings.Contains(text, c.key)
		}
		if !found {
			t.Errorf("no fault%s of %s in %v, for\n%s", c.line, c.key, all.Faults, c.text)
		}
	}
}

// TestBudgetWarning warns of a monitor whose day needs more than it may send.
func TestBudgetWarning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		warn bool
	}{
		{goodProvider + goodMonitor, false}, // 96 a day of 250
		{goodProvider + goodMonitor + "interval = \"5m\"\n", true},
		{goodProvider + goodMonitor + "texts = [\"long\"]\n", true},
		{goodProvider + "daily_messages = 90\n" + goodMonitor, true},
	} {
		conf, err := load(t, c.text)
		if err != nil {
			t.Fatalf("%v for\n%s", err, c.text)
		}
		if (len(conf.Warnings) > 0) != c.warn {
			t.Errorf("%v for\n%s", conf.Warnings, c.text)
		}
	}
}
