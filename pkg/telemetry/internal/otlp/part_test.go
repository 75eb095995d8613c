package otlp

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// scales is a receiver that weighs what it gets.
type scales struct {
	collectortrace.UnimplementedTraceServiceServer
	mu      sync.Mutex
	items   int
	exports int
	heavy   int // bytes of the largest export
}

func (s *scales) weigh(m proto.Message, items int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exports++
	s.items += items
	s.heavy = max(s.heavy, proto.Size(m))
}

func (s *scales) Export(_ context.Context, r *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	n := 0
	for _, rs := range r.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			n += len(ss.GetSpans())
		}
	}
	s.weigh(r, n)
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

// logScales is their side for logs.
type logScales struct {
	collectorlogs.UnimplementedLogsServiceServer
	*scales
}

func (s logScales) Export(_ context.Context, r *collectorlogs.ExportLogsServiceRequest) (*collectorlogs.ExportLogsServiceResponse, error) {
	n := 0
	for _, rl := range r.GetResourceLogs() {
		for _, sl := range rl.GetScopeLogs() {
			n += len(sl.GetLogRecords())
		}
	}
	s.weigh(r, n)
	return &collectorlogs.ExportLogsServiceResponse{}, nil
}

func startScales(t *testing.T) *scales {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scales{}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	collectortrace.RegisterTraceServiceServer(server, s)
	collectorlogs.RegisterLogsServiceServer(server, logScales{scales: s})
	go func() { _ = server.Serve(listener) }() // It ends with Stop.
	t.Cleanup(server.Stop)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60000")
	return s
}

func (s *scales) expect(t *testing.T, items int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Logf("%d items in %d exports, the largest of %d bytes", s.items, s.exports, s.heavy)
	if s.items != items {
		t.Errorf("%d items arrived, not %d", s.items, items)
	}
	if s.heavy > maxExport {
		t.Errorf("an export of %d bytes", s.heavy)
	}
	if s.heavy < maxExport*3/4 {
		t.Errorf("the largest export of a storm has only %d bytes: sizes are estimated too high", s.heavy)
	}
}

// full is what a failed request puts on its span: statement, message, stack, each cut at the SDK's limit.
func full(i int) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("db.query.text", fmt.Sprint(i)+strings.Repeat("s", 8000)),
		attribute.StringSlice("driftsentry.event.types", []string{"drift.created", "drift.updated"}),
		attribute.Int64("n", -1), attribute.Bool("b", true), attribute.Float64("f", 0.1), attribute.Int64Slice("is", []int64{-1, -2}),
	}
}

// A full batch of an error storm leaves in parts that every receiver takes, and nothing of it is lost.
//
// Mutations: exports without parts; a part that is not exported.
func TestInParts_storm(t *testing.T) {
	const storm = 1024 // two full batches of the SDK
	t.Run("spans", func(t *testing.T) {
		s := startScales(t)
		exporter, err := NewSpanExporter(t.Context(), t.Context(), RouteOf(Traces))
		if err != nil {
			t.Fatal(err)
		}
		provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter, sdktrace.WithExportTimeout(time.Minute), sdktrace.WithBlocking()))
		for i := range storm {
			_, span := provider.Tracer("").Start(t.Context(), "storm", trace.WithAttributes(full(i)...))
			span.RecordError(fmt.Errorf("failed %s", strings.Repeat("e", 8000)))
			span.SetStatus(codes.Error, strings.Repeat("d", 1000))
			span.End()
		}
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		s.expect(t, storm)
	})
	t.Run("log records", func(t *testing.T) {
		s := startScales(t)
		exporter, err := NewLogExporter(t.Context(), t.Context(), RouteOf(Logs))
		if err != nil {
			t.Fatal(err)
		}
		provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter,
			sdklog.WithMaxQueueSize(storm), sdklog.WithExportMaxBatchSize(storm), sdklog.WithExportTimeout(time.Minute))))
		logger := otelslog.NewLogger("storm", otelslog.WithLoggerProvider(provider))
		for i := range storm {
			logger.ErrorContext(t.Context(), "request", "error.message", strings.Repeat("m", 8000), "error.stack", strings.Repeat("s", 8000), "n", i)
		}
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		s.expect(t, storm)
	})
}

// What is larger than an export may be is an error, and the rest goes out.
func TestInParts_giant(t *testing.T) {
	var sent []int
	err := inParts([]int{1, maxExport + 1, 2}, func(n int) int { return n }, func(part []int) error {
		sent = append(sent, part...)
		return nil
	})
	if err == nil || len(sent) != 2 {
		t.Errorf("sent %v, err = %v", sent, err)
	}
}

// slow takes most of the time that one export may take.
type slow struct{ spans int }

func (s *slow) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	select {
	case <-time.After(exportTimeout - time.Second):
		s.spans += len(spans)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (*slow) Shutdown(context.Context) error { return nil }

// The parts of a batch do not share the time of one export.
//
// Mutation: exportTimeout for a batch.
func TestInParts_slow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		receiver := &slow{}
		provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(cutSpans{receiver, t.Context()}, SpanBatches()...))
		const parts = 3
		for range parts {
			_, span := provider.Tracer("").Start(t.Context(), "storm", trace.WithAttributes(attribute.String("message", strings.Repeat("m", maxExport*3/4))))
			span.End()
		}
		if err := provider.Shutdown(t.Context()); err != nil || receiver.spans != parts {
			t.Errorf("%d of %d parts arrived: %v", receiver.spans, parts, err)
		}
	})
}
