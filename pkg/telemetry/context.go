package telemetry

import (
	"context"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/request"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/tracing"
)

// TraceID is the trace ID of the context's span as 32 hexadecimal digits, ""
// without a span. It is the correlation ID.
func TraceID(ctx context.Context) string { return tracing.TraceID(ctx) }

// TraceIDOf is the trace ID of a stored traceparent, "" when that is malformed.
func TraceIDOf(traceparent string) string {
	return TraceID(LocalParent(context.Background(), traceparent))
}

// Traceparent is the W3C traceparent of the context's span, "" without one. It
// can be stored with an event, for LocalParent to restore.
func Traceparent(ctx context.Context) string { return tracing.Traceparent(ctx) }

// LocalParent restores a stored traceparent as the context's span. It counts as
// local, because this system made it: its sampled flag holds, where that of a
// caller does not. A malformed value leaves the context as it is.
func LocalParent(ctx context.Context, traceparent string) context.Context {
	return tracing.LocalParent(ctx, traceparent)
}

// SetUser tells who makes the request: from here on the log lines have userId,
// accountId and role, and the server span has user.id.
func SetUser(ctx context.Context, userID, accountID, role string) {
	request.From(ctx).SetUser(userID, accountID, role)
}

// SetError tells how the request failed. The code is on the access line and in
// errors_total. An unexpected error is also on the access line with the stack of
// its origin, on the span and, once, in Sentry. The last call counts.
func SetError(ctx context.Context, code string, err error, unexpected bool) {
	request.From(ctx).SetError(code, err, unexpected)
}
