package admin

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestDescriptionHasAllEndpoints compares what is served with what is described, both ways.
func TestDescriptionHasAllEndpoints(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(described)
	h := &Handler{}
	served := slices.Collect(maps.Keys(h.endpoints()))
	served = slices.AppendSeq(served, maps.Keys(h.streamed()))
	slices.Sort(served)
	if !slices.Equal(served, described) {
		t.Errorf("served:\n%s\ndescribed:\n%s", strings.Join(served, "\n"), strings.Join(described, "\n"))
	}
}
