// Package metrics makes instruments and exports what they measure to Prometheus,
// which scrapes.
package metrics

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

// Metrics is the meter provider and its Prometheus side. Metrics are scraped,
// not pushed, so that a service that is gone shows as such.
type Metrics struct {
	Provider metric.MeterProvider
	Handler  http.Handler
	Shutdown func(context.Context) error
}

// None measures nothing; its handler responds with 404.
func None() Metrics {
	return Metrics{noop.NewMeterProvider(), http.NotFoundHandler(), func(context.Context) error { return nil }}
}

// New measures the process, the Go runtime and what the instruments of its
// provider record.
func New(res *resource.Resource) (Metrics, error) {
	// The SDK's own metrics (queue sizes, dropped spans, failed exports) are
	// behind this switch, which is read when a provider is made.
	if _, set := os.LookupEnv(observability); !set {
		if err := os.Setenv(observability, "true"); err != nil {
			return Metrics{}, fmt.Errorf("turn on the SDK's metrics: %w", err)
		}
	}
	registry := prometheus.NewRegistry()
	reader, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registry),
		otelprometheus.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes),
		otelprometheus.WithoutScopeInfo(),
	)
	if err != nil {
		return Metrics{}, fmt.Errorf("make the Prometheus exporter: %w", err)
	}
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithResource(res), sdkmetric.WithReader(reader), sdkmetric.WithView(views()...))
	if err := runtime.Start(runtime.WithMeterProvider(provider)); err != nil {
		return Metrics{}, fmt.Errorf("start the runtime metrics: %w", err)
	}
	// CPU, memory, descriptors and start time of the process, for which there is
	// no OTel instrumentation.
	if err := registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})); err != nil {
		return Metrics{}, fmt.Errorf("register the process metrics: %w", err)
	}
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		// One series that cannot be exported must not hide the others.
		ErrorHandling: promhttp.ContinueOnError,
		// Only this format has exemplars.
		EnableOpenMetrics: true,
	})
	return Metrics{provider, handler, provider.Shutdown}, nil
}

const observability = "OTEL_GO_X_OBSERVABILITY"
