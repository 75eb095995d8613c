package observability

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// Every query of the rules, the dashboards and the runbooks parses, and names only metrics and labels that exist. A name
// that nothing emits makes an alert that never fires.
func TestQueries(t *testing.T) {
	metrics := known(t)
	count := 0
	check := func(where, query string) {
		count++
		for _, problem := range problems(query, metrics) {
			t.Errorf("%s: %s\n\t%s", where, problem, query)
		}
	}
	for _, g := range shipped.Groups(t) {
		for _, r := range g.Rules {
			check("rule "+r.Record+r.Alert, r.Expr)
		}
	}
	for _, d := range shipped.Dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if target.Datasource.Type == "prometheus" {
					check(fmt.Sprintf("dashboard %s, panel %s", d.Title, p.Title), interpolate(target.Expr))
				}
			}
		}
		for _, a := range d.Annotations.List {
			check(fmt.Sprintf("dashboard %s, annotation %s", d.Title, a.Name), interpolate(a.Expr))
		}
	}
	for name, text := range shipped.Runbooks(t) {
		for _, query := range shipped.Queries(text, "Prometheus:") {
			check("runbook "+name, query)
		}
	}
	t.Logf("%d queries", count)
	if count == 0 {
		t.Fatal("there is no query")
	}
}

// What the test above is for, it must find.
func TestProblems(t *testing.T) {
	metrics := labelsByMetric{"a_total": {"job"}, "b_bucket": {"job", "le"}}
	for query, want := range map[string]int{
		`sum by (job) (rate(a_total{job="x"}[5m]))`: 0,
		`rate(c_total[5m])`:                         1,
		`a_total{nope="x"}`:                         1,
		`sum by (nope) (a_total)`:                   1,
		`a_total / on (nope) b_bucket`:              1,
		`sum(`:                                      1,
		`rate({__name__=~"a_.*"}[5m])`:              1,
	} {
		if got := problems(query, metrics); len(got) != want {
			t.Errorf("%s: %q, want %d", query, got, want)
		}
	}
}

// problems are the names in a query that nothing has.
func problems(query string, metrics labelsByMetric) []string {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			found = append(found, selectorProblems(n, metrics)...)
		case *parser.AggregateExpr:
			found = append(found, missing("by", n.Grouping, n.Expr, metrics)...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				found = append(found, missing("on", n.VectorMatching.MatchingLabels, n, metrics)...)
			}
		}
		return nil
	})
	return found
}

func selectorProblems(s *parser.VectorSelector, metrics labelsByMetric) []string {
	name := s.Name
	for _, m := range s.LabelMatchers {
		if m.Name == model.MetricNameLabel {
			if m.Type != labels.MatchEqual {
				return []string{"a pattern stands for the name: functions drop the name, and the series collide"}
			}
			name = m.Value
		}
	}
	if name == "" { // It asks for a label, whatever the metric is.
		return nil
	}
	has, ok := metrics[name]
	if !ok {
		return []string{"there is no metric " + name}
	}
	var found []string
	for _, m := range s.LabelMatchers {
		if m.Name != model.MetricNameLabel && !slices.Contains(has, m.Name) {
			found = append(found, fmt.Sprintf("%s has no label %s", name, m.Name))
		}
	}
	return found
}

// missing are the labels that no metric below the expression has.
func missing(word string, wanted []string, expr parser.Expr, metrics labelsByMetric) []string {
	var has []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			if s.Name == "" {
				has = append(has, wanted...)
			}
			has = append(has, metrics[s.Name]...)
			has = append(has, model.MetricNameLabel)
		}
		return nil
	})
	var found []string
	for _, label := range wanted {
		if !slices.Contains(has, label) {
			found = append(found, fmt.Sprintf("%s (%s): no metric in it has that label", word, label))
		}
	}
	return found
}

// interpolate does what Grafana does with variables.
func interpolate(query string) string {
	return strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$__interval", "1m", "$environment", ".*", "$service", ".*", "$instance", ".*").Replace(query)
}
