package registry

import (
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// Table is the table of metrics in docs/telemetry.md.
func Table(t testing.TB, metrics []Metric) string {
	t.Helper()
	slices.SortFunc(metrics, func(a, b Metric) int { return strings.Compare(a.Exported(t), b.Exported(t)) })
	var table strings.Builder
	table.WriteString(doctable.Header("Metric", "Type", "Unit", "Labels", "Service", "Seen in", "Meaning"))
	for _, m := range metrics {
		kind, unit, labels := m.Instrument, m.Unit, "–"
		if kind == "updowncounter" {
			kind = "gauge" // as Prometheus has it
		}
		if unit == "" || strings.HasPrefix(unit, "{") {
			unit = "1"
		}
		if len(m.Attributes) > 0 {
			labels = code(m.Labels()...)
		}
		table.WriteString(doctable.Row(code(m.Exported(t)), kind, unit, labels, service(m.Annotations.Services), code(m.Annotations.SeenIn), m.Brief))
	}
	return table.String()
}

func code(words ...string) string { return "`" + strings.Join(words, "` `") + "`" }
