package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/flight"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/origin"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/request"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/sentry"
)

// finish decides what the request was and tells every signal.
func (m middleware) finish(res *response, r *http.Request, req *request.Request, took time.Duration) {
	// It may be cancelled by now, which nothing below minds: what happened is
	// recorded whether or not the client is still there.
	ctx := r.Context()
	failure := req.Failed()
	if failure.Unexpected && res.clientGone() && errors.Is(failure.Err, context.Canceled) {
		failure.Unexpected = false // the client's doing
	}
	if res.status == 0 && !req.Quiet {
		m.conclude(res, req)
	}
	if req.Quiet {
		if failure.Unexpected {
			m.Report(ctx, origin.Note(failure.Err, 0))
		}
		return
	}

	route := m.options.Route(r)
	if route == "" {
		route = unmatched
	}
	// Set by the router; otelhttp would name span and metric after it once more.
	r.Pattern = ""
	req.Labels.Add(semconv.HTTPRoute(route))
	failed := res.status >= http.StatusInternalServerError
	errorType := semconv.ErrorTypeKey.String(cmp.Or(failure.Code, strconv.Itoa(res.status)))
	if failed {
		req.Labels.Add(errorType)
	}
	name := spanMethod(r.Method) + " " + route
	executionTrace := m.keepTrace(ctx, failure, took)
	if req.Span.IsRecording() {
		req.Span.SetName(name)
		req.Span.SetAttributes(semconv.HTTPRoute(route))
		if failure.Code != "" {
			req.Span.SetAttributes(attribute.String("error.code", failure.Code))
		}
		if failed {
			req.Span.SetAttributes(errorType)
		}
		if executionTrace != "" {
			req.Span.SetAttributes(attribute.String(executionTraceKey, executionTrace))
		}
	}
	m.Instruments.Requests.Add(ctx, 1, m.labels.of(methodName(r.Method), route, res.status))
	if took > m.LatencyObjective && res.status < http.StatusInternalServerError && res.status != statusClientGone {
		m.Instruments.Late.Add(ctx, 1, metric.WithAttributes(attribute.String("path", route)))
	}
	if failure.Code != "" {
		m.Instruments.Errors.Add(ctx, 1, metric.WithAttributeSet(attribute.NewSet(
			attribute.String("code", failure.Code), attribute.String("path", route))))
	}
	unreported := failure.Unexpected && origin.First(failure.Err)
	userID, lines := req.History() // before the access line becomes a breadcrumb
	m.logAccess(ctx, res, r, route, failure, took, executionTrace)
	if !failure.Unexpected {
		return
	}
	origin.Record(req.Span, failure.Err)
	if unreported {
		m.Sentry.Capture(ctx, failure.Err, sentry.Circumstances{
			Transaction: name, UserID: userID, Lines: lines, ExecutionTrace: executionTrace,
			Tags: map[string]string{
				"http.request.method": methodName(r.Method), "http.route": route, "error.code": failure.Code,
				"http.response.status_code": strconv.Itoa(res.status),
			},
		})
	}
}

// executionTraceKey is where span and access line say that there is one.
const executionTraceKey = "driftsentry.execution_trace"

// keepTrace has the execution trace of a slow request, or of one that panicked,
// written down. It gives its path, "" when there is none.
func (m middleware) keepTrace(ctx context.Context, failure request.Failure, took time.Duration) string {
	switch {
	case failure.Unexpected && origin.IsPanic(failure.Err):
		return m.Flight.Keep(ctx, flight.Panic)
	case took >= m.SlowRequest:
		return m.Flight.Keep(ctx, flight.Slow)
	}
	return ""
}

// conclude gives a status to a response whose header the handler did not write.
func (m middleware) conclude(res *response, req *request.Request) {
	switch {
	case res.clientGone():
		res.WriteHeader(statusClientGone)
	case req.Aborted:
		res.WriteHeader(http.StatusInternalServerError)
	default:
		res.status = http.StatusOK // as net/http will
	}
}
