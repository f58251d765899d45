package answer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vector is one recorded answer: see the fields of testdata/at.json.
type vector struct {
	ID        string         `json:"id"`
	Command   string         `json:"command"`
	Solicited bool           `json:"solicited"`
	Input     string         `json:"input"`
	Expect    map[string]any `json:"expect"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "at.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out []vector
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// described returns what Describe prints, as JSON has it.
func described(t testing.TB, command, raw string) (map[string]any, error) {
	t.Helper()
	d, readErr := Describe(command, raw)
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatalf("marshalling: %v", err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out, readErr
}

// behaviours are expectations about what happens, not about a field of the
// object that Describe returns.
var behaviours = map[string]func(t *testing.T, v vector, got map[string]any, err error, want any){
	// Reached only if nothing panicked.
	"no_crash": func(*testing.T, vector, map[string]any, error, any) {},
	"must_not_fail": func(t *testing.T, _ vector, got map[string]any, err error, _ any) {
		if err != nil || got["parse"] != "ok" {
			t.Errorf("failed: %v", err)
		}
	},
	// No line but a final result or an answer of the boot may reach a command.
	"ignore_ok": func(t *testing.T, v vector, _ map[string]any, _ error, _ any) {
		lines, _ := Split(v.Command, v.Input)
		for _, line := range lines {
			if !Unsolicited(line, "+CMGR") {
				t.Errorf("line %q is taken for an answer", line)
			}
		}
	},
	"fallback_ok": func(t *testing.T, v vector, _ map[string]any, _ error, want any) {
		lines, _ := Split(v.Command, v.Input)
		mem, err := CPMSTest(lines)
		if err != nil {
			t.Fatal(err)
		}
		var names []any
		for _, name := range mem.Readable() {
			names = append(names, name)
		}
		if diff := cmp.Diff(want, any(names)); diff != "" {
			t.Errorf("fallback (-want +got):\n%s", diff)
		}
	},
	"trimmed": func(t *testing.T, _ vector, got map[string]any, _ error, _ any) {
		if model := got["model"].(string); model != strings.TrimSpace(model) {
			t.Errorf("model %q has blanks around it", model)
		}
	},
	"raw_kept": func(t *testing.T, v vector, got map[string]any, _ error, _ any) {
		if raw, _ := got["raw"].(string); len(raw) < 100 || !strings.Contains(v.Input, raw) {
			t.Errorf("raw %q is not what came", raw)
		}
	},
	// What the body means if it is packed septets, which it is.
	"text_if_packed7": func(t *testing.T, _ vector, got map[string]any, _ error, want any) {
		if got["text"] != want || got["encoding"] != string(Packed7) {
			t.Errorf("text = %q in %v, want %q", got["text"], got["encoding"], want)
		}
	},
	"error": func(t *testing.T, _ vector, got map[string]any, err error, _ any) {
		if err == nil || got["parse"] != "error" || got["error"] != true {
			t.Errorf("read as %v, want an error", got)
		}
	},
}

func TestVectors(t *testing.T) {
	t.Parallel()
	all := vectors(t)
	if len(all) < 238 {
		t.Fatalf("only %d vectors", len(all))
	}
	checked := 0
	for _, v := range all {
		t.Run(v.ID, func(t *testing.T) {
			got, err := described(t, v.Command, v.Input)
			if _, ok := v.Expect["error"]; !ok && err != nil {
				t.Errorf("failed: %v", err)
			}
			for field, want := range v.Expect {
				checked++
				if check, ok := behaviours[field]; ok {
					check(t, v, got, err, want)
					continue
				}
				have, ok := got[field]
				if !ok {
					t.Errorf("%s is missing, want %v", field, want)
					continue
				}
				if diff := cmp.Diff(want, narrow(have, want)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", field, diff)
				}
			}
			if t.Failed() {
				t.Logf("command %q, input %q", v.Command, v.Input)
			}
		})
	}
	if checked < 682 {
		t.Errorf("only %d expectations were checked", checked)
	}
}

// narrow keeps of have, in objects, the keys that want names.
func narrow(have, want any) any {
	switch want := want.(type) {
	case map[string]any:
		object, ok := have.(map[string]any)
		if !ok {
			return have
		}
		out := map[string]any{}
		for key := range want {
			if value, ok := object[key]; ok {
				out[key] = narrow(value, want[key])
			}
		}
		return out
	case []any:
		list, ok := have.([]any)
		if !ok || len(list) != len(want) {
			return have
		}
		out := make([]any, len(list))
		for i := range list {
			out[i] = narrow(list[i], want[i])
		}
		return out
	}
	return have
}
