// Package telemetry gives a service its traces, metrics, logs and error reports.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

type Config struct {
	ServiceName, Version, Commit, Environment string

	InstanceID      string
	Disabled        bool
	SampleRatio     float64
	Log             LogConfig
	Metrics         bool
	SlowRequest     time.Duration
	Sentry          SentryConfig
	Redact          []string
	RedactPatterns  []string
	Resource        []attribute.KeyValue
	ShutdownTimeout time.Duration

	SpanExporter sdktrace.SpanExporter
	LogExporter  sdklog.Exporter
}

type LogConfig struct {
	Level  slog.Level
	Format string
	Output io.Writer
	File   string
}

type SentryConfig struct {
	DSN, Release, Environment string
	MaxEventsPerMinute        int
}

type Telemetry struct {
	cfg    Config
	logger *slog.Logger
	tp     *sdktrace.TracerProvider
	mp     metric.MeterProvider
}

func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	if cfg.Log.Output == nil {
		cfg.Log.Output = os.Stdout
	}
	tp := sdktrace.NewTracerProvider()
	otel.SetTracerProvider(tp)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return &Telemetry{cfg: cfg, logger: slog.New(slog.NewJSONHandler(cfg.Log.Output, &slog.HandlerOptions{Level: cfg.Log.Level})), tp: tp, mp: metricnoop.NewMeterProvider()}, nil
}

func (t *Telemetry) Shutdown(ctx context.Context) error { return t.tp.Shutdown(ctx) }
func (t *Telemetry) Flush(ctx context.Context) error    { return t.tp.ForceFlush(ctx) }
func (t *Telemetry) Logger() *slog.Logger               { return t.logger }
func (t *Telemetry) Tracer() trace.Tracer               { return t.tp.Tracer(t.cfg.ServiceName) }
func (t *Telemetry) Meter() metric.Meter                { return t.mp.Meter(t.cfg.ServiceName) }
func (t *Telemetry) TracerProvider() trace.TracerProvider {
	return t.tp
}
func (t *Telemetry) MeterProvider() metric.MeterProvider { return t.mp }
func (t *Telemetry) MetricsHandler() http.Handler        { return http.NotFoundHandler() }

func SampleRatioFromEnv() (float64, error) {
	if v := os.Getenv("OTEL_TRACES_SAMPLER_ARG"); v != "" {
		return strconv.ParseFloat(v, 64)
	}
	return 1, nil
}

type HTTPOptions struct {
	Trusted       func(*http.Request) bool
	Quiet         func(*http.Request) bool
	Route         func(*http.Request) string
	Panic         func(http.ResponseWriter, *http.Request, error)
	ClientAddress func(*http.Request) string
}

func (t *Telemetry) HTTP(HTTPOptions) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, span := t.Tracer().Start(r.Context(), r.Method)
			defer span.End()
			w.Header().Set("X-Correlation-ID", TraceID(ctx))
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

func (t *Telemetry) Report(ctx context.Context, err error, attrs ...slog.Attr) {
	t.logger.LogAttrs(ctx, slog.LevelError, err.Error(), attrs...)
}
func (t *Telemetry) Recover(ctx context.Context)               { recover() }
func (t *Telemetry) RecoverTo(ctx context.Context, err *error) { recover() }

func SetUser(ctx context.Context, userID, accountID, role string)           {}
func SetError(ctx context.Context, code string, err error, unexpected bool) {}
func Traceparent(ctx context.Context) string                                { return "" }
func LocalParent(ctx context.Context, traceparent string) context.Context   { return ctx }
func WithStack(err error) error                                             { return err }

func TraceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}

const (
	LevelTrace = slog.Level(-8)
	LevelFatal = slog.Level(12)
)

func ParseLevel(s string) (slog.Level, error) { var l slog.Level; return l, l.UnmarshalText([]byte(s)) }
