//go:build stack

package stack

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// onFault are metrics and labels that show once something has gone wrong, or with a program that this test does not start (probe). The faults'
// tests see those.
var onFault = []string{"driftsentry_backup_last_success_timestamp_seconds", "driftsentry_backup_last_verified_timestamp_seconds", "driftsentry_restore_drill_last_success_timestamp_seconds", "go_memory_limit_bytes", "otelcol_exporter_enqueue_failed_spans_total", "otelcol_exporter_enqueue_failed_log_records_total", "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total", "otelcol_processor_tail_sampling_traces_dropped_too_large_total", "tempo_discarded_spans_total", "loki_discarded_samples_total", "error_type", "otel_metric_overflow", "probe"}

// notRun are metrics of programs that this test does not start. TestMessages does, or test-compose.
var notRun = regexp.MustCompile("^(pg|node|probe|caddy)_")

// names looks for every metric and label in the rules among those that are there.
func (s *system) names(t *testing.T) map[string]func(ctx context.Context) error {
	t.Helper()
	questions := map[string]func(ctx context.Context) error{}
	for _, g := range shipped.Groups(t) {
		for _, r := range g.Rules {
			for metric, labels := range named(t, r.Expr) {
				if slices.Contains(onFault, metric) || notRun.MatchString(metric) {
					continue
				}
				var selector []string
				for _, label := range labels {
					if !slices.Contains(onFault, label) {
						selector = append(selector, label+`!=""`)
					}
				}
				expression := fmt.Sprintf("%s{%s}", metric, strings.Join(selector, ","))
				questions["rule "+r.Record+r.Alert+": "+expression] = func(ctx context.Context) error {
					_, err := s.instant(ctx, expression)
					return err
				}
			}
		}
	}
	return questions
}

// named are the metrics of an expression with the labels that their selectors match.
func named(t *testing.T, expression string) map[string][]string {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		v, ok := node.(*parser.VectorSelector)
		if !ok || v.Name == "" {
			return nil
		}
		if all[v.Name] == nil {
			all[v.Name] = []string{}
		}
		for _, m := range v.LabelMatchers {
			if m.Name != "__name__" && !slices.Contains(all[v.Name], m.Name) {
				all[v.Name] = append(all[v.Name], m.Name)
			}
		}
		return nil
	})
	return all
}
