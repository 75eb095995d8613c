package metrics

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// Instruments are what telemetry itself counts.
type Instruments struct {
	Requests     metric.Int64Counter       // http_requests_total
	Errors       metric.Int64Counter       // errors_total
	Late         metric.Int64Counter       // http_requests_late_total
	Active       metric.Int64UpDownCounter // http_server_active_requests
	ExportErrors metric.Int64Counter
	SentryEvents metric.Int64Counter
	// ExecutionTraces counts those that were wanted, by outcome.
	ExecutionTraces metric.Int64Counter
}

// NewInstruments makes them. dropped tells how many lines each log output has
// dropped.
func NewInstruments(m metric.Meter, dropped func(tell func(output string, lines int64))) (Instruments, error) {
	in := instrument.From(m)
	in.ObservedCounter(TelemetryLogDropped, func(_ context.Context, o metric.Int64Observer) error {
		dropped(func(output string, lines int64) {
			o.Observe(lines, metric.WithAttributes(attribute.String("output", output)))
		})
		return nil
	})
	return Instruments{
		Requests:        in.Counter(HTTPRequests),
		Errors:          in.Counter(Errors),
		Late:            in.Counter(HTTPRequestsLate),
		Active:          in.UpDownCounter(HTTPServerActiveRequests),
		ExportErrors:    in.Counter(TelemetryExportErrors),
		SentryEvents:    in.Counter(TelemetrySentryEvents),
		ExecutionTraces: in.Counter(TelemetryExecutionTraces),
	}, in.Err()
}
