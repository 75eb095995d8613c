package origin

import (
	"errors"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Attrs describe an unexpected error on a log line.
func Attrs(err error) []slog.Attr {
	attrs := []slog.Attr{slog.String("error.message", err.Error()), slog.String("error.type", Type(err))}
	if stack := Stack(err); len(stack) > 0 {
		attrs = append(attrs, slog.String("error.stack", Format(stack)))
	}
	return attrs
}

// Record puts an unexpected error on a span.
func Record(span trace.Span, err error) {
	if !span.IsRecording() {
		return
	}
	// By hand, because RecordError would name the type of our wrapper.
	span.AddEvent(semconv.ExceptionEventName, trace.WithAttributes(
		semconv.ExceptionType(Type(err)),
		semconv.ExceptionMessage(err.Error()),
		semconv.ExceptionStacktrace(Format(Stack(err))),
	))
	span.SetStatus(codes.Error, err.Error())
}

// Type names the kind of an error: the type of the innermost one, since the
// outer ones only say on what way it came.
func Type(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	if IsPanic(err) {
		return "panic" // with a value that is no error
	}
	// A database has one type for everything that can go wrong in it.
	if state, ok := err.(interface{ SQLState() string }); ok {
		return fmt.Sprintf("%T %s", err, state.SQLState())
	}
	return fmt.Sprintf("%T", err)
}
