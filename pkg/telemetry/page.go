package telemetry

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/sentry"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/tracing"
)

// PageSpan is a span that a page in a browser measured. Its IDs are the page's, because requests and other spans name them.
type PageSpan struct {
	TraceID    trace.TraceID
	SpanID     trace.SpanID
	ParentID   trace.SpanID // zero for the first of a trace
	Name       string
	Kind       trace.SpanKind
	Start, End time.Time
	Attributes []attribute.KeyValue
	Failed     bool
}

// PassOn exports a span of a page as one of the service `driftsentry-console`. It is sampled as the traces of this service are, so that a
// trace is kept whole or not at all.
func (t *Telemetry) PassOn(s PageSpan) {
	ctx := tracing.WithIDs(context.Background(), s.TraceID, s.SpanID)
	if s.ParentID.IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: s.TraceID, SpanID: s.ParentID, Remote: true}))
	}
	_, span := t.pages.Tracer("console").Start(ctx, s.Name, trace.WithSpanKind(s.Kind), trace.WithTimestamp(s.Start), trace.WithAttributes(s.Attributes...))
	if s.Failed {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(s.End))
}

// PageError is an error that a page in a browser did not handle.
type PageError struct {
	// TraceID and SpanID are those of its span.
	TraceID       trace.TraceID
	SpanID        trace.SpanID
	Type, Message string
	// Stack is places in the page's files, as in main.js:1:20, innermost first.
	Stack  []string
	UserID string
}

// ReportPage reports an error of a page: one log line, and one event in Sentry. Users choose what their browsers say, so pages have a limit
// of their own, and never use up the events of this service.
func (t *Telemetry) ReportPage(e PageError) {
	ctx := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: e.TraceID, SpanID: e.SpanID}))
	t.logger.LogAttrs(ctx, slog.LevelWarn, "error in the console", slog.String("error.type", e.Type), slog.String("error.message", e.Message),
		slog.String("error.stack", strings.Join(e.Stack, "\n")), slog.String("userId", e.UserID))
	t.sentry.CapturePage(ctx, sentry.PageError{Type: e.Type, Message: e.Message, Stack: e.Stack, UserID: e.UserID})
}
