package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Report tells of an unexpected error that no request will answer for: one log
// line with the stack of its origin, the context's span set to error and one
// event in Sentry. The same error is reported once.
func (t *Telemetry) Report(ctx context.Context, err error, attrs ...slog.Attr) {
	if err == nil {
		return
	}
	err = withStack(err, 1)
	if !firstReport(err) {
		return
	}
	// Taken before the line itself becomes one of the breadcrumbs.
	rep := requestFrom(ctx).report()
	t.logger.LogAttrs(ctx, slog.LevelError, "unexpected error", append(errorAttrs(err), attrs...)...)
	recordError(trace.SpanFromContext(ctx), err)

	rep.tags = make(map[string]string, len(attrs))
	for _, a := range attrs {
		if a, _ = t.redactor.attr(a); a.Value.Kind() == slog.KindString {
			rep.tags[a.Key] = a.Value.String()
		}
	}
	t.sentry.capture(ctx, err, rep)
}

// errorAttrs describe an unexpected error on a log line.
func errorAttrs(err error) []slog.Attr {
	attrs := []slog.Attr{slog.String("error.message", err.Error()), slog.String("error.type", errorType(err))}
	if stack := origin(err); len(stack) > 0 {
		attrs = append(attrs, slog.String("error.stack", formatStack(stack)))
	}
	return attrs
}

// recordError puts an unexpected error on a span.
func recordError(span trace.Span, err error) {
	if !span.IsRecording() {
		return
	}
	// By hand, because RecordError would name the type of our wrapper.
	span.AddEvent(semconv.ExceptionEventName, trace.WithAttributes(
		semconv.ExceptionType(errorType(err)),
		semconv.ExceptionMessage(err.Error()),
		semconv.ExceptionStacktrace(formatStack(origin(err))),
	))
	span.SetStatus(codes.Error, err.Error())
}

// errorType names the kind of an error: the type of the innermost one, since the
// outer ones only say on what way it came.
func errorType(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	if isPanic(err) {
		return "panic" // with a value that is no error
	}
	// A database has one type for everything that can go wrong in it.
	if state, ok := err.(interface{ SQLState() string }); ok {
		return fmt.Sprintf("%T %s", err, state.SQLState())
	}
	return fmt.Sprintf("%T", err)
}

func isPanic(err error) bool {
	_, ok := errors.AsType[panicError](err)
	return ok
}
