package telemetry

import (
	"cmp"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/logging"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/resource"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/sentry"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/tracing"
)

// Config says who the service is and where its signals go. Only ServiceName
// is needed; the zero value of everything else is usable, but samples no trace.
//
// The OTLP exporters are configured by the standard OTEL_EXPORTER_OTLP_*
// variables alone, and exist only when an endpoint is set there.
type Config struct {
	// ServiceName and the three after it describe the service in every signal.
	// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over them.
	ServiceName, Version, Commit, Environment string
	// InstanceID tells replicas apart. It defaults to the host's (that is, the
	// container's) name: a new ID at each start would churn every series.
	InstanceID string
	// Resource holds more attributes of the service.
	Resource []attribute.KeyValue

	// Disabled is OTEL_SDK_DISABLED, which the Go SDK does not read itself:
	// trace IDs are still made, for correlation, but nothing is exported.
	Disabled bool
	// SampleRatio is the share of traces that are recorded, from 0 to 1,
	// decided where they enter; see SampleRatioFromEnv.
	SampleRatio float64
	// Metrics turns on the instruments and MetricsHandler.
	Metrics bool
	// SlowRequest is the duration from which a request is logged as a warning
	// (default 1 s).
	SlowRequest time.Duration
	// LatencyObjective is the duration over which a successful request counts as
	// late in http_requests_late_total, which the objective of latency reads
	// (default 500 ms).
	LatencyObjective time.Duration

	Log    LogConfig
	Sentry SentryConfig

	// Redact names more attribute keys, beside the built-in ones, whose values
	// are masked. RedactPatterns are regular expressions of strings to be
	// masked wherever they stand, such as the keys that the service issues.
	Redact         []string
	RedactPatterns []string

	// Warnings about the settings, which are logged at the start: a setting of
	// telemetry never decides whether a service lives.
	Warnings []string

	// CrashDir keeps what the Go runtime says when it ends the process, for the
	// next start of this instance to report to the log and to Sentry. Empty keeps
	// nothing.
	CrashDir string

	// FlightRecorder keeps Go's execution trace of the last seconds. A slow request,
	// a panic and SIGQUIT write it to FlightDir, or to a temporary folder without one.
	FlightRecorder bool
	FlightDir      string

	// PyroscopeURL is where profiles of the process are sent; empty sends none. It may
	// have a user and a password.
	PyroscopeURL string

	// ShutdownTimeout bounds Shutdown (default 5 s).
	ShutdownTimeout time.Duration

	// SpanExporter and LogExporter receive, synchronously, what is exported by
	// OTLP: after redaction, and with the same sampling. They are for tests and
	// tools.
	SpanExporter sdktrace.SpanExporter
	LogExporter  sdklog.Exporter
}

// LogConfig says what is logged and how.
type LogConfig = logging.Config

// Formats of LogConfig.
const (
	FormatJSON   = logging.FormatJSON
	FormatPretty = logging.FormatPretty
)

// SentryConfig says where unexpected errors are reported.
type SentryConfig = sentry.Config

// Levels beside those of slog.
const (
	LevelTrace = logging.LevelTrace
	LevelFatal = logging.LevelFatal
)

// ParseLevel reads trace, debug, info, warn, error or fatal, in any case.
func ParseLevel(s string) (slog.Level, error) { return logging.ParseLevel(s) }

// SampleRatioFromEnv reads the edge ratio from OTEL_TRACES_SAMPLER and
// OTEL_TRACES_SAMPLER_ARG. When they are wrong it is 1, with an error that names
// the variable.
func SampleRatioFromEnv() (float64, error) { return tracing.SampleRatioFromEnv() }

func (c Config) service() resource.Service {
	return resource.Service{
		Name: c.ServiceName, Version: c.Version, Commit: c.Commit, Environment: c.Environment, InstanceID: c.InstanceID, More: c.Resource,
	}
}

func (c Config) withDefaults() Config {
	if c.InstanceID == "" {
		// An unknown host name only costs the instance its label.
		c.InstanceID, _ = os.Hostname()
	}
	if c.Log.Output == nil {
		c.Log.Output = os.Stdout
	}
	c.Log.Format = cmp.Or(c.Log.Format, FormatJSON)
	c.SlowRequest = cmp.Or(c.SlowRequest, time.Second)
	c.LatencyObjective = cmp.Or(c.LatencyObjective, 500*time.Millisecond)
	c.ShutdownTimeout = cmp.Or(c.ShutdownTimeout, 5*time.Second)
	c.Sentry.MaxEventsPerMinute = cmp.Or(c.Sentry.MaxEventsPerMinute, 60)
	// The specification turns all signals off together.
	c.Metrics = c.Metrics && !c.Disabled
	return c
}
