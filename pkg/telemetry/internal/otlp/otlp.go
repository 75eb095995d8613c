// Package otlp exports spans and log records by OTLP. The standard
// OTEL_EXPORTER_OTLP_* variables alone configure it.
package otlp

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/cut"
)

// exportTimeout bounds one export, its retries included.
const exportTimeout = 5 * time.Second

// Signal is what is exported, as the variables name it.
type Signal string

// The signals that leave by OTLP; metrics are scraped.
const (
	Traces Signal = "TRACES"
	Logs   Signal = "LOGS"
)

func variable(signal Signal, setting string) string {
	return "OTEL_EXPORTER_OTLP_" + string(signal) + "_" + setting
}

// Wanted reports whether a signal leaves by OTLP.
func Wanted(signal Signal) bool {
	endpoint := cmp.Or(os.Getenv(variable(signal, "ENDPOINT")), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	return endpoint != "" && os.Getenv("OTEL_"+string(signal)+"_EXPORTER") != "none"
}

// checkProtocol refuses a protocol that we do not speak, rather than failing
// later, once per batch.
func checkProtocol(signal Signal) error {
	for _, name := range []string{variable(signal, "PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL"} {
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
func timeoutFromEnv(signal Signal) bool {
	return os.Getenv(variable(signal, "TIMEOUT")) != "" || os.Getenv("OTEL_EXPORTER_OTLP_TIMEOUT") != ""
}

// dialOptions come back within seconds of the collector, where gRPC's default
// would wait up to two minutes.
func dialOptions() []grpc.DialOption {
	config := backoff.DefaultConfig
	config.MaxDelay = 5 * time.Second
	return []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{Backoff: config, MinConnectTimeout: exportTimeout})}
}

// until calls do with a context that also ends with end.
func until(end, ctx context.Context, do func(context.Context) error) error {
	ctx, release := cut.With(ctx, end)
	defer release()
	err := do(ctx)
	if err != nil && end.Err() != nil {
		return cut.Err
	}
	return err
}
