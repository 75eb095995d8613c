// Package otlp exports spans and log records by OTLP, by gRPC or HTTP. The
// standard OTEL_EXPORTER_OTLP_* variables alone configure it. A value that is
// wrong is a warning, and never a reason not to start.
package otlp

import (
	"context"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/cut"
)

const (
	// exportTimeout bounds one export, its retries included.
	exportTimeout = 5 * time.Second
	// batchTimeout bounds the exports of one batch, which is most often one.
	batchTimeout = 3 * exportTimeout
)

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

// timeoutFromEnv reports whether the environment sets the exporter's timeout.
func timeoutFromEnv(signal Signal) bool {
	return os.Getenv(variable(signal, "TIMEOUT")) != "" || os.Getenv("OTEL_EXPORTER_OTLP_TIMEOUT") != ""
}

// retry is how an export is tried again, in each of the four exporters.
var retry = struct {
	Enabled         bool
	InitialInterval time.Duration
	MaxInterval     time.Duration
	MaxElapsedTime  time.Duration
}{true, 500 * time.Millisecond, 2 * time.Second, exportTimeout}

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
