package logging

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"
)

type contextHandler struct {
	slog.Handler
	attrs func(context.Context, []slog.Attr) []slog.Attr

	// Within a group: the handler before the first group was opened, and how to
	// get from there to Handler.
	root slog.Handler
	path []func(slog.Handler) slog.Handler
}

// WithContext adds attributes from the context to each record, at the top level
// whatever groups the logger is in. attrs appends what the context has to offer.
func WithContext(next slog.Handler, attrs func(context.Context, []slog.Attr) []slog.Attr) slog.Handler {
	return contextHandler{Handler: next, attrs: attrs}
}

func (h contextHandler) Handle(ctx context.Context, r slog.Record) error {
	var buf [6]slog.Attr
	attrs := h.attrs(ctx, buf[:0])
	switch {
	case len(attrs) == 0:
		return h.Handler.Handle(ctx, r)
	case h.root == nil:
		r = r.Clone()
		r.AddAttrs(attrs...)
		return h.Handler.Handle(ctx, r)
	}
	handler := h.root.WithAttrs(attrs)
	for _, step := range h.path {
		handler = step(handler)
	}
	return handler.Handle(ctx, r)
}

func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) }, h.root)
}

func (h contextHandler) WithGroup(name string) slog.Handler {
	root := h.root
	if root == nil {
		root = h.Handler
	}
	return h.with(func(next slog.Handler) slog.Handler { return next.WithGroup(name) }, root)
}

func (h contextHandler) with(step func(slog.Handler) slog.Handler, root slog.Handler) slog.Handler {
	h.Handler, h.root = step(h.Handler), root
	if root != nil {
		h.path = append(slices.Clip(h.path), step)
	}
	return h
}

// traceAttrs are for written lines only; OTLP has fields of its own for them.
func traceAttrs(ctx context.Context, attrs []slog.Attr) []slog.Attr {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return attrs
	}
	return append(attrs, slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
}
