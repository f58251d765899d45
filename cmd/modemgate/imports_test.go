package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport is the one rule about imports: which packages of the project each may
// import. A package stands for those below it that have no rule of their own.
var mayImport = map[string][]string{
	"cmd":                nil, // everything
	"docs":               {},
	"pool":               {},
	"modem":              {"modem"},
	"modem/simulator":    {"modem/simulator"},
	"protocol":           {},
	"protocol/api":       {"pool", "protocol"},
	"protocol/alarm":     {"pool", "protocol"},
	"protocol/forward":   {"pool", "protocol"},
	"protocol/simulator": {"protocol"},
	"protocol/trigger":   {"pool", "protocol"},
	"store":              {"pool"},
	"admin":              {"pool", "protocol"},
}

// onlyIn says which package alone may import a library.
var onlyIn = map[string]string{
	"go.etcd.io/bbolt":                "store",
	"go.bug.st/serial":                "modem",
	"github.com/warthog618/modem":     "modem",
	"github.com/eclipse/paho.golang":  "protocol/forward",
	"github.com/wneessen/go-mail":     "protocol/forward",
	"github.com/pelletier/go-toml":    "cmd",
	"github.com/nyaruka/phonenumbers": "modem",
}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestImports(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "modemgate/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		from := strings.TrimPrefix(p.ImportPath, "modemgate/")
		rule, allowed := ruleFor(from)
		if rule == "" {
			t.Errorf("%s has no rule: say here what it may import", from)
		}
		for _, path := range p.Imports {
			if to, ours := strings.CutPrefix(path, "modemgate/"); ours && rule != "cmd" && !may(rule, allowed, to) {
				t.Errorf("%s imports %s", from, to)
			}
			for lib, owner := range onlyIn {
				if under(path, lib) && !under(from, owner) {
					t.Errorf("%s imports %s, which is %s's alone", from, path, owner)
				}
			}
		}
	}
	if seen < 10 {
		t.Fatalf("only %d packages were looked at", seen)
	}
}

func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// ruleFor is the most specific rule for a package.
func ruleFor(path string) (rule string, allowed []string) {
	for r, a := range mayImport {
		if under(path, r) && len(r) > len(rule) {
			rule, allowed = r, a
		}
	}
	return rule, allowed
}

func may(rule string, allowed []string, to string) bool {
	target, _ := ruleFor(to)
	if target == rule {
		return true
	}
	return slices.Contains(allowed, target)
}
