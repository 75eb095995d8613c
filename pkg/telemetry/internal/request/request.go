// Package request is what telemetry knows of an HTTP request in whose context
// something happens: who makes it, how it failed, its last log lines. The server
// puts it into the context; every other room reads it there.
package request

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

// Request is what the middleware knows of the request in whose context it is,
// and what the handler told it. A nil Request takes everything and knows nothing.
type Request struct {
	// Set before the handler runs, and constant then.
	Trusted       bool
	Quiet         bool
	CorrelationID string     // what the caller sent that is no trace ID of ours
	Span          trace.Span // the server span

	Labels  otelhttp.Labeler // more attributes for otelhttp's metrics
	Aborted bool             // the connection is to be cut

	// WantedID is the trace ID that a trusted caller asked for, until the server
	// span has taken it.
	WantedID trace.TraceID

	// A handler may use several goroutines.
	mu                      sync.Mutex
	userID, accountID, role string
	failure                 Failure
	lines                   []Line
}

// Failure is how a request went wrong.
type Failure struct {
	Code       string
	Err        error
	Unexpected bool
}

type key struct{}

// With puts the request into a context.
func With(ctx context.Context, r *Request) context.Context { return context.WithValue(ctx, key{}, r) }

// From is the request in whose context this is, nil when there is none.
func From(ctx context.Context) *Request {
	req, _ := ctx.Value(key{}).(*Request)
	return req
}

// TakeWantedID gives the wanted trace ID once, and the zero ID afterwards.
func (r *Request) TakeWantedID() trace.TraceID {
	if r == nil || !r.WantedID.IsValid() {
		return trace.TraceID{}
	}
	id := r.WantedID
	r.WantedID = trace.TraceID{}
	return id
}

// SetUser tells who makes the request.
func (r *Request) SetUser(userID, accountID, role string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.userID, r.accountID, r.role = userID, accountID, role
	r.mu.Unlock()
	if userID != "" {
		r.Span.SetAttributes(semconv.UserID(userID))
	}
}

// SetError tells how the request failed. The last call counts.
func (r *Request) SetError(code string, err error, unexpected bool) {
	if r == nil {
		return
	}
	if unexpected && err == nil {
		err = errors.New(code)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failure = Failure{code, err, unexpected}
}

// Failed is how the request has failed so far.
func (r *Request) Failed() Failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

func (r *Request) addLine(l Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) == maxLines {
		r.lines = slices.Delete(r.lines, 0, 1)
	}
	r.lines = append(r.lines, l)
}

// History is what the request adds to the report of its error: who made it, and
// its log lines so far.
func (r *Request) History() (userID string, lines []Line) {
	if r == nil {
		return "", nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.userID, slices.Clone(r.lines)
}

// Attrs appends the attributes that a request gives to each of its log lines.
func Attrs(ctx context.Context, attrs []slog.Attr) []slog.Attr {
	r := From(ctx)
	if r == nil {
		return attrs
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range [...]slog.Attr{
		slog.String("userId", r.userID),
		slog.String("accountId", r.accountID),
		slog.String("role", r.role),
		slog.String("correlation_id", r.CorrelationID),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	return attrs
}
