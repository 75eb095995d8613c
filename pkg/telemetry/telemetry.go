package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Telemetry is what Start started; its methods may be called concurrently.
type Telemetry struct {
	cfg         Config
	redactor    *redactor
	logger      *slog.Logger
	outputs     []output
	metrics     metrics
	instruments instruments
	spans       *sdktrace.TracerProvider
	logs        *sdklog.LoggerProvider // nil when no log is exported
	sentry      *sentryReporter        // nil without a DSN

	// cut is done when exports are to end at once.
	cut       context.Context
	cutExport context.CancelFunc
	stopped   atomic.Bool
}

// Start starts every signal, and never waits for a network. It also installs
// OpenTelemetry's globals and slog's default logger, for libraries that use
// them. Only traceparent and tracestate are propagated: baggage would carry
// what strangers sent into the system.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	if cfg.ServiceName == "" {
		return nil, errors.New("start telemetry: the service has no name")
	}
	t := &Telemetry{cfg: cfg.withDefaults()}
	t.cut, t.cutExport = context.WithCancel(context.Background())
	if err := t.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start telemetry: %w", err), t.Shutdown(ctx))
	}
	return t, nil
}

func (t *Telemetry) start(ctx context.Context) error {
	var err error
	if t.redactor, err = newRedactor(t.cfg.Redact, t.cfg.RedactPatterns); err != nil {
		return err
	}
	res, err := newResource(ctx, t.cfg)
	if err != nil {
		return err
	}
	if t.outputs, err = newOutputs(t.cfg.Log, res); err != nil {
		return err
	}
	outputs := written(t.outputs)

	// Metrics come first: the other providers and their exporters look up the
	// global meter provider, once, for the metrics about themselves.
	if t.metrics, err = newMetrics(t.cfg, res); err != nil {
		return err
	}
	otel.SetMeterProvider(t.metrics.provider)
	if t.instruments, err = newInstruments(t.Meter()); err != nil {
		return err
	}
	if err := t.countDrops(); err != nil {
		return err
	}
	diagnostics := newDiagnostics(redactHandler{outputs, t.redactor}, t.instruments.exportErrors)
	otel.SetErrorHandler(diagnostics)
	otel.SetLogger(logr.FromSlogHandler(diagnostics.logger.Handler()))

	if err := t.startSpans(ctx, res); err != nil {
		return err
	}
	otel.SetTracerProvider(t.spans)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	if err := t.startLogs(ctx, res); err != nil {
		return err
	}
	var wrong error
	t.sentry, wrong = newSentryReporter(t.cfg.Sentry, res, t.redactor, t.instruments.sentryEvents)
	t.logger = newLogger(t.cfg, t.redactor, outputs, t.logs, t.sentry != nil)
	slog.SetDefault(t.logger)
	if wrong != nil {
		t.logger.WarnContext(ctx, "unexpected errors are logged, and not sent to Sentry", "error.message", wrong.Error())
	}
	return nil
}

// countDrops exports the outputs' counts of dropped lines.
func (t *Telemetry) countDrops() error {
	_, err := t.Meter().Int64ObservableCounter("telemetry.log.dropped",
		metric.WithDescription("Log lines dropped because an output was stuck or too slow."), metric.WithUnit("{line}"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for _, output := range t.outputs {
				o.Observe(output.writer.dropped.Load(), metric.WithAttributes(attribute.String("output", output.name)))
			}
			return nil
		}))
	if err != nil {
		return fmt.Errorf("make an instrument: %w", err)
	}
	return nil
}

// Logger is the service's logger. Each line of a request carries its trace and
// its user; With makes child loggers for modules.
func (t *Telemetry) Logger() *slog.Logger { return t.logger }

// Tracer makes the service's own spans.
func (t *Telemetry) Tracer() trace.Tracer { return t.spans.Tracer(t.cfg.ServiceName) }

// Meter makes the service's own instruments.
func (t *Telemetry) Meter() metric.Meter { return t.metrics.provider.Meter(t.cfg.ServiceName) }

// TracerProvider is for instrumentation libraries.
func (t *Telemetry) TracerProvider() trace.TracerProvider { return t.spans }

// MeterProvider is for instrumentation libraries.
func (t *Telemetry) MeterProvider() metric.MeterProvider { return t.metrics.provider }

// MetricsHandler serves the metrics in Prometheus's text format, or in
// OpenMetrics with exemplars when asked for it. Without metrics it answers 404.
func (t *Telemetry) MetricsHandler() http.Handler { return t.metrics.handler }
