package observability

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// TestObjectives compares the table of docs/observability.md with the specifications that sloth makes the rules from, and
// looks for these rules. -update writes the table; `make slo` makes the rules, and `make lint` compares them.
func TestObjectives(t *testing.T) {
	recorded := map[string]bool{}
	for _, g := range shipped.Groups(t) {
		for _, r := range g.Rules {
			recorded[r.Record+" "+r.Labels["slo"]] = true
		}
	}
	table := doctable.Header("Objective", "Events", "Good over 30 days", "Alert")
	for _, file := range append(shipped.Files(t, shipped.Deploy+"/prometheus/slo/*.yml"), shipped.Files(t, shipped.Deploy+"/prometheus/slo/compose/*.yml")...) {
		var spec struct {
			SLOs []struct {
				Name, Description string
				Objective         float64
				Labels            map[string]string
				Alerting          struct{ Name string }
			}
		}
		shipped.YAML(t, file, &spec)
		for _, slo := range spec.SLOs {
			// Dashboards and silences select by slo, and sloth's own rules by sloth_slo.
			if name := strings.TrimSuffix(filepath.Base(file), ".yml"); slo.Name != name || slo.Labels["slo"] != name {
				t.Errorf("%s: the objective %q with the label slo %q must both be %s, as the file", file, slo.Name, slo.Labels["slo"], name)
			}
			// The plugin records it.
			if !recorded["slo:bad:rate5m "+slo.Name] {
				t.Errorf("%s: no rule records slo:bad:rate5m: add the chain of slo_plugins that the other objectives have, then run `make slo`", file)
			}
			table += doctable.Row("`"+slo.Name+"`", slo.Description, strconv.FormatFloat(slo.Objective, 'f', -1, 64)+" %",
				"["+slo.Alerting.Name+"](runbooks/"+slo.Alerting.Name+".md)")
		}
	}
	doctable.Check(t, "docs/observability.md", "objectives", table)
}
