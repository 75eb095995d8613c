package observability

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// exporters are the jobs whose programs have the metrics of a prefix. What has none is the services', or of every Go program.
var exporters = map[string]string{
	"alertmanager_": "alertmanager", "caddy_": "caddy", "driftsentry_backup_": "backup", "driftsentry_restore_": "backup", "loki_": "loki",
	"node_": "node-exporter", "otelcol_": "otel-collector", "pg_": "postgres-exporter", "postgresql_": "postgres", "probe_": "edge",
	"prometheus_": "prometheus", "system_": "host", "tempo_": "tempo",
}

// Each place loads only rules whose metrics its own targets have: what reads a job or a program that is not there either never fires, or, with
// absent(), always does. TestMessages of test/prometheus/stack runs both sets beside their targets. Mutations: alerts-replicas.yml moved to the
// common folder is fine, alerts-host.yml, alerts-backends.yml or a rule on caddy is not; no job caddy in prometheus.yml.
func TestRules_have_targets(t *testing.T) {
	for _, place := range []string{shipped.Compose, shipped.Kubernetes} {
		jobs := shipped.Jobs(t, place)
		if !slices.Contains(jobs, "driftsentry-api") || !slices.Contains(jobs, "driftsentry-realtime") || !slices.Contains(jobs, "edge") {
			t.Fatalf("%s has only the targets %v", place, jobs)
		}
		for _, g := range shipped.GroupsOf(t, place) {
			for _, r := range g.Rules {
				for _, s := range selectors(t, r.Expr) {
					for prefix, job := range exporters {
						if strings.HasPrefix(s.Name, prefix) && !slices.Contains(jobs, job) {
							t.Errorf("%s: %s%s reads %s of %s, which is no target there", place, r.Alert, r.Record, s.Name, job)
						}
					}
					for _, m := range s.LabelMatchers {
						if m.Name != "job" || m.Type == labels.MatchNotEqual || m.Type == labels.MatchNotRegexp {
							continue
						}
						for _, job := range alternatives(m.Value) {
							if !slices.Contains(jobs, job) {
								t.Errorf("%s: %s%s reads %s, and %s is no target there", place, r.Alert, r.Record, s, job)
							}
						}
					}
				}
			}
		}
	}
}

func selectors(t *testing.T, query string) (all []*parser.VectorSelector) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Fatal(err)
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			all = append(all, s)
		}
		return nil
	})
	return all
}

var grouped = regexp.MustCompile(`^(.*)\(([^()]*)\)(.*)$`)

// alternatives are the jobs that a matcher of our rules names: a|b, or x-(a|b). One of any rest, x-.+, names none.
func alternatives(pattern string) (jobs []string) {
	before, after := "", ""
	if m := grouped.FindStringSubmatch(pattern); m != nil {
		before, pattern, after = m[1], m[2], m[3]
	}
	for one := range strings.SplitSeq(pattern, "|") {
		if job := before + one + after; !strings.ContainsAny(job, ".+*[") {
			jobs = append(jobs, job)
		}
	}
	return jobs
}
