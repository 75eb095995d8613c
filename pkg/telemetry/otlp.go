package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// exportTimeout bounds one export, its retries included.
const exportTimeout = 5 * time.Second

// exports reports whether a signal (TRACES, LOGS) leaves by OTLP.
func exports(cfg Config, signal string) bool {
	endpoint := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	return !cfg.Disabled && endpoint != "" && os.Getenv("OTEL_"+signal+"_EXPORTER") != "none"
}

// checkProtocol refuses a protocol that we do not speak, rather than failing
// later, once per batch.
func checkProtocol(signal string) error {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_" + signal + "_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := os.Getenv(name); protocol != "" {
			if protocol == "grpc" {
				return nil
			}
			return fmt.Errorf("%s: only grpc is supported, got %q", name, protocol)
		}
	}
	return nil
}

// timeoutFromEnv reports whether the environment sets the exporter's timeout.
func timeoutFromEnv(signal string) bool {
	return os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_TIMEOUT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TIMEOUT") != ""
}

// dialOptions come back within seconds of the collector, where gRPC's default
// would wait up to two minutes.
func dialOptions() []grpc.DialOption {
	config := backoff.DefaultConfig
	config.MaxDelay = 5 * time.Second
	return []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{Backoff: config, MinConnectTimeout: exportTimeout})}
}

// cutSpans and cutLogs end every export, and the wait between its tries, when
// cut is done: the exporters themselves wait for a collector that hangs,
// whatever the context of their shutdown says.
type (
	cutSpans struct {
		sdktrace.SpanExporter
		cut context.Context
	}
	cutLogs struct {
		sdklog.Exporter
		cut context.Context
	}
)

func (e cutSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return until(e.cut, ctx, func(ctx context.Context) error { return e.SpanExporter.ExportSpans(ctx, spans) })
}

func (e cutLogs) Export(ctx context.Context, records []sdklog.Record) error {
	return until(e.cut, ctx, func(ctx context.Context) error { return e.Exporter.Export(ctx, records) })
}

// until calls do with a context that also ends with cut.
func until(cut, ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(cut, func() { cancel(errCut) })()
	err := do(ctx)
	if err != nil && cut.Err() != nil {
		return errCut
	}
	return err
}

func newSpanExporter(ctx, cut context.Context) (sdktrace.SpanExporter, error) {
	if err := checkProtocol("TRACES"); err != nil {
		return nil, err
	}
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithDialOption(dialOptions()...),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{
			Enabled: true, InitialInterval: 500 * time.Millisecond, MaxInterval: 2 * time.Second, MaxElapsedTime: exportTimeout,
		}),
	}
	if !timeoutFromEnv("TRACES") {
		options = append(options, otlptracegrpc.WithTimeout(exportTimeout))
	}
	exporter, err := otlptracegrpc.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("make the span exporter: %w", err)
	}
	return cutSpans{exporter, cut}, nil
}

func newLogExporter(ctx, cut context.Context) (sdklog.Exporter, error) {
	if err := checkProtocol("LOGS"); err != nil {
		return nil, err
	}
	options := []otlploggrpc.Option{
		otlploggrpc.WithDialOption(dialOptions()...),
		otlploggrpc.WithRetry(otlploggrpc.RetryConfig{
			Enabled: true, InitialInterval: 500 * time.Millisecond, MaxInterval: 2 * time.Second, MaxElapsedTime: exportTimeout,
		}),
	}
	if !timeoutFromEnv("LOGS") {
		options = append(options, otlploggrpc.WithTimeout(exportTimeout))
	}
	exporter, err := otlploggrpc.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("make the log exporter: %w", err)
	}
	return cutLogs{exporter, cut}, nil
}
