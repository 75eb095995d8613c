// Code generated from docs/telemetry/registry by TestRegistry of test/prometheus/observability. DO NOT EDIT.

package metrics

import "github.com/driftsentry/driftsentry/pkg/telemetry/instrument"

// What the instruments are called and mean.
var (
	Errors                   = instrument.Counter{Name: "errors", Unit: "{error}", Description: "Requests that ended with an error, by its code and route."}
	HTTPRequests             = instrument.Counter{Name: "http.requests", Unit: "{request}", Description: "Completed requests, by route."}
	HTTPRequestsLate         = instrument.Counter{Name: "http.requests.late", Unit: "{request}", Description: "Successful requests that took longer than 500 ms, by route."}
	HTTPServerActiveRequests = instrument.UpDownCounter{Name: "http.server.active_requests", Unit: "{request}", Description: "Requests in flight."}
	TelemetryExecutionTraces = instrument.Counter{Name: "telemetry.execution_traces", Unit: "{trace}", Description: "Execution traces of slow requests and panics, by outcome: kept, limited (one was kept just before), failed.", Series: instrument.Each("outcome", "kept", "limited", "failed")}
	TelemetryExportErrors    = instrument.Counter{Name: "telemetry.export.errors", Unit: "{error}", Description: "Errors that the OpenTelemetry SDK reported.", Series: instrument.Alone()}
	TelemetryLogDropped      = instrument.Counter{Name: "telemetry.log.dropped", Unit: "{line}", Description: "Log lines dropped because an output was stuck or too slow."}
	TelemetrySentryEvents    = instrument.Counter{Name: "telemetry.sentry.events", Unit: "{event}", Description: "Events for Sentry, by outcome: sent, failed, limited.", Series: instrument.Each("outcome", "sent", "failed", "limited")}
)
