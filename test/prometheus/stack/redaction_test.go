//go:build stack

package stack

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// expectRedacted sends secrets straight to the collector, past the services' own masks: one by the name of its
// attribute, others by their shape.
func (s *system) expectRedacted(t *testing.T) {
	t.Helper()
	const secret, url = "correct-horse-battery-staple", "postgres://user:" + "hunter2-hunter2" + "@db/x"
	token := strings.Join([]string{"eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "c2lnbmF0dXJlLXNpZ25hdHVyZQ"}, ".")
	attributes := []*common.KeyValue{text("db.password", secret), text("note", "see "+url), text("header", token), text("kept", "harmless")}
	resource := &resourcepb.Resource{Attributes: []*common.KeyValue{text("service.name", "forgetful")}}
	c, now := newCaller(), time.Now()
	traceID, spanID := unhex(t, c.traceID), unhex(t, c.spanID)

	out := dial(t, s.address("otel-collector", 4317))
	if _, err := out.traces.Export(t.Context(), &collectortrace.ExportTraceServiceRequest{
		ResourceSpans: []*tracepb.ResourceSpans{{Resource: resource, ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{
			TraceId: traceID, SpanId: spanID, Name: "forget", Attributes: attributes,
			StartTimeUnixNano: nanos(now), EndTimeUnixNano: nanos(now.Add(time.Millisecond)),
		}}}}}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := out.logs.Export(t.Context(), &collectorlogs.ExportLogsServiceRequest{
		ResourceLogs: []*logspb.ResourceLogs{{Resource: resource, ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{{
			TimeUnixNano: nanos(now), TraceId: traceID, SpanId: spanID, Attributes: attributes,
			Body: text("", "connecting to "+url).GetValue(),
		}}}}}},
	}); err != nil {
		t.Fatal(err)
	}

	masked := func(text string) error {
		for _, hidden := range []string{secret, url, token} {
			if strings.Contains(text, hidden) {
				return fmt.Errorf("%s holds %s", text, hidden)
			}
		}
		if !strings.Contains(text, "harmless") {
			return fmt.Errorf("%s has lost a value that is not a secret", text)
		}
		return nil
	}
	eventually(t, "Tempo", func(ctx context.Context) error {
		trace, err := s.trace(ctx, c.traceID)
		if err != nil {
			return err
		}
		span := trace.Spans[0]
		if span.Resource["host.name"] == nil || span.Resource["os.type"] == nil {
			return fmt.Errorf("the resource was not detected: %v", span.Resource)
		}
		return masked(fmt.Sprint(span.Attributes))
	})
	eventually(t, "Loki", func(ctx context.Context) error {
		lines, err := s.logs(ctx, `{service_name="forgetful"}`)
		if err != nil {
			return err
		}
		return masked(lines[0].text + fmt.Sprint(lines[0].labels))
	})
}
