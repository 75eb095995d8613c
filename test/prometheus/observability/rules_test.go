package observability

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/driftsentry/driftsentry/test/internal/registry"
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
				t.Errorf("%s has the severity %q: it must be page, ticket or info", r.Alert, r.Labels["severity"])
			}
			// Alertmanager groups and inhibits by it. The recorded metrics of the objectives have the label already.
			if r.Labels["service"] == "" && !strings.Contains(r.Expr, "slo:") {
				t.Errorf("%s has no label service, which Alertmanager groups by", r.Alert)
			}
			for _, annotation := range []string{"summary", "description"} {
				if r.Annotations[annotation] == "" {
					t.Errorf("%s has no annotation %s", r.Alert, annotation)
				}
			}
			if m := dashboardLink.FindStringSubmatch(r.Annotations["dashboard"]); len(m) < 2 || !slices.Contains(uids, m[1]) {
				t.Errorf("%s has the dashboard %q: it must be {{ $externalURL }}/grafana/d/ and one of %s", r.Alert, r.Annotations["dashboard"], uids)
			}
			if url := r.Annotations["runbook_url"]; !strings.HasSuffix(url, "/docs/runbooks/"+r.Alert+".md") {
				t.Errorf("%s has the runbook_url %q: it must end with /docs/runbooks/%s.md", r.Alert, url, r.Alert)
			}
			for _, heading := range []string{"What it means", "First look", "Likely causes", "Remedies"} {
				if pages[r.Alert] != "" && !strings.Contains(pages[r.Alert], "\n## "+heading+"\n") {
					t.Errorf("docs/runbooks/%s.md has no heading %q", r.Alert, heading)
				}
			}
			if pages[r.Alert] == "" {
				t.Errorf("docs/runbooks/%s.md does not exist: write it like the other runbooks, then run `make tables`", r.Alert)
			}
			state := tested[r.Alert+" "+r.Labels["severity"]]
			if !state.fires || !state.resolves && r.Alert != "Watchdog" {
				t.Errorf("deploy/prometheus/tests has no promql_expr_test in which %s (%s) fires and a later one in which it does not: fires %t, resolves %t",
					r.Alert, r.Labels["severity"], state.fires, state.resolves)
			}
		}
	}
	for page := range pages {
		if !names[page] {
			t.Errorf("docs/runbooks/%s.md belongs to no alert: remove or rename it", page)
		}
	}
}

type tested struct{ fires, resolves bool }

var firing = regexp.MustCompile(`ALERTS\{alertname="(\w+)", alertstate="firing", severity="(\w+)"`)

// promtoolTests says for each "alert severity" whether promtool's tests see it fire and resolve.
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

// An alert that needs its fault for as long as its window looks back can't fire for one burst.
func TestAlerts_windows(t *testing.T) {
	for _, g := range shipped.Groups(t) {
		for _, r := range g.Rules {
			if r.For == "" {
				continue
			}
			holds, err := model.ParseDuration(r.For)
			if err != nil {
				t.Errorf("%s: %v", r.Alert, err)
			}
			for _, window := range windows(t, r.Expr) {
				if window < 2*time.Duration(holds) {
					t.Errorf("%s looks back %s and must hold for %s: a burst is out of sight too soon. The window must be twice as long", r.Alert, window, r.For)
				}
			}
		}
	}
}

// windows are the ranges of the changes that an expression counts.
func windows(t *testing.T, query string) []time.Duration {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Fatal(err)
	}
	var found []time.Duration
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if call, ok := node.(*parser.Call); ok && slices.Contains([]string{"rate", "increase", "changes"}, call.Func.Name) {
			if m, ok := call.Args[0].(*parser.MatrixSelector); ok {
				found = append(found, m.Range)
			}
		}
		return nil
	})
	return found
}

// Prometheus sees no increase in a series that begins with its first event. So what the rules read of the services is there
// from the start, and what others count is watched for new series, too.
func TestRules_read_series_that_exist(t *testing.T) {
	emitted := map[string]registry.Metric{}
	for _, m := range registry.All(t) {
		emitted[m.Exported(t)] = m
	}
	looked := 0
	for _, g := range shipped.Groups(t) {
		for _, r := range g.Rules {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
			if err != nil {
				t.Fatal(err)
			}
			parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
				s, ok := node.(*parser.VectorSelector)
				if !ok {
					return nil
				}
				looked++
				name := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(s.Name, "_bucket"), "_count"), "_sum")
				m, ok := emitted[name]
				switch {
				case !ok || m.Instrument != "counter" && m.Instrument != "histogram":
				case m.Instrument == "histogram":
					t.Errorf("%s%s reads the histogram %s, which does not exist before its first event: read a counter", r.Alert, r.Record, s.Name)
				case !startsAtZero(m, s) && !strings.Contains(r.Expr, "unless "+s.Name):
					t.Errorf("%s%s reads %s, whose series may begin with an event", r.Alert, r.Record, s)
				}
				return nil
			})
		}
	}
	if looked < 50 {
		t.Errorf("only %d selectors are in the rules: they are not found any more", looked)
	}
}

// startsAtZero reports whether a service makes the selected series when it starts.
func startsAtZero(m registry.Metric, s *parser.VectorSelector) bool {
	switch m.Name {
	case "http.requests", "errors", "http.requests.late": // of each route, by ExpectRoutes
		return true
	case "telemetry.log.dropped", "process_cpu_seconds": // looked at by each scrape
		return true
	}
	if m.Annotations.Code != "" && len(m.Attributes) == 0 {
		return true
	}
	for label, values := range m.Annotations.Values {
		for _, matcher := range s.LabelMatchers {
			if matcher.Name == label && !slices.ContainsFunc(values, matcher.Matches) {
				return false
			}
		}
	}
	return len(m.Annotations.Values) > 0
}
