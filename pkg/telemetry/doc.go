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
// collector that hangs, a pipe without a reader and a Sentry that does not
// respond change no response, and [Telemetry.Shutdown] always returns in time.
//
// This package sets everything up and is all that a service sees. Each part is a
// room under internal:
//
//	server     the HTTP middleware: span, headers, access line, request metrics
//	request    what is known of the request in whose context something happens
//	tracing    spans, IDs, and which traces are kept
//	metrics    instruments, views, and the export to Prometheus
//	logging    log lines: levels, formats, outputs
//	redaction  masks secrets before anything leaves
//	otlp       exports spans and log records to the collector
//	sentry     reports unexpected errors
//	origin     where an unexpected error began
//	crash      keeps how the process ended when it could not report it
//	flight     keeps execution traces of what was slow
//	profile    takes profiles, and sends them to a Pyroscope
//	debugport  what operators do by hand with a running service
//	resource   describes the service
//	cut        ends exports that hang
//
// It knows nothing of the service that uses it; the example shows the ten
// lines that a new service needs.
package telemetry
