// Code generated from docs/telemetry/registry by TestRegistry of test/observability. DO NOT EDIT.

package metrics

import "github.com/driftsentry/driftsentry/pkg/telemetry/instrument"

// What the instruments are called and mean.
var (
	Errors                = instrument.Counter{Name: "errors", Unit: "{error}", Description: "Requests that ended with an error, by its code and route."}
	HTTPRequests          = instrument.Counter{Name: "http.requests", Unit: "{request}", Description: "Completed requests, by route."}
	TelemetryExportErrors = instrument.Counter{Name: "telemetry.export.errors", Unit: "{error}", Description: "Errors that the OpenTelemetry SDK reported."}
	TelemetryLogDropped   = instrument.Counter{Name: "telemetry.log.dropped", Unit: "{line}", Description: "Log lines dropped because an output was stuck or too slow."}
	TelemetrySentryEvents = instrument.Counter{Name: "telemetry.sentry.events", Unit: "{event}", Description: "Events for Sentry, by outcome: sent, failed, limited."}
)
