package telemetry

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

func (m middleware) logStart(ctx context.Context, r *http.Request) {
	if logger := m.telemetry.logger; logger.Enabled(ctx, slog.LevelDebug) {
		logger.LogAttrs(ctx, slog.LevelDebug, "request started",
			slog.String("method", methodName(r.Method)), slog.String("path", loggedPath(r)))
	}
}

// finish settles what the request was and tells every signal.
func (m middleware) finish(res *response, r *http.Request, req *request, took time.Duration) {
	// It may be cancelled by now, which nothing below minds: what happened is
	// recorded whether or not the client is still there.
	ctx := r.Context()
	failure := req.failed()
	if failure.unexpected && res.clientGone() && errors.Is(failure.err, context.Canceled) {
		failure.unexpected = false // the client's doing
	}
	if res.status == 0 && !req.quiet {
		m.settle(res, req)
	}
	if req.quiet {
		if failure.unexpected {
			m.telemetry.Report(ctx, failure.err)
		}
		return
	}

	route := m.options.Route(r)
	if route == "" {
		route = unmatched
	}
	// Set by the router; otelhttp would name span and metric after it once more.
	r.Pattern = ""
	req.labels.Add(semconv.HTTPRoute(route))
	name := spanMethod(r.Method) + " " + route
	if req.span.IsRecording() {
		req.span.SetName(name)
		req.span.SetAttributes(semconv.HTTPRoute(route))
		if failure.code != "" {
			req.span.SetAttributes(attribute.String("error.code", failure.code))
		}
		if res.status >= http.StatusInternalServerError {
			req.span.SetAttributes(semconv.ErrorTypeKey.String(cmp.Or(failure.code, strconv.Itoa(res.status))))
		}
	}
	m.telemetry.instruments.requests.Add(ctx, 1, m.labels.of(methodName(r.Method), route, res.status))
	if failure.code != "" {
		m.telemetry.instruments.errors.Add(ctx, 1, metric.WithAttributeSet(attribute.NewSet(
			attribute.String("code", failure.code), attribute.String("path", route))))
	}
	unreported := failure.unexpected && firstReport(failure.err)
	rep := req.report() // before the access line becomes a breadcrumb
	m.logAccess(ctx, res, r, route, failure, took)
	if !failure.unexpected {
		return
	}
	recordError(req.span, failure.err)
	if unreported {
		rep.transaction = name
		rep.tags = map[string]string{
			"http.request.method": methodName(r.Method), "http.route": route, "error.code": failure.code,
			"http.response.status_code": strconv.Itoa(res.status),
		}
		m.telemetry.sentry.capture(ctx, failure.err, rep)
	}
}

// settle gives a status to an answer whose header the handler did not write.
func (m middleware) settle(res *response, req *request) {
	switch {
	case res.clientGone():
		res.WriteHeader(statusClientGone)
	case req.aborted:
		res.WriteHeader(http.StatusInternalServerError)
	default:
		res.status = http.StatusOK // as net/http will
	}
}

// logAccess writes the request's one line.
func (m middleware) logAccess(ctx context.Context, res *response, r *http.Request, route string, failure failure, took time.Duration) {
	slow := took >= m.telemetry.cfg.SlowRequest
	level := slog.LevelInfo
	switch {
	case res.status >= http.StatusInternalServerError || failure.unexpected:
		level = slog.LevelError
	case res.status >= http.StatusBadRequest || slow:
		level = slog.LevelWarn
	}
	logger := m.telemetry.logger
	if !logger.Enabled(ctx, level) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 12),
		slog.String("method", methodName(r.Method)),
		slog.String("path", loggedPath(r)),
		slog.String("route", route),
		slog.Int("status", res.status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.Int64("bytes", res.bytes),
	)
	if slow {
		attrs = append(attrs, slog.Bool("slow", true))
	}
	if failure.code != "" {
		attrs = append(attrs, slog.String("error.code", failure.code))
	}
	if failure.unexpected {
		attrs = append(attrs, errorAttrs(failure.err)...)
	} else if failure.err != nil {
		// It may repeat what the client sent.
		attrs = append(attrs, slog.String("error.message", bounded(failure.err.Error())))
	}
	// Without the place in the code, which says nothing of a request and takes longer to find than the line to write.
	record := slog.NewRecord(time.Now(), level, "request", 0)
	record.AddAttrs(attrs...)
	_ = logger.Handler().Handle(ctx, record) // An output that fails has no better place to complain to.
}

// loggedPath is the path without its query.
func loggedPath(r *http.Request) string { return bounded(r.URL.Path) }

// maxFromClient bounds what a client can put into one field of a line.
const maxFromClient = 512

// bounded makes a text of the client's short and printable.
func bounded(s string) string {
	if len(s) > maxFromClient {
		s = strings.ToValidUTF8(s[:maxFromClient], "") + "…"
	}
	return visible(s)
}

// labelCache holds the label sets of http_requests_total, which are few: routes
// come from the code, methods are known ones.
type labelCache struct{ sets sync.Map }

type labels struct {
	method, route string
	status        int
}

func (c *labelCache) of(method, route string, status int) metric.MeasurementOption {
	key := labels{method, route, status}
	if set, ok := c.sets.Load(key); ok {
		return set.(metric.MeasurementOption)
	}
	set := metric.WithAttributeSet(attribute.NewSet(
		attribute.String("method", method), attribute.String("path", route), attribute.String("status", strconv.Itoa(status))))
	c.sets.Store(key, set)
	return set
}
