package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	metricName = regexp.MustCompile(`modemgate_[a-z_]+`)
	suffixes   = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// TestAlertRules runs the unit tests of the alert rules by promtool.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		c := exec.Command("promtool", args...)
		c.Dir = filepath.Join("..", "..", "..", "monitoring")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestMonitoringKnowsItsMetrics holds each metric that rules and dashboard name to what
// the gateway serves from its start.
func TestMonitoringKnowsItsMetrics(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1, "[[monitor]]\nname = \"codes\"\nprovider = \"main\"\nselect = { each = \"number\" }\ninterval = \"24h\"\n", nil)
	families, err := l.app.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, f := range families {
		served[f.GetName()] = true
	}
	for _, file := range []string{"alerts.yml", "dashboard.json"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", "monitoring", file))
		if err != nil {
			t.Fatal(err)
		}
		names := metricName.FindAllString(string(text), -1)
		if len(names) < 5 {
			t.Errorf("%s names %d metrics", file, len(names))
		}
		for _, name := range names {
			if !served[name] && !served[suffixes.ReplaceAllString(name, "")] {
				t.Errorf("%s: there is no metric %s", file, name)
			}
		}
	}
}
