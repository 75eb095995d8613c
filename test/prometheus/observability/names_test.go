package observability

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/driftsentry/driftsentry/test/internal/registry"
)

// odd are the metrics with whose names promtool finds a fault, and why they keep them.
var odd = map[string]string{
	"db_client_connection_count": "OpenTelemetry's name",
	"go_goroutine_count":         "OpenTelemetry's name",

	"river_work_duration_histogram_seconds": "River's name",
}

// What `promtool check metrics` finds in the metrics of the registry is listed, each with its reason.
func TestNames(t *testing.T) {
	var text strings.Builder
	for _, m := range registry.All(t) {
		name, series := m.Exported(t), []string{""}
		kind := m.Instrument
		switch kind {
		case "updowncounter":
			kind = "gauge"
		case "histogram":
			series = []string{"_bucket{le=\"+Inf\"}", "_sum", "_count"}
		}
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s %s\n", name, m.Brief, name, kind)
		for _, suffix := range series {
			fmt.Fprintf(&text, "%s%s 1\n", name, suffix)
		}
	}
	problems, err := promlint.New(strings.NewReader(text.String())).Lint()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, p := range problems {
		found[p.Metric] = true
		if odd[p.Metric] == "" {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	for name := range odd {
		if !found[name] {
			t.Errorf("nothing is wrong with %s any more", name)
		}
	}
}
