package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/crash"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/flight"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/logging"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/metrics"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/otlp"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/profile"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/redaction"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/request"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/resource"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/sentry"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/tracing"
)

// Telemetry is what Start started; its methods may be called concurrently.
type Telemetry struct {
	cfg         Config
	redactor    *redaction.Redactor
	logger      *slog.Logger
	level       *logging.Dial
	outputs     logging.Outputs
	metrics     metrics.Metrics
	instruments metrics.Instruments
	spans       *sdktrace.TracerProvider
	pages       *sdktrace.TracerProvider // of what pages in browsers measured
	logs        *sdklog.LoggerProvider   // nil when no log is exported
	sentry      *sentry.Reporter         // nil without a DSN

	// cut is done when exports are to end at once.
	cut       context.Context
	cutExport context.CancelFunc
	stopped   atomic.Bool

	crash    *crash.File
	flight   *flight.Recorder // nil when it is off
	profiles *profile.Profiles
	warnings []string // what is wrong with the settings
}

// Start starts every signal, and never waits for a network. It also installs
// OpenTelemetry's globals and slog's default logger, for libraries that use
// them. Only traceparent and tracestate are propagated: baggage would carry
// what strangers sent into the system.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	if cfg.ServiceName == "" {
		return nil, errors.New("start telemetry: the service has no name")
	}
	t := &Telemetry{cfg: cfg.withDefaults(), warnings: slices.Clone(cfg.Warnings)}
	t.level = logging.NewDial(t.cfg.Log.Level)
	t.cut, t.cutExport = context.WithCancel(context.Background())
	if err := t.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start telemetry: %w", err), t.Shutdown(ctx))
	}
	return t, nil
}

func (t *Telemetry) start(ctx context.Context) error {
	var err error
	if t.redactor, err = redaction.New(t.cfg.Redact, t.cfg.RedactPatterns); err != nil {
		return err
	}
	var last *crash.Last
	if t.cfg.CrashDir != "" {
		file := filepath.Join(t.cfg.CrashDir, t.cfg.ServiceName+"-"+t.cfg.InstanceID+".crash")
		if t.crash, last, err = crash.Open(file); err != nil {
			t.warn(err.Error())
		}
	}
	res, err := resource.New(ctx, t.cfg.service())
	if err != nil {
		t.warn(err.Error())
	}
	if t.outputs, err = logging.Open(t.cfg.Log, t.level, res); err != nil {
		return err
	}
	outputs := t.outputs.Handler()

	// Metrics come first: the other providers and their exporters look up the
	// global meter provider, once, for the metrics about themselves.
	t.metrics = metrics.None()
	if t.cfg.Metrics {
		if t.metrics, err = metrics.New(res); err != nil {
			return err
		}
	}
	otel.SetMeterProvider(t.metrics.Provider)
	if t.instruments, err = metrics.NewInstruments(t.Meter(), t.outputs.Dropped); err != nil {
		return err
	}
	diagnostics := newDiagnostics(t.redactor.Handler(outputs), t.instruments.ExportErrors)
	otel.SetErrorHandler(diagnostics)
	otel.SetLogger(logr.FromSlogHandler(diagnostics.logger.Handler()))

	t.startSpans(ctx, res)
	otel.SetTracerProvider(t.spans)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t.startLogs(ctx, res)
	var wrong error
	t.sentry, wrong = sentry.New(t.cfg.Sentry, res, t.redactor, t.instruments.SentryEvents)
	t.logger = t.newLogger(outputs)
	slog.SetDefault(t.logger)
	t.reportCrash(ctx, last)
	t.startFlight()
	t.startProfiles(res, diagnostics.Handle)
	for _, warning := range t.warnings {
		t.logger.WarnContext(ctx, "a setting of telemetry is wrong; the rest works", "warning", warning)
	}
	if wrong != nil {
		t.logger.WarnContext(ctx, "SENTRY_DSN is unusable: unexpected errors are only logged", "error.message", wrong.Error())
	}
	return nil
}

// startFlight turns the flight recorder on. Only one can be on in a process.
func (t *Telemetry) startFlight() {
	if !t.cfg.FlightRecorder {
		return
	}
	var err error
	if t.flight, err = flight.Start(t.cfg.FlightDir, t.logger, t.instruments.ExecutionTraces); err != nil {
		t.warn("FLIGHT_RECORDER: there will be no execution traces: " + err.Error())
	}
}

// startProfiles sends profiles when there is a Pyroscope.
func (t *Telemetry) startProfiles(res *sdkresource.Resource, failed func(error)) {
	address := t.cfg.PyroscopeURL
	if t.cfg.Disabled {
		address = ""
	}
	var err error
	if t.profiles, err = profile.Start(profile.Config{URL: address, Resource: res, Failed: failed}); err != nil {
		t.warn(err.Error())
	}
}

// maxAttributeLength bounds what a client can put on a span: a path may be a
// megabyte long. A stack trace still fits.
const maxAttributeLength = 8192

func (t *Telemetry) startSpans(ctx context.Context, res *sdkresource.Resource) {
	var options []sdktrace.TracerProviderOption
	ratio := t.cfg.SampleRatio
	if t.cfg.Disabled {
		ratio = 0
	} else if route := t.route(otlp.Traces); route.Exports {
		exporter, err := otlp.NewSpanExporter(ctx, t.cut, route)
		if err != nil {
			t.warn(err.Error())
		} else {
			options = append(options, sdktrace.WithSpanProcessor(sdktrace.NewBatchSpanProcessor(t.redactor.SpanExporter(exporter), otlp.SpanBatches()...)))
		}
	}
	if t.cfg.SpanExporter != nil && !t.cfg.Disabled {
		options = append(options, sdktrace.WithSpanProcessor(sdktrace.NewSimpleSpanProcessor(t.redactor.SpanExporter(t.cfg.SpanExporter))))
	}
	t.spans = tracing.NewProvider(res, tracing.NewSampler(ratio), maxAttributeLength, options...)
	// The same way out, and no shutdown of its own.
	t.pages = tracing.NewProvider(resource.Page(res), tracing.NewSampler(ratio), maxAttributeLength, options...)
}

// startLogs makes the logger provider, when anything is to be exported.
func (t *Telemetry) startLogs(ctx context.Context, res *sdkresource.Resource) {
	if t.cfg.Disabled {
		return
	}
	var processors []sdklog.Processor
	if route := t.route(otlp.Logs); route.Exports {
		exporter, err := otlp.NewLogExporter(ctx, t.cut, route)
		if err != nil {
			t.warn(err.Error())
		} else {
			processors = append(processors, sdklog.NewBatchProcessor(exporter, otlp.LogBatches()...))
		}
	}
	if t.cfg.LogExporter != nil {
		processors = append(processors, sdklog.NewSimpleProcessor(t.cfg.LogExporter))
	}
	if len(processors) > 0 {
		t.logs = logging.NewProvider(res, maxAttributeLength, processors...)
	}
}

// newLogger builds the one logger: masked first, then to every place.
func (t *Telemetry) newLogger(outputs slog.Handler) *slog.Logger {
	handlers := []slog.Handler{outputs}
	if t.logs != nil {
		handlers = append(handlers, logging.Exporter(t.logs, t.cfg.ServiceName))
	}
	if t.sentry != nil {
		handlers = append(handlers, request.KeepLines())
	}
	masked := t.redactor.Handler(logging.FanOut(handlers...))
	return slog.New(logging.AtLeast(t.level, logging.WithContext(masked, request.Attrs)))
}

// route is where a signal leaves.
func (t *Telemetry) route(signal otlp.Signal) otlp.Route {
	r := otlp.RouteOf(signal)
	for _, warning := range r.Warnings {
		t.warn(warning)
	}
	return r
}

// warn keeps a warning until there is a logger, once.
func (t *Telemetry) warn(warning string) {
	if !slices.Contains(t.warnings, warning) {
		t.warnings = append(t.warnings, warning)
	}
}

// Logger is the service's logger. Each line of a request carries its trace and
// its user; With makes child loggers for modules.
func (t *Telemetry) Logger() *slog.Logger { return t.logger }

// Tracer makes the service's own spans.
func (t *Telemetry) Tracer() trace.Tracer { return t.spans.Tracer(t.cfg.ServiceName) }

// Meter makes the service's own instruments.
func (t *Telemetry) Meter() metric.Meter { return t.metrics.Provider.Meter(t.cfg.ServiceName) }

// Profiled runs work so that profiles of the processor have the name of its span as
// label. While none is taken, that is all it does.
func (t *Telemetry) Profiled(ctx context.Context, name string, work func()) {
	t.profiles.Do(ctx, name, work)
}

// TracerProvider is for instrumentation libraries.
func (t *Telemetry) TracerProvider() trace.TracerProvider { return t.spans }

// MeterProvider is for instrumentation libraries.
func (t *Telemetry) MeterProvider() metric.MeterProvider { return t.metrics.Provider }

// MetricsHandler serves the metrics in Prometheus's text format, or in
// OpenMetrics with exemplars when asked for it. Without metrics it responds with 404.
func (t *Telemetry) MetricsHandler() http.Handler { return t.metrics.Handler }
