// Package server is the HTTP middleware: it gives a request its span, its
// correlation headers, its access line and metrics.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/trace"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/flight"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/metrics"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/profile"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/request"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/sentry"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/tracing"
)

// Signals are where the middleware's signals go.
type Signals struct {
	Spans       oteltrace.TracerProvider
	Meters      metric.MeterProvider
	Instruments metrics.Instruments
	Logger      *slog.Logger
	Sentry      *sentry.Reporter // may be nil
	Flight      *flight.Recorder // may be nil
	Profiles    *profile.Profiles
	// Report reports an unexpected error of a request that has no access line.
	Report func(context.Context, error, ...slog.Attr)
	// SlowRequest is the duration from which a request is logged as a warning.
	SlowRequest time.Duration
	// LatencyObjective is the duration over which a request counts as late.
	LatencyObjective time.Duration
}

// Middleware makes the middleware.
func Middleware(signals Signals, options Options) func(http.Handler) http.Handler {
	m := middleware{Signals: signals, options: options.withDefaults(), labels: new(labelCache)}
	instrument := otelhttp.NewMiddleware("",
		otelhttp.WithTracerProvider(m.Spans),
		otelhttp.WithMeterProvider(m.Meters),
		// The headers were read by receive already.
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()),
		otelhttp.WithPublicEndpointFn(func(r *http.Request) bool { return !request.From(r.Context()).Trusted }),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return spanMethod(r.Method) }),
	)
	return func(next http.Handler) http.Handler {
		m := m
		m.next = next
		m.instrumented = instrument(http.HandlerFunc(m.serve))
		return m
	}
}

type middleware struct {
	Signals
	options      Options
	labels       *labelCache
	next         http.Handler
	instrumented http.Handler
}

func (m middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, req := m.receive(r)
	if req.Quiet {
		m.serve(w, r.WithContext(quietContext(ctx, req)))
	} else {
		active := activeLabels(r)
		m.Instruments.Active.Add(ctx, 1, active)
		m.instrumented.ServeHTTP(w, r.WithContext(ctx))
		m.Instruments.Active.Add(ctx, -1, active)
	}
	if req.Aborted {
		// Only now, since otelhttp records nothing of a request that panics.
		panic(http.ErrAbortHandler)
	}
}

// correlationHeader is X-Correlation-ID as net/http spells it, which saves two
// conversions per request.
const correlationHeader = "X-Correlation-Id"

// receive decides what of the caller's context is believed.
func (m middleware) receive(r *http.Request) (context.Context, *request.Request) {
	req := &request.Request{Trusted: m.options.Trusted(r), Quiet: m.options.Quiet(r)}
	ctx := request.With(r.Context(), req)
	ctx = otelhttp.ContextWithLabeler(ctx, &req.Labels)
	// Of a stranger this becomes a link. Baggage is not read at all.
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))

	sent := r.Header.Get(correlationHeader)
	if sent == "" {
		return ctx, req
	}
	id, ok := tracing.ParseTraceID(sent)
	if ok && req.Trusted && !oteltrace.SpanContextFromContext(ctx).IsValid() {
		req.WantedID = id
	} else if printable(sent) {
		req.CorrelationID = sent
	}
	return ctx, req
}

// quietContext gives a quiet request its IDs without a span: those of a trusted
// caller, or new ones.
func quietContext(ctx context.Context, req *request.Request) context.Context {
	var ids tracing.IDs
	traceID := oteltrace.SpanContextFromContext(ctx).TraceID()
	if !req.Trusted || !traceID.IsValid() {
		traceID, _ = ids.NewIDs(ctx)
	}
	return oteltrace.ContextWithSpanContext(ctx, oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: traceID, SpanID: ids.NewSpanID(ctx, traceID),
	}))
}

// serve runs inside otelhttp, where the span exists and where a panic can still
// become a status that otelhttp sees.
func (m middleware) serve(w http.ResponseWriter, r *http.Request) {
	start, ctx := time.Now(), r.Context()
	req := request.From(ctx)
	req.Span = oteltrace.SpanFromContext(ctx)

	sc := req.Span.SpanContext()
	id := sc.TraceID().String()
	w.Header().Set(correlationHeader, id)
	w.Header().Set("Server-Timing", `traceparent;desc="`+tracing.Format(sc)+`"`)

	if req.Span.IsRecording() {
		// otelhttp believes X-Forwarded-For, which any client can send.
		attrs := append(make([]attribute.KeyValue, 0, 2), semconv.ClientAddress(m.options.ClientAddress(r)))
		if req.CorrelationID != "" {
			attrs = append(attrs, attribute.String("correlation_id", req.CorrelationID))
		}
		req.Span.SetAttributes(attrs...)
	}
	if !req.Quiet {
		m.logStart(ctx, r)
	}
	res := &response{ResponseWriter: w, ctx: ctx}
	m.profiled(r, req, func() {
		m.flown(ctx, id, func() { m.handle(res, r, req) })
		m.finish(res, r, req, time.Since(start))
	})
}

// profiled runs a request so that profiles of the processor show its route.
func (m middleware) profiled(r *http.Request, req *request.Request, run func()) {
	if req.Quiet || !m.Profiles.Wanted() {
		run()
		return
	}
	if m.Profiles.Pushed() && req.Span.IsRecording() {
		// Grafana looks for it, for the way from a trace to its profile.
		req.Span.SetAttributes(attribute.String("pyroscope.profile.id", req.Span.SpanContext().SpanID().String()))
	}
	m.Profiles.Do(r.Context(), spanMethod(r.Method)+" "+routeAhead(r), run)
}

// flown runs a request so that an execution trace shows where it is: a region, and
// its trace ID.
func (m middleware) flown(ctx context.Context, traceID string, run func()) {
	if m.Flight == nil {
		run()
		return
	}
	defer trace.StartRegion(ctx, "request").End()
	trace.Log(ctx, "trace_id", traceID)
	run()
}

// printable reports whether s is a correlation ID worth keeping: 1 to 128
// printable ASCII characters.
func printable(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
