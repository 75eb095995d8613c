package telemetry

import (
	"context"
	"errors"
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/crash"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/origin"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/request"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/sentry"
)

// Report reports an unexpected error that belongs to no request: one log
// line with the stack of its origin, the context's span set to error and one
// event in Sentry. The same error is reported once.
func (t *Telemetry) Report(ctx context.Context, err error, attrs ...slog.Attr) {
	if err == nil {
		return
	}
	err = origin.Note(err, 1)
	if !origin.First(err) {
		return
	}
	// Taken before the line itself becomes one of the breadcrumbs.
	userID, lines := request.From(ctx).History()
	t.logger.LogAttrs(ctx, slog.LevelError, "unexpected error", append(origin.Attrs(err), attrs...)...)
	origin.Record(trace.SpanFromContext(ctx), err)

	tags := make(map[string]string, len(attrs))
	for _, a := range attrs {
		if a, _ = t.redactor.Attr(a); a.Value.Kind() == slog.KindString {
			tags[a.Key] = a.Value.String()
		}
	}
	t.sentry.Capture(ctx, err, sentry.Circumstances{Tags: tags, UserID: userID, Lines: lines})
}

// RecoverTo stops a panic when it is deferred by a function that returns an
// error, which is set to the panic's. The caller decides how to handle it, so it
// is not reported here.
func RecoverTo(err *error) {
	if v := recover(); v != nil {
		*err = origin.Recovered(v)
	}
}

// WithStack notes the caller's stack on the error, unless one of the errors it
// wraps already has one. Call it where an unexpected error first appears; nil
// stays nil.
func WithStack(err error) error {
	if err == nil {
		return nil
	}
	return origin.Note(err, 1)
}

// reportCrash tells how an earlier process ended that could not tell itself; nil
// when it ended well.
func (t *Telemetry) reportCrash(ctx context.Context, last *crash.Last) {
	if last == nil {
		return
	}
	err := errors.New(last.Message())
	t.logger.LogAttrs(ctx, slog.LevelError, "the previous run crashed",
		slog.String("error.message", err.Error()), slog.String("error.type", "crash"),
		slog.String("error.stack", last.Output), slog.Time("crashedAt", last.At.UTC()))
	t.sentry.CaptureCrash(ctx, err.Error(), last.Output, last.At)
}
