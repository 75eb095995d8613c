package otlp

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"google.golang.org/grpc"
)

// NewLogExporter makes the exporter of log records, which the context end cuts off. This file repeats span.go, because the
// SDK gives each signal and each protocol option types of its own.
func NewLogExporter(ctx, end context.Context, r Route) (sdklog.Exporter, error) {
	exporter, err := newLogExporter(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("make the exporter of log records: %w", err)
	}
	return cutLogs{exporter, end}, nil
}

func newLogExporter(ctx context.Context, r Route) (sdklog.Exporter, error) {
	if r.http {
		return httpLogs(ctx, r)
	}
	options := []otlploggrpc.Option{
		otlploggrpc.WithDialOption(append(dialOptions(), grpc.WithUnaryInterceptor(replaceLogs))...),
		otlploggrpc.WithRetry(otlploggrpc.RetryConfig(retry)),
	}
	if !timeoutFromEnv(Logs) {
		options = append(options, otlploggrpc.WithTimeout(exportTimeout))
	}
	if r.url != "" {
		options = append(options, otlploggrpc.WithEndpointURL(r.url))
	}
	exporter, err := otlploggrpc.New(ctx, options...)
	return &directLogs{Exporter: exporter}, err
}

func httpLogs(ctx context.Context, r Route) (sdklog.Exporter, error) {
	options := []otlploghttp.Option{
		otlploghttp.WithRetry(otlploghttp.RetryConfig(retry)),
	}
	if !timeoutFromEnv(Logs) {
		options = append(options, otlploghttp.WithTimeout(exportTimeout))
	}
	if r.url != "" {
		options = append(options, otlploghttp.WithEndpointURL(r.url))
	}
	return otlploghttp.New(ctx, options...)
}

// LogBatches are what SpanBatches are for spans.
func LogBatches() []sdklog.BatchProcessorOption {
	if os.Getenv("OTEL_BLRP_EXPORT_TIMEOUT") != "" {
		return nil
	}
	return []sdklog.BatchProcessorOption{sdklog.WithExportTimeout(batchTimeout)}
}

// cutLogs is what cutSpans is for spans.
type cutLogs struct {
	sdklog.Exporter
	end context.Context
}

func (e cutLogs) Export(ctx context.Context, records []sdklog.Record) error {
	return until(e.end, ctx, func(ctx context.Context) error {
		return inParts(records, logSize, func(part []sdklog.Record) error { return e.Exporter.Export(ctx, part) })
	})
}
