package otlp

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// NewSpanExporter makes the exporter of spans, which the context end cuts off.
func NewSpanExporter(ctx, end context.Context, r Route) (sdktrace.SpanExporter, error) {
	exporter, err := newSpanExporter(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("make the exporter of spans: %w", err)
	}
	return cutSpans{exporter, end}, nil
}

func newSpanExporter(ctx context.Context, r Route) (sdktrace.SpanExporter, error) {
	if r.http {
		return httpSpans(ctx, r)
	}
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithDialOption(dialOptions()...),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig(retry)),
	}
	if !timeoutFromEnv(Traces) {
		options = append(options, otlptracegrpc.WithTimeout(exportTimeout))
	}
	if r.url != "" {
		options = append(options, otlptracegrpc.WithEndpointURL(r.url))
	}
	return newDirectSpans(ctx, otlptracegrpc.NewClient(options...))
}

func httpSpans(ctx context.Context, r Route) (sdktrace.SpanExporter, error) {
	options := []otlptracehttp.Option{
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig(retry)),
	}
	if !timeoutFromEnv(Traces) {
		options = append(options, otlptracehttp.WithTimeout(exportTimeout))
	}
	if r.url != "" {
		options = append(options, otlptracehttp.WithEndpointURL(r.url))
	}
	return newDirectSpans(ctx, otlptracehttp.NewClient(options...))
}

// SpanBatches shorten the SDK's 30 seconds for one batch, unless the environment
// says otherwise: a collector that hangs should fill the queue no longer than it
// must.
func SpanBatches() []sdktrace.BatchSpanProcessorOption {
	if os.Getenv("OTEL_BSP_EXPORT_TIMEOUT") != "" {
		return nil
	}
	return []sdktrace.BatchSpanProcessorOption{sdktrace.WithExportTimeout(batchTimeout)}
}

// cutSpans ends every export, and the wait between its attempts, when end is
// done, and bounds it in bytes.
type cutSpans struct {
	sdktrace.SpanExporter
	end context.Context
}

func (e cutSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return until(e.end, ctx, func(ctx context.Context) error {
		return inParts(spans, spanSize, func(part []sdktrace.ReadOnlySpan) error { return e.SpanExporter.ExportSpans(ctx, part) })
	})
}
