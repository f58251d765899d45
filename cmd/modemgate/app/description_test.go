package app

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestDescriptionsAreTidy holds both descriptions to what generators of clients and
// readers need: each operation named once and summed up, answered in the good case and,
// for every error, by a problem; no part that nothing uses. That they say what is served stands with the tests of api and admin.
func TestDescriptionsAreTidy(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"../../../protocol/api/openapi.json", "../../../admin/openapi.json"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := openapi3.NewLoader().LoadFromData(text)
		if err == nil {
			err = doc.Validate(t.Context())
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info.Description == "" {
			t.Errorf("%s: version %s, description %q", path, doc.OpenAPI, doc.Info.Description)
		}
		named := map[string]bool{}
		for route, item := range doc.Paths.Map() {
			for method, op := range item.Operations() {
				for _, fault := range untidy(op) {
					t.Errorf("%s: %s %s: %s", path, method, route, fault)
				}
				if named[op.OperationID] {
					t.Errorf("%s: operationId %q twice", path, op.OperationID)
				}
				named[op.OperationID] = true
			}
		}
		var raw struct {
			Components map[string]map[string]json.RawMessage
		}
		if err := json.Unmarshal(text, &raw); err != nil {
			t.Fatal(err)
		}
		delete(raw.Components, "securitySchemes") // named without a path
		for kind, parts := range raw.Components {
			for name := range parts {
				if ref := `"#/components/` + kind + "/" + name + `"`; !strings.Contains(string(text), ref) {
					t.Errorf("%s: nothing uses %s", path, ref)
				}
			}
		}
	}
}

// untidy is what an operation lacks.
func untidy(op *openapi3.Operation) (out []string) {
	if op.OperationID == "" {
		out = append(out, "no operationId")
	}
	if op.Summary == "" || strings.HasSuffix(op.Summary, ".") {
		out = append(out, "no summary, or one with a full stop")
	}
	good := false
	for status, answer := range op.Responses.Map() {
		good = good || status[0] == '2'
		if problem := answer.Value.Content.Get("application/problem+json"); status >= "400" && problem == nil {
			out = append(out, "answer "+status+" is no problem")
		}
		if answer.Value.Description == nil || *answer.Value.Description == "" {
			out = append(out, "answer "+status+" has no description")
		}
	}
	if !good {
		out = append(out, "no good answer")
	}
	return out
}
