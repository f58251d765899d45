package api

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"modemgate/protocol"
)

// TestDescriptionHasAllRoutes compares what is served with what is described, both ways.
func TestDescriptionHasAllRoutes(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var served, described []string
	for _, r := range routes() {
		served = append(served, r.method+" "+r.pattern)
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if !slices.Equal(served, described) {
		t.Errorf("served:\n%s\ndescribed:\n%s", strings.Join(served, "\n"), strings.Join(described, "\n"))
	}
}

// TestDescriptionKnowsCodes holds the codes in the answers' descriptions to the closed list.
func TestDescriptionKnowsCodes(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status, answer := range op.Responses.Map() {
				if status < "400" {
					continue
				}
				for code := range strings.SplitSeq(*answer.Value.Description, ", ") {
					p := protocol.NewProblem(code, "")
					if p.Title == "" || status != strconv.Itoa(p.Status) {
						t.Errorf("%s %s: %s has %s, which is %d", method, path, status, code, p.Status)
					}
				}
			}
		}
	}
}
