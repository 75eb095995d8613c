package observability

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

var dashboardLink = regexp.MustCompile(`^\{\{ \$externalURL \}\}/grafana/d/([a-z-]+)$`)

// Each alert says what is wrong, where to look and what to do.
func TestAlerts(t *testing.T) {
	var uids []string
	for _, d := range shipped.Dashboards(t) {
		uids = append(uids, d.UID)
	}
	pages, tested, names := shipped.Runbooks(t), promtoolTests(t), map[string]bool{}
	for _, g := range shipped.Groups(t) {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			names[r.Alert] = true
			if !slices.Contains([]string{"page", "ticket", "info"}, r.Labels["severity"]) {
				t.Errorf("%s: severity %q", r.Alert, r.Labels["severity"])
			}
			// Alertmanager groups and inhibits by it; what the objectives record has it.
			if r.Labels["service"] == "" && !strings.Contains(r.Expr, "slo:") {
				t.Errorf("%s has no service", r.Alert)
			}
			for _, annotation := range []string{"summary", "description"} {
				if r.Annotations[annotation] == "" {
					t.Errorf("%s has no %s", r.Alert, annotation)
				}
			}
			if m := dashboardLink.FindStringSubmatch(r.Annotations["dashboard"]); len(m) < 2 || !slices.Contains(uids, m[1]) {
				t.Errorf("%s: dashboard %q", r.Alert, r.Annotations["dashboard"])
			}
			if url := r.Annotations["runbook_url"]; !strings.HasSuffix(url, "/docs/runbooks/"+r.Alert+".md") {
				t.Errorf("%s: runbook %q", r.Alert, url)
			}
			for _, heading := range []string{"What it means", "First look", "Likely causes", "Remedies"} {
				if !strings.Contains(pages[r.Alert], "\n## "+heading+"\n") {
					t.Errorf("docs/runbooks/%s.md has no heading %q", r.Alert, heading)
				}
			}
			state := tested[r.Alert+" "+r.Labels["severity"]]
			if !state.fires || !state.resolves && r.Alert != "Watchdog" {
				t.Errorf("deploy/prometheus/tests see %s (%s) fire: %t, resolve: %t", r.Alert, r.Labels["severity"], state.fires, state.resolves)
			}
		}
	}
	for page := range pages {
		if !names[page] {
			t.Errorf("docs/runbooks/%s.md belongs to no alert", page)
		}
	}
}

type tested struct{ fires, resolves bool }

var firing = regexp.MustCompile(`ALERTS\{alertname="(\w+)", alertstate="firing", severity="(\w+)"`)

// promtoolTests says by "alert severity" what promtool's tests of it see.
func promtoolTests(t *testing.T) map[string]tested {
	t.Helper()
	all := map[string]tested{}
	for _, file := range shipped.Files(t, shipped.Deploy+"/prometheus/tests/*.yml") {
		var content struct {
			Tests []struct {
				Checks []struct {
					Expr    string
					Samples []any `yaml:"exp_samples"`
				} `yaml:"promql_expr_test"`
			}
		}
		shipped.YAML(t, file, &content)
		for _, test := range content.Tests {
			for _, check := range test.Checks {
				m := firing.FindStringSubmatch(check.Expr)
				if m == nil {
					continue
				}
				state := all[m[1]+" "+m[2]]
				state.fires = state.fires || len(check.Samples) > 0
				state.resolves = state.resolves || len(check.Samples) == 0
				all[m[1]+" "+m[2]] = state
			}
		}
	}
	return all
}
