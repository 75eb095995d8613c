package otlp

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// kept is a client that keeps what it would send.
type kept struct {
	sent *collectortrace.ExportTraceServiceRequest
}

func (k *kept) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	encoded, err := proto.Marshal(&collectortrace.ExportTraceServiceRequest{ResourceSpans: spans})
	k.sent = new(collectortrace.ExportTraceServiceRequest)
	return errors.Join(err, proto.Unmarshal(encoded, k.sent))
}

func (*kept) Start(context.Context) error { return nil }
func (*kept) Stop(context.Context) error  { return nil }

// everything is spans with all that a span can have.
func everything(t *testing.T) []sdktrace.ReadOnlySpan {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder), sdktrace.WithResource(resource.NewWithAttributes("https://schema/1", attribute.String("service.name", "api"), attribute.Int("pid", 7))))
	state, err := trace.ParseTraceState("vendor=value")
	if err != nil {
		t.Fatal(err)
	}
	remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true})
	ctx := trace.ContextWithSpanContext(t.Context(), remote)
	for _, kind := range []trace.SpanKind{trace.SpanKindServer, trace.SpanKindClient, trace.SpanKindProducer, trace.SpanKindConsumer, trace.SpanKindInternal} {
		var span trace.Span
		ctx, span = provider.Tracer("first", trace.WithInstrumentationVersion("1.2"), trace.WithSchemaURL("https://schema/2"), //nolint:fatcontext // each span is the child of the one before
			trace.WithInstrumentationAttributes(attribute.String("of", "scope"))).Start(ctx, "GET /drifts", trace.WithSpanKind(kind),
			trace.WithTimestamp(time.Unix(0, -1)), trace.WithLinks(trace.Link{SpanContext: remote, Attributes: []attribute.KeyValue{attribute.Bool("linked", true)}}))
		span.SetAttributes(
			attribute.String("text", "ä"), attribute.String("empty", ""), attribute.String("127", strings.Repeat("x", 127)),
			attribute.String("128", strings.Repeat("x", 128)), attribute.String("long", strings.Repeat("x", 1<<15)),
			attribute.Int64("n", -1), attribute.Int64("zero", 0), attribute.Bool("yes", true), attribute.Bool("no", false), attribute.Float64("f", math.Pi),
			attribute.StringSlice("texts", []string{"a", "", strings.Repeat("x", 200)}), attribute.Int64Slice("ns", []int64{0, 1 << 40}),
			attribute.BoolSlice("bools", []bool{true, false}), attribute.Float64Slice("fs", []float64{0, 1.5}), attribute.StringSlice("none", nil),
			attribute.KeyValue{Key: "bytes", Value: attribute.ByteSliceValue([]byte{0, 255})},
			attribute.KeyValue{Key: "list", Value: attribute.SliceValue(attribute.IntValue(1), attribute.StringValue("two"))},
			attribute.KeyValue{Key: "map", Value: attribute.MapValue(attribute.Int("a", 1), attribute.StringSlice("b", []string{"c"}))},
			attribute.KeyValue{Key: "nothing"},
		)
		span.AddEvent("happened", trace.WithAttributes(attribute.String("why", strings.Repeat("y", 300))))
		span.RecordError(errors.New("failed"))
		span.SetStatus(codes.Error, "failed")
		span.End()
	}
	_, fine := provider.Tracer("second").Start(t.Context(), "")
	fine.SetStatus(codes.Ok, "")
	fine.End()
	_, many := provider.Tracer("").Start(t.Context(), "many")
	for i := range 200 {
		many.SetAttributes(attribute.Int(strings.Repeat("k", i+1), i))
		many.AddEvent("e")
		many.AddLink(trace.Link{SpanContext: remote})
	}
	many.End()
	return recorder.Ended()
}

// The bytes that are written directly say what the SDK's exporter says.
//
// Mutations: each field left out, or with the number of another; a length of one byte for a long message; flags without
// those of the parent.
func TestDirectSpans_same_as_the_SDK(t *testing.T) {
	spans := everything(t)
	theirs, ours := &kept{}, &kept{}
	if err := otlptrace.NewUnstarted(theirs).ExportSpans(t.Context(), spans); err != nil {
		t.Fatal(err)
	}
	exporter, err := newDirectSpans(t.Context(), ours)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // The second has the bytes of the first.
		if err := exporter.ExportSpans(t.Context(), spans); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(ours.sent, theirs.sent) {
			t.Fatalf("ours:\n%s\ntheirs:\n%s", prototext.Format(ours.sent), prototext.Format(theirs.sent))
		}
	}
}

// The exporter's metrics count spans.
//
// Mutation: the whole message as bytes.
func TestDirectSpans_counted(t *testing.T) {
	spans := everything(t)
	exporter, n := directSpans{}, 0
	for _, rs := range exporter.message(spans) {
		for _, ss := range rs.GetScopeSpans() {
			n += len(ss.GetSpans())
		}
	}
	if n != len(spans) {
		t.Errorf("%d of %d spans", n, len(spans))
	}
}

func BenchmarkDirectSpans(b *testing.B) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	for range 512 {
		_, span := provider.Tracer("bench").Start(b.Context(), "GET /drifts/{id}", trace.WithAttributes(
			attribute.String("http.request.method", "GET"), attribute.String("url.path", "/api/v1/drifts/0197a1e2-3c4d-7000-8000-000000000001"),
			attribute.String("http.route", "/api/v1/drifts/{id}"), attribute.Int("http.response.status_code", 200), attribute.String("user.id", "0197a1e2"),
			attribute.String("client.address", "127.0.0.1"), attribute.String("url.scheme", "http"), attribute.String("network.protocol.version", "1.1"),
			attribute.String("server.address", "localhost"), attribute.Int("server.port", 8080), attribute.String("user_agent.original", "curl")))
		span.End()
	}
	spans := recorder.Ended()
	direct, err := newDirectSpans(b.Context(), &marshals{})
	if err != nil {
		b.Fatal(err)
	}
	for name, exporter := range map[string]sdktrace.SpanExporter{"direct": direct, "sdk": otlptrace.NewUnstarted(&marshals{})} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := exporter.ExportSpans(b.Context(), spans); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// marshals is a client that does what is done before sending.
type marshals struct{ kept }

func (marshals) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	_, err := proto.Marshal(&collectortrace.ExportTraceServiceRequest{ResourceSpans: spans})
	return err
}
