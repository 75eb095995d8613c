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
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
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
// would wait up to two minutes, and end every call when cut is done: the
// exporters themselves wait for a collector that hangs, whatever the context of
// their shutdown says.
func dialOptions(cut context.Context) []grpc.DialOption {
	config := backoff.DefaultConfig
	config.MaxDelay = 5 * time.Second
	return []grpc.DialOption{
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: config, MinConnectTimeout: exportTimeout}),
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(cut, cancel)()
			err := call(ctx, method, req, reply, cc, opts...)
			if err != nil && cut.Err() != nil {
				// Of a code that is not retried.
				return status.Error(codes.FailedPrecondition, errCut.Error())
			}
			return err
		}),
	}
}

func newSpanExporter(ctx, cut context.Context) (sdktrace.SpanExporter, error) {
	if err := checkProtocol("TRACES"); err != nil {
		return nil, err
	}
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithDialOption(dialOptions(cut)...),
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
	return exporter, nil
}

func newLogExporter(ctx, cut context.Context) (sdklog.Exporter, error) {
	if err := checkProtocol("LOGS"); err != nil {
		return nil, err
	}
	options := []otlploggrpc.Option{
		otlploggrpc.WithDialOption(dialOptions(cut)...),
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
	return exporter, nil
}
