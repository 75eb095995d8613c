package otlp

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	sdklog "go.opentelemetry.io/otel/sdk/log"
)

// NewLogExporter makes the exporter of log records, which the context end cuts
// off.
func NewLogExporter(ctx, end context.Context) (sdklog.Exporter, error) {
	if err := checkProtocol(Logs); err != nil {
		return nil, err
	}
	options := []otlploggrpc.Option{
		otlploggrpc.WithDialOption(dialOptions()...),
		otlploggrpc.WithRetry(otlploggrpc.RetryConfig{
			Enabled: true, InitialInterval: 500 * time.Millisecond, MaxInterval: 2 * time.Second, MaxElapsedTime: exportTimeout,
		}),
	}
	if !timeoutFromEnv(Logs) {
		options = append(options, otlploggrpc.WithTimeout(exportTimeout))
	}
	exporter, err := otlploggrpc.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("make the log exporter: %w", err)
	}
	return cutLogs{exporter, end}, nil
}

// LogBatches are what SpanBatches are for spans.
func LogBatches() []sdklog.BatchProcessorOption {
	if os.Getenv("OTEL_BLRP_EXPORT_TIMEOUT") != "" {
		return nil
	}
	return []sdklog.BatchProcessorOption{sdklog.WithExportTimeout(exportTimeout)}
}

// cutLogs is what cutSpans is for spans.
type cutLogs struct {
	sdklog.Exporter
	end context.Context
}

func (e cutLogs) Export(ctx context.Context, records []sdklog.Record) error {
	return until(e.end, ctx, func(ctx context.Context) error { return e.Exporter.Export(ctx, records) })
}
