package tracing

import (
	"context"
	"encoding/hex"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TraceID is the trace ID of the context's span as 32 hexadecimal digits, ""
// without a span. It is the correlation ID.
func TraceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}

// Traceparent is the W3C traceparent of the context's span, "" without one. It
// can be stored with an event, for LocalParent to restore.
func Traceparent(ctx context.Context) string {
	return Format(trace.SpanContextFromContext(ctx))
}

// Format writes a traceparent, "" for a context that is not valid.
func Format(sc trace.SpanContext) string {
	if !sc.IsValid() {
		return ""
	}
	traceID, spanID, flags := sc.TraceID(), sc.SpanID(), sc.TraceFlags()&trace.FlagsSampled
	b := make([]byte, 0, len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-00"))
	b = hex.AppendEncode(append(b, "00-"...), traceID[:])
	b = hex.AppendEncode(append(b, '-'), spanID[:])
	return string(hex.AppendEncode(append(b, '-'), []byte{byte(flags)}))
}

// LocalParent restores a stored traceparent as the context's span. It counts as
// local, because this system made it: its sampled flag holds, where that of a
// caller does not. A malformed value leaves the context as it is.
func LocalParent(ctx context.Context, traceparent string) context.Context {
	carrier := propagation.MapCarrier{"traceparent": traceparent}
	sc := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
	if !sc.IsValid() {
		return ctx
	}
	return trace.ContextWithSpanContext(ctx, sc.WithRemote(false))
}
