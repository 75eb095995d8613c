package otlp

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// NewSpanExporter makes the exporter of spans, which the context end cuts off.
func NewSpanExporter(ctx, end context.Context) (sdktrace.SpanExporter, error) {
	if err := checkProtocol(Traces); err != nil {
		return nil, err
	}
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithDialOption(dialOptions()...),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{
			Enabled: true, InitialInterval: 500 * time.Millisecond, MaxInterval: 2 * time.Second, MaxElapsedTime: exportTimeout,
		}),
	}
	if !timeoutFromEnv(Traces) {
		options = append(options, otlptracegrpc.WithTimeout(exportTimeout))
	}
	exporter, err := otlptracegrpc.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("make the span exporter: %w", err)
	}
	return cutSpans{exporter, end}, nil
}

// SpanBatches shorten the SDK's 30 seconds for one export, unless the environment
// says otherwise: a collector that hangs should fill the queue no longer than it
// must.
func SpanBatches() []sdktrace.BatchSpanProcessorOption {
	if os.Getenv("OTEL_BSP_EXPORT_TIMEOUT") != "" {
		return nil
	}
	return []sdktrace.BatchSpanProcessorOption{sdktrace.WithExportTimeout(exportTimeout)}
}

// cutSpans ends every export, and the wait between its attempts, when end is
// done.
type cutSpans struct {
	sdktrace.SpanExporter
	end context.Context
}

func (e cutSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return until(e.end, ctx, func(ctx context.Context) error { return e.SpanExporter.ExportSpans(ctx, spans) })
}
