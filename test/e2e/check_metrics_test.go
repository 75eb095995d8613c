package e2e

import (
	"bytes"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/installed"
	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// exceptions are what `promtool check metrics` may say of a metric, and why we keep it.
var exceptions = map[string]string{
	"db_client_connection_count": "The conventions call it `db.client.connection.count`: connections of the pool, a gauge.",
	"go_goroutine_count":         "The conventions call it `go.goroutine.count`: a gauge.",
}

// expectChecked passes the metrics of both services through Prometheus's own checker, and compares what it says with the table in
// docs/telemetry.md. Mutations: a counter without _total, a metric without a description, one in milliseconds.
func expectChecked(t *testing.T, p *pair) {
	t.Helper()
	promtool := installed.Programs(t, "promtool")["promtool"]
	said := map[string]string{}
	for _, base := range []string{p.apiURL, p.realtimeURL} {
		cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		cmd.Stdin = bytes.NewReader(p.client("").do(t.Context(), http.MethodGet, base+"/metrics", nil).body)
		out, err := cmd.CombinedOutput()
		if err == nil && len(out) == 0 {
			t.Errorf("promtool has nothing to say of %s: does it still look?", base)
		}
		for line := range strings.Lines(string(out)) {
			metric, what, _ := strings.Cut(strings.TrimSpace(line), " ")
			said[metric] = what
		}
	}
	table := doctable.Header("Metric", "promtool says", "Why it stays")
	for _, metric := range slices.Sorted(maps.Keys(said)) {
		why := exceptions[metric]
		if why == "" {
			t.Errorf("promtool check metrics: %s %s", metric, said[metric])
		}
		table += doctable.Row("`"+metric+"`", said[metric], why)
	}
	doctable.Check(t, "docs/telemetry.md", "check-metrics", table)
}
