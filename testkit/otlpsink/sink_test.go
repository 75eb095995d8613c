package otlpsink

import (
	"context"
	"encoding/hex"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
)

const (
	traceA = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanA  = "00f067aa0ba902b7"
	spanB  = "00f067aa0ba902b8"
)

func id(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

func TestSink_receives(t *testing.T) {
	sink, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	conn, err := grpc.NewClient(sink.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	resource := &resourcepb.Resource{Attributes: []*common.KeyValue{{Key: "service.name", Value: text("api")}}}
	scope := &common.InstrumentationScope{Name: "otelhttp"}

	t.Run("spans", func(t *testing.T) {
		_, err := collectortrace.NewTraceServiceClient(conn).Export(t.Context(), &collectortrace.ExportTraceServiceRequest{
			ResourceSpans: []*tracepb.ResourceSpans{{Resource: resource, ScopeSpans: []*tracepb.ScopeSpans{{Scope: scope, Spans: []*tracepb.Span{{
				TraceId: id(t, traceA), SpanId: id(t, spanB), ParentSpanId: id(t, spanA), Name: "GET /x", Kind: tracepb.Span_SPAN_KIND_SERVER,
				StartTimeUnixNano: 1_000, EndTimeUnixNano: 3_000, Flags: 0x301, TraceState: "a=b",
				Status:     &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "it broke"},
				Attributes: []*common.KeyValue{{Key: "n", Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 7}}}},
				Links:      []*tracepb.Span_Link{{TraceId: id(t, traceA), SpanId: id(t, spanA)}},
				Events:     []*tracepb.Span_Event{{TimeUnixNano: 2_000, Name: "exception"}},
			}}}}}},
		}, grpc.UseCompressor(gzip.Name))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := sink.Trace(traceA)
		if !ok || len(got.Spans) != 1 {
			t.Fatalf("trace = %v, %v", got, ok)
		}
		want := Span{
			TraceID: traceA, SpanID: spanB, ParentID: spanA, Name: "GET /x", Kind: KindServer, Service: "api", Scope: "otelhttp",
			Start: time.Unix(0, 1_000).UTC(), End: time.Unix(0, 3_000).UTC(), Status: StatusError, StatusMessage: "it broke",
			Attributes: map[string]any{"n": int64(7)}, Resource: map[string]any{"service.name": "api"},
			Links:        []Link{{TraceID: traceA, SpanID: spanA, Attributes: map[string]any{}}},
			Events:       []Event{{Time: time.Unix(0, 2_000).UTC(), Name: "exception", Attributes: map[string]any{}}},
			RemoteParent: true, Sampled: true, TraceState: "a=b",
		}
		if diff := cmp.Diff(want, got.Spans[0]); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})

	t.Run("log records", func(t *testing.T) {
		_, err := collectorlogs.NewLogsServiceClient(conn).Export(t.Context(), &collectorlogs.ExportLogsServiceRequest{
			ResourceLogs: []*logspb.ResourceLogs{{Resource: resource, ScopeLogs: []*logspb.ScopeLogs{{Scope: scope, LogRecords: []*logspb.LogRecord{{
				TraceId: id(t, traceA), SpanId: id(t, spanB), ObservedTimeUnixNano: 2_500, SeverityText: "WARN", SeverityNumber: 13,
				Body: text("slow"), Attributes: []*common.KeyValue{{Key: "list", Value: &common.AnyValue{Value: &common.AnyValue_ArrayValue{
					ArrayValue: &common.ArrayValue{Values: []*common.AnyValue{text("a"), nil}},
				}}}},
			}}}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []Log{{
			TraceID: traceA, SpanID: spanB, Time: time.Unix(0, 2_500).UTC(), Severity: "WARN", SeverityNumber: 13, Body: "slow",
			Attributes: map[string]any{"list": []any{"a", nil}}, Resource: map[string]any{"service.name": "api"}, Service: "api", Scope: "otelhttp",
		}}
		if diff := cmp.Diff(want, sink.Logs()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})

	t.Run("metrics, which it counts", func(t *testing.T) {
		_, err := collectormetrics.NewMetricsServiceClient(conn).Export(t.Context(), &collectormetrics.ExportMetricsServiceRequest{
			ResourceMetrics: []*metricspb.ResourceMetrics{{ScopeMetrics: []*metricspb.ScopeMetrics{{Metrics: []*metricspb.Metric{{Name: "a"}, {Name: "b"}}}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := sink.Counts(), (Counts{Spans: 1, Logs: 1, Metrics: 2}); got != want {
			t.Errorf("counts = %+v, want %+v", got, want)
		}
	})
}

func TestStore_bound(t *testing.T) {
	t.Run("the traces that came first go", func(t *testing.T) {
		s := NewStore(3)
		s.AddSpans(Span{TraceID: "a", SpanID: "1"}, Span{TraceID: "b", SpanID: "2"})
		s.AddLogs(Log{TraceID: "a"})
		s.AddSpans(Span{TraceID: "c", SpanID: "3"})
		if _, ok := s.Trace("a"); ok {
			t.Error("the first trace is still there")
		}
		if got, want := s.Counts(), (Counts{Spans: 3, Logs: 1, Dropped: 2}); got != want || len(s.Spans()) != 2 {
			t.Errorf("counts = %+v, want %+v; %d spans", got, want, len(s.Spans()))
		}
	})
	t.Run("a trace that fills the store grows no further", func(t *testing.T) {
		s := NewStore(2)
		for range 5 {
			s.AddSpans(Span{TraceID: "a", SpanID: "1"})
		}
		if got := s.Counts(); got.Dropped != 3 || len(s.Spans()) != 2 {
			t.Errorf("counts = %+v, %d spans", got, len(s.Spans()))
		}
	})
	t.Run("the trace that grows is not the one that goes", func(t *testing.T) {
		s := NewStore(2)
		s.AddSpans(Span{TraceID: "a", SpanID: "1"}, Span{TraceID: "b", SpanID: "2"}, Span{TraceID: "a", SpanID: "3"})
		if got, _ := s.Trace("a"); len(got.Spans) != 2 {
			t.Errorf("trace a has %d spans, want 2", len(got.Spans))
		}
	})
	t.Run("log records outside any trace are no trace", func(t *testing.T) {
		s := NewStore(0)
		s.AddLogs(Log{Body: "start"})
		if _, ok := s.Trace(""); ok || len(s.Traces()) != 0 || len(s.Logs()) != 1 {
			t.Errorf("traces = %v, logs = %v", s.Traces(), s.Logs())
		}
	})
}

func TestStore_WaitFor(t *testing.T) {
	s := NewStore(0)
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for range 25 {
				s.AddSpans(Span{TraceID: string(rune('a' + i))})
			}
		})
	}
	if err := s.WaitFor(t.Context(), func(s *Store) bool { return len(s.Spans()) == 100 }); err != nil {
		t.Error(err)
	}
	writers.Wait()

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	err := s.WaitFor(ctx, func(*Store) bool { return false })
	if err == nil || err.Error() != "what was waited for is not among 100 spans and 0 log records: enough" {
		t.Errorf("err = %v", err)
	}
}
