// Package telemetry gives a service its traces, metrics, logs and error
// reports, so that each signal leads to the others: the trace ID is the
// correlation ID of the response, of every log line, of the exemplars on
// /metrics and of the Sentry event.
//
//	request ─▶ HTTP middleware ─▶ handler
//	             │ span, route, access line, request metrics, panics
//	             ▼
//	spans ──redact──▶ batch ──OTLP gRPC──▶ collector
//	slog  ──redact──┬▶ batch ──OTLP gRPC──▶ collector
//	                ├▶ bounded asynchronous writer ──▶ stdout, file
//	                └▶ breadcrumbs of the request ──▶ Sentry, with the error
//	metrics ◀──scrape── Prometheus
//
// Telemetry is harmless: nothing in here blocks, fails or slows its caller.
// Every queue is bounded; what does not fit is dropped and counted. A
// collector that hangs, a pipe that nobody reads and a Sentry that does not
// answer change no response, and [Telemetry.Shutdown] always returns in time.
//
// It knows nothing of the service that uses it; the example shows the ten
// lines that a new service needs.
package telemetry
