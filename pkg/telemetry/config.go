package telemetry

import (
	"cmp"
	"io"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
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
	// container's) name: an ID made anew at each start would churn every series.
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

	Log    LogConfig
	Sentry SentryConfig

	// Redact names more attribute keys, beside the built-in ones, whose values
	// are masked. RedactPatterns are regular expressions of strings to be
	// masked wherever they stand, such as the keys that the service issues.
	Redact         []string
	RedactPatterns []string

	// ShutdownTimeout bounds Shutdown (default 5 s).
	ShutdownTimeout time.Duration

	// SpanExporter and LogExporter receive, synchronously, what is exported by
	// OTLP: after redaction, and with the same sampling. They are for tests and
	// tools.
	SpanExporter sdktrace.SpanExporter
	LogExporter  sdklog.Exporter
}

// LogConfig says what is logged and how.
type LogConfig struct {
	// Level is the least severe level that is logged.
	Level slog.Level
	// Format of Output: FormatJSON (default) or FormatPretty.
	Format string
	// Output defaults to os.Stdout.
	Output io.Writer
	// File, when set, gets every line too, as JSON. Its directory is created and
	// the file is rotated.
	File string
}

// Formats of LogConfig.
const (
	FormatJSON   = "json"
	FormatPretty = "pretty"
)

// SentryConfig says where unexpected errors are reported.
type SentryConfig struct {
	// DSN names the project. Empty turns reports off; one that is not valid is
	// warned of, and the reports are counted as failed.
	DSN string
	// GrafanaURL is where people reach Grafana. With it an event links to its
	// trace and its log lines.
	GrafanaURL string
	// Plumbing are prefixes of functions that are never the place where an error
	// belongs, such as a database driver's.
	Plumbing []string
	// Release and Environment default to the service's version and environment.
	Release, Environment string
	// MaxEventsPerMinute bounds the reports (default 60); errors beyond it are
	// logged and counted as ever.
	MaxEventsPerMinute int
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
	c.ShutdownTimeout = cmp.Or(c.ShutdownTimeout, 5*time.Second)
	c.Sentry.MaxEventsPerMinute = cmp.Or(c.Sentry.MaxEventsPerMinute, 60)
	// The specification turns all signals off together.
	c.Metrics = c.Metrics && !c.Disabled
	return c
}
