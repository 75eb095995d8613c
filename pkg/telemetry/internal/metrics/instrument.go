package metrics

import (
	"fmt"

	"go.opentelemetry.io/otel/metric"
)

// Instruments are what the package itself counts.
type Instruments struct {
	Requests     metric.Int64Counter // http_requests_total
	Errors       metric.Int64Counter // errors_total
	ExportErrors metric.Int64Counter
	SentryEvents metric.Int64Counter
}

// NewInstruments makes them.
func NewInstruments(m metric.Meter) (Instruments, error) {
	var (
		i    Instruments
		errs [4]error
	)
	i.Requests, errs[0] = m.Int64Counter("http.requests",
		metric.WithDescription("Requests answered, by route."), metric.WithUnit("{request}"))
	i.Errors, errs[1] = m.Int64Counter("errors",
		metric.WithDescription("Errors answered, by code and route."), metric.WithUnit("{error}"))
	i.ExportErrors, errs[2] = m.Int64Counter("telemetry.export.errors",
		metric.WithDescription("Errors that the OpenTelemetry SDK reported."), metric.WithUnit("{error}"))
	i.SentryEvents, errs[3] = m.Int64Counter("telemetry.sentry.events",
		metric.WithDescription("Events for Sentry by outcome: sent, failed, limited."), metric.WithUnit("{event}"))
	for _, err := range errs {
		if err != nil {
			return Instruments{}, fmt.Errorf("make an instrument: %w", err)
		}
	}
	return i, nil
}
