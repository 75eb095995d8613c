package planfile_test

import (
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/cli/internal/planfile"
)

const plan = `{"format_version":"1.2","planned_values":{"a":[1]},"resource_drift":[{"n":1.00,"big":123456789012345678901}],` +
	`"output_changes":{},"prior_state":{"x":"é\u0000"},"checks":[],"timestamp":"t","errored":false}`

// TestSlim: values are copied byte by byte. Mutations: values decoded and encoded again, checks kept, prior_state dropped, a
// wrapper's lines kept.
func TestSlim(t *testing.T) {
	const safe = `{"format_version":"1.2","resource_drift":[{"n":1.00,"big":123456789012345678901}],"prior_state":{"x":"é\u0000"},"timestamp":"t","errored":false}`
	for name, tt := range map[string]struct {
		how        planfile.Slimming
		text, want string
	}{
		"safe":             {planfile.Safe, plan, safe},
		"the drift alone":  {planfile.Drift, plan, `{"format_version":"1.2","resource_drift":[{"n":1.00,"big":123456789012345678901}],"timestamp":"t","errored":false}`},
		"none":             {planfile.Whole, plan, plan},
		"a wrapper":        {planfile.Safe, "[command]/bin/terraform show -json tfplan\n" + plan + "\n::debug::exitcode: 0\n", safe},
		"no plan":          {planfile.Safe, "Error: no plan\n", "Error: no plan\n"},
		"another object":   {planfile.Safe, `{"resource_changes":[]}`, `{"resource_changes":[]}`},
		"inside of a text": {planfile.Safe, `{"a":"{"format_version"`, `{"a":"{"format_version"`},
		"nothing":          {planfile.Safe, "", ""},
		"twice":            {planfile.Safe, `{"format_version":"1","a":1,"a":2}`, `{"format_version":"1","a":1,"a":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := io.ReadAll(planfile.Slim(strings.NewReader(tt.text), tt.how))
			if err != nil || string(got) != tt.want {
				t.Errorf("%v\n%s, want\n%s", err, got, tt.want)
			}
		})
	}
}

// TestSlim_broken: a plan that is cut off does not become a whole one. Mutation: an error of the decoder taken as the end.
func TestSlim_broken(t *testing.T) {
	for end := len(`{"format_version"`); end < len(plan); end++ {
		got, err := io.ReadAll(planfile.Slim(strings.NewReader(plan[:end]), planfile.Safe))
		if err == nil || json.Valid(got) {
			t.Fatalf("cut at %d: %v, %s", end, err, got)
		}
	}
}

func FuzzSlim(f *testing.F) {
	f.Add(plan)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := io.ReadAll(planfile.Slim(strings.NewReader(text), planfile.Safe))
		var before, after map[string]any
		if err != nil || json.Unmarshal([]byte(text), &before) != nil {
			return
		}
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%q became %q: %v", text, got, err)
		}
		if strings.HasPrefix(text, `{"format_version"`) {
			for _, name := range []string{"planned_values", "output_changes", "relevant_attributes", "checks"} {
				delete(before, name)
			}
		}
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%q became %q", text, got)
		}
	})
}
