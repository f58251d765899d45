package config

import (
	"errors"
	"testing"
)

// FuzzLoad reads whatever a file holds: it never panics, and every fault has a line of the file.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{"", goodApp, goodHook, goodBus, goodMail, goodAlarm, "[api]\nlisten = 1\n[[api]]", "a.b.c = {d = [1, 2", "[[route]]\nhours = \"x\"\n", "\xef\xbb\xbf[modems]\r\nbaud = 1e9\r\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := &loader{path: "modemgate.toml", mode: 0o600, host: "rack"}
		c, err := l.load(data)
		if err == nil {
			if c == nil {
				t.Error("no configuration and no error")
			}
			return
		}
		all, ok := errors.AsType[*Errors](err)
		if !ok || len(all.Faults) == 0 {
			t.Fatalf("%v", err)
		}
		for _, fault := range all.Faults {
			if fault.Line < 0 || fault.Line > len(data)+1 {
				t.Errorf("line %d of %d bytes: %s", fault.Line, len(data), fault)
			}
		}
	})
}
