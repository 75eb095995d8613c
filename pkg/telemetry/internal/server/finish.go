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
	name := spanMethod(r.Method) + " " + route
	if req.Span.IsRecording() {
		req.Span.SetName(name)
		req.Span.SetAttributes(semconv.HTTPRoute(route))
		if failure.Code != "" {
			req.Span.SetAttributes(attribute.String("error.code", failure.Code))
		}
		if res.status >= http.StatusInternalServerError {
			req.Span.SetAttributes(semconv.ErrorTypeKey.String(cmp.Or(failure.Code, strconv.Itoa(res.status))))
		}
	}
	m.Instruments.Requests.Add(ctx, 1, m.labels.of(methodName(r.Method), route, res.status))
	if failure.Code != "" {
		m.Instruments.Errors.Add(ctx, 1, metric.WithAttributeSet(attribute.NewSet(
			attribute.String("code", failure.Code), attribute.String("path", route))))
	}
	unreported := failure.Unexpected && origin.First(failure.Err)
	userID, lines := req.History() // before the access line becomes a breadcrumb
	m.logAccess(ctx, res, r, route, failure, took)
	if !failure.Unexpected {
		return
	}
	origin.Record(req.Span, failure.Err)
	if unreported {
		m.Sentry.Capture(ctx, failure.Err, sentry.Circumstances{
			Transaction: name, UserID: userID, Lines: lines,
			Tags: map[string]string{
				"http.request.method": methodName(r.Method), "http.route": route, "error.code": failure.Code,
				"http.response.status_code": strconv.Itoa(res.status),
			},
		})
	}
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
