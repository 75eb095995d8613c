package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// request is what the middleware knows of the request in whose context it is,
// and what the handler told it. A nil request takes everything and knows nothing.
type request struct {
	// Set before the handler runs, and constant then.
	trusted       bool
	quiet         bool
	correlationID string     // what the caller sent that is no trace ID of ours
	span          trace.Span // the server span

	labels  otelhttp.Labeler // more attributes for otelhttp's metrics
	aborted bool             // the connection is to be cut

	// wantedID is the trace ID that a trusted caller asked for, until the server
	// span has taken it.
	wantedID trace.TraceID

	// A handler may use several goroutines.
	mu                      sync.Mutex
	userID, accountID, role string
	failure                 failure
	crumbs                  []crumb
}

// failure is how a request went wrong.
type failure struct {
	code       string
	err        error
	unexpected bool
}

type requestKey struct{}

func requestFrom(ctx context.Context) *request {
	req, _ := ctx.Value(requestKey{}).(*request)
	return req
}

func (r *request) takeWantedID() trace.TraceID {
	if r == nil || !r.wantedID.IsValid() {
		return trace.TraceID{}
	}
	id := r.wantedID
	r.wantedID = trace.TraceID{}
	return id
}

// SetUser tells who makes the request: from here on the log lines have userId,
// accountId and role, and the server span has user.id.
func SetUser(ctx context.Context, userID, accountID, role string) {
	r := requestFrom(ctx)
	if r == nil {
		return
	}
	r.mu.Lock()
	r.userID, r.accountID, r.role = userID, accountID, role
	r.mu.Unlock()
	if userID != "" {
		r.span.SetAttributes(semconv.UserID(userID))
	}
}

// SetError tells how the request failed. The code is on the access line and in
// errors_total. An unexpected error is also on the access line with the stack of
// its origin, on the span and, once, in Sentry. The last call counts.
func SetError(ctx context.Context, code string, err error, unexpected bool) {
	r := requestFrom(ctx)
	if r == nil {
		return
	}
	if unexpected && err == nil {
		err = errors.New(code)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failure = failure{code, err, unexpected}
}

// failed is how the request has failed so far.
func (r *request) failed() failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

func (r *request) addCrumb(c crumb) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.crumbs) == maxCrumbs {
		r.crumbs = slices.Delete(r.crumbs, 0, 1)
	}
	r.crumbs = append(r.crumbs, c)
}

// report is what the request adds to an error of it.
func (r *request) report() report {
	if r == nil {
		return report{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return report{userID: r.userID, crumbs: slices.Clone(r.crumbs)}
}

// requestAttrs are the attributes that a request gives to each of its lines.
func requestAttrs(ctx context.Context, attrs []slog.Attr) []slog.Attr {
	r := requestFrom(ctx)
	if r == nil {
		return attrs
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range [...]slog.Attr{
		slog.String("userId", r.userID),
		slog.String("accountId", r.accountID),
		slog.String("role", r.role),
		slog.String("correlation_id", r.correlationID),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	return attrs
}
