//go:build stack

package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/driftsentry/driftsentry/test/internal/installed"
)

// lost are the collector's counters of what it refuses or loses.
var lost = []string{
	"otelcol_exporter_send_failed_spans_total", "otelcol_exporter_send_failed_log_records_total",
	"otelcol_exporter_enqueue_failed_spans_total", "otelcol_exporter_enqueue_failed_log_records_total",
	"otelcol_receiver_refused_spans_total", "otelcol_receiver_refused_log_records_total",
}

// TestStarvedCollector runs the shipped collector with a queue of a thousand bytes, an early end to its patience and no store, so
// that it counts what it loses under the names that the alerts ask for.
func TestStarvedCollector(t *testing.T) {
	found := installed.Programs(t, "otelcol-contrib")
	o := &overlay{t: t, dir: t.TempDir(), ports: map[string]int{}}
	o.secret("database_monitor_password", "of nobody")
	config := o.derive("otel-collector", "otel-collector/config.yaml")
	rewrite(t, config, func(starved string) string {
		for rule, value := range map[string]string{
			`(queue_size: )\d+`: "${1}1000", `(min_size: )\d+`: "${1}1", `(max_size: )\d+`: "${1}500", `(max_elapsed_time: )\w+`: "${1}1s", `(max_interval: )15s`: "${1}1s",
		} {
			starved = regexp.MustCompile(rule).ReplaceAllString(starved, value)
		}
		return starved
	})
	collector := run(t, filepath.Dir(config), "otel-collector", os.Environ(), found["otelcol-contrib"], "--config="+config)
	awaitOK(t, collector, o.url("otel-collector", 13133))

	out := dial(t, o.address("otel-collector", 4317))
	eventually(t, "the metrics of loss", func(ctx context.Context) error {
		for _, items := range []int{1, 200} { // What fits goes out in vain, what does not is refused.
			spans, records := make([]*tracepb.Span, items), make([]*logspb.LogRecord, items)
			for i := range items {
				c := newCaller()
				spans[i] = &tracepb.Span{TraceId: unhex(t, c.traceID), SpanId: unhex(t, c.spanID), Name: "lost"}
				records[i] = &logspb.LogRecord{Body: text("", "lost").GetValue()}
			}
			// That they fail is the point.
			_, _ = out.traces.Export(ctx, &collectortrace.ExportTraceServiceRequest{
				ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}}}},
			})
			_, _ = out.logs.Export(ctx, &collectorlogs.ExportLogsServiceRequest{
				ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{LogRecords: records}}}},
			})
		}
		body, err := get(ctx, o.url("otel-collector", 8888)+"/metrics")
		if err != nil {
			return err
		}
		for _, metric := range lost {
			if !regexp.MustCompile(`(?m)^` + metric + `\{.*\} [1-9]`).Match(body) {
				return fmt.Errorf("%s counts nothing in\n%s", metric, body)
			}
		}
		return nil
	})
}

// TestStarvedSampler runs the collector with COLLECTOR_SAMPLING=sampling.yaml and room for one small trace, so that it counts the traces that
// it drops under the names that SamplerDrops asks for.
//
// Checked by breaking it: with the shipped bounds, neither is counted.
func TestStarvedSampler(t *testing.T) {
	found := installed.Programs(t, "otelcol-contrib")
	o := &overlay{t: t, dir: t.TempDir(), ports: map[string]int{}}
	o.secret("database_monitor_password", "of nobody")
	config, sampling := o.derive("otel-collector", "otel-collector/config.yaml"), o.derive("otel-collector", "otel-collector/sampling.yaml")
	rewrite(t, sampling, func(starved string) string {
		for rule, value := range map[string]string{`(num_traces: )\d+`: "${1}1", `(maximum_trace_size_bytes: )\d+`: "${1}10000"} {
			starved = regexp.MustCompile(rule).ReplaceAllString(starved, value)
		}
		return starved
	})
	collector := run(t, filepath.Dir(config), "otel-collector", os.Environ(), found["otelcol-contrib"], "--config="+config, "--config="+sampling)
	awaitOK(t, collector, o.url("otel-collector", 13133))

	out := dial(t, o.address("otel-collector", 4317))
	eventually(t, "the metrics of dropped traces", func(ctx context.Context) error {
		for _, items := range []int{1, 1, 500} {
			spans, c := make([]*tracepb.Span, items), newCaller()
			for i := range items {
				spans[i] = &tracepb.Span{TraceId: unhex(t, c.traceID), SpanId: unhex(t, newCaller().spanID), Name: "dropped"}
			}
			if _, err := out.traces.Export(ctx, &collectortrace.ExportTraceServiceRequest{
				ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}}}},
			}); err != nil {
				return err
			}
		}
		body, err := get(ctx, o.url("otel-collector", 8888)+"/metrics")
		if err != nil {
			return err
		}
		for _, metric := range []string{
			"otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total", "otelcol_processor_tail_sampling_traces_dropped_too_large_total",
		} {
			if !regexp.MustCompile(`(?m)^` + metric + `(\{.*\})? [1-9]`).Match(body) {
				return fmt.Errorf("%s counts nothing in\n%s", metric, body)
			}
		}
		return nil
	})
}
