package otlp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// receiver keeps the logs of each export.
type receiver struct {
	collectorlogs.UnimplementedLogsServiceServer
	got chan *collectorlogs.ExportLogsServiceRequest
}

func (r receiver) Export(_ context.Context, request *collectorlogs.ExportLogsServiceRequest) (*collectorlogs.ExportLogsServiceResponse, error) {
	r.got <- request
	return &collectorlogs.ExportLogsServiceResponse{}, nil
}

// collected keeps the records of a provider.
type collected struct{ records []sdklog.Record }

func (c *collected) OnEmit(_ context.Context, r *sdklog.Record) error {
	c.records = append(c.records, r.Clone())
	return nil
}

func (*collected) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (*collected) Shutdown(context.Context) error                         { return nil }
func (*collected) ForceFlush(context.Context) error                       { return nil }

// lines is records with all that a record can have.
func lines(t *testing.T) []sdklog.Record {
	t.Helper()
	c := &collected{}
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(c), sdklog.WithAttributeCountLimit(20), sdklog.WithResource(
		resource.NewWithAttributes("https://schema/1", attribute.String("service.name", "api"), attribute.Int("pid", 7))))
	logger := otelslog.NewLogger("api", otelslog.WithLoggerProvider(provider), otelslog.WithVersion("1.2"), otelslog.WithSchemaURL("https://schema/2"),
		otelslog.WithAttributes(attribute.String("of", "scope")))
	sampled := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled}))
	for _, ctx := range []context.Context{t.Context(), sampled} {
		logger.DebugContext(ctx, "")
		logger.ErrorContext(ctx, strings.Repeat("ä", 200), "text", "x", "n", -1, "zero", 0, "f", 0.1, "yes", true, "took", time.Second, "at", time.Unix(1, 2),
			"any", []string{"a", "b"}, slog.Group("group", "a", 1, slog.Group("inner", "b", "c")), "error", errors.New("failed"), "bytes", []byte{0, 255})
		many := make([]any, 0, 60)
		for i := range 30 {
			many = append(many, slog.Int(strings.Repeat("k", i+1), i))
		}
		logger.WarnContext(ctx, "many", many...)
	}
	var event log.Record
	event.SetEventName("happened")
	event.SetTimestamp(time.Unix(0, -1))
	provider.Logger("api", log.WithInstrumentationVersion("1.2"), log.WithSchemaURL("https://schema/2"),
		log.WithInstrumentationAttributes(attribute.String("of", "scope"))).Emit(t.Context(), event)
	return c.records
}

// What a receiver gets is what the SDK's exporter would have sent, and as many records are counted.
//
// Mutations: each field left out, or with the number of another; the bytes of the export before; empty records not
// replaced.
func TestDirectLogs_same_as_the_SDK(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *collectorlogs.ExportLogsServiceRequest, 1)
	server := grpc.NewServer()
	collectorlogs.RegisterLogsServiceServer(server, receiver{got: got})
	go func() { _ = server.Serve(listener) }() // It ends with Stop.
	t.Cleanup(server.Stop)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())

	records := lines(t)
	sdk, err := otlploggrpc.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	direct, err := newLogExporter(t.Context(), RouteOf(Logs))
	if err != nil {
		t.Fatal(err)
	}
	export := func(e sdklog.Exporter, records []sdklog.Record) *collectorlogs.ExportLogsServiceRequest {
		t.Helper()
		if err := e.Export(t.Context(), records); err != nil {
			t.Fatal(err)
		}
		return <-got
	}
	for _, part := range [][]sdklog.Record{records, records[1:3], records} {
		if ours, theirs := export(direct, part), export(sdk, part); !proto.Equal(ours, theirs) {
			t.Fatalf("ours:\n%s\ntheirs:\n%s", prototext.Format(ours), prototext.Format(theirs))
		}
	}
	other := slices.Concat(records[:1], lines(t)) // with a resource of its own
	if n := len(export(direct, other).GetResourceLogs()); n != 2 {
		t.Errorf("%d resources", n)
	}
	for _, e := range []sdklog.Exporter{direct, sdk} {
		if err := e.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkDirectLogs(b *testing.B) {
	c := &collected{}
	logger := otelslog.NewLogger("api", otelslog.WithLoggerProvider(sdklog.NewLoggerProvider(sdklog.WithProcessor(c))))
	for range 512 {
		logger.InfoContext(b.Context(), "request", "method", "GET", "path", "/api/v1/drifts/0197a1e2-3c4d-7000-8000-000000000001", "route", "/api/v1/drifts/{id}",
			"status", 200, "duration_ms", 1.234, "bytes", 1234, "userId", "0197a1e2-3c4d-7000-8000-000000000001", "accountId", "0197a1e2-3c4d-7000-8000-000000000001", "role", "admin")
	}
	b.ReportAllocs()
	var bytes []byte
	for b.Loop() {
		bytes = appendLogs(bytes[:0], c.records)
	}
}
