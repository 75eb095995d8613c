package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// metrics is the meter provider and its Prometheus side. Metrics are scraped,
// not pushed, so that a service that is gone shows as such.
type metrics struct {
	provider metric.MeterProvider
	handler  http.Handler
	shutdown func(context.Context) error
}

func newMetrics(cfg Config, res *resource.Resource) (metrics, error) {
	if !cfg.Metrics {
		return metrics{noop.NewMeterProvider(), http.NotFoundHandler(), func(context.Context) error { return nil }}, nil
	}
	// The SDK's own metrics (queue sizes, dropped spans, failed exports) are
	// behind this switch, which is read when a provider is made.
	if _, set := os.LookupEnv(observability); !set {
		if err := os.Setenv(observability, "true"); err != nil {
			return metrics{}, fmt.Errorf("turn on the SDK's metrics: %w", err)
		}
	}
	registry := prometheus.NewRegistry()
	reader, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registry),
		otelprometheus.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes),
		otelprometheus.WithoutScopeInfo(),
	)
	if err != nil {
		return metrics{}, fmt.Errorf("make the Prometheus exporter: %w", err)
	}
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithResource(res), sdkmetric.WithReader(reader), sdkmetric.WithView(views()...))
	if err := runtime.Start(runtime.WithMeterProvider(provider)); err != nil {
		return metrics{}, fmt.Errorf("start the runtime metrics: %w", err)
	}
	// CPU, memory, descriptors and start time of the process, for which there is
	// no OTel instrumentation.
	if err := registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})); err != nil {
		return metrics{}, fmt.Errorf("register the process metrics: %w", err)
	}
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		// One series that cannot be exported must not hide the others.
		ErrorHandling: promhttp.ContinueOnError,
		// Only this format has exemplars.
		EnableOpenMetrics: true,
	})
	return metrics{provider, handler, provider.Shutdown}, nil
}

const observability = "OTEL_GO_X_OBSERVABILITY"

// instruments are what the package itself counts.
type instruments struct {
	requests     metric.Int64Counter // http_requests_total
	errors       metric.Int64Counter // errors_total
	exportErrors metric.Int64Counter
	sentryEvents metric.Int64Counter
}

func newInstruments(m metric.Meter) (instruments, error) {
	var (
		i    instruments
		errs [4]error
	)
	i.requests, errs[0] = m.Int64Counter("http.requests",
		metric.WithDescription("Requests answered, by route."), metric.WithUnit("{request}"))
	i.errors, errs[1] = m.Int64Counter("errors",
		metric.WithDescription("Errors answered, by code and route."), metric.WithUnit("{error}"))
	i.exportErrors, errs[2] = m.Int64Counter("telemetry.export.errors",
		metric.WithDescription("Errors that the OpenTelemetry SDK reported."), metric.WithUnit("{error}"))
	i.sentryEvents, errs[3] = m.Int64Counter("telemetry.sentry.events",
		metric.WithDescription("Events for Sentry by outcome: sent, failed, limited."), metric.WithUnit("{event}"))
	for _, err := range errs {
		if err != nil {
			return instruments{}, fmt.Errorf("make an instrument: %w", err)
		}
	}
	return i, nil
}
