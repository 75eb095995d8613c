package telemetry

import (
	"context"
	"log/slog"
	"slices"
)

// contextHandler adds attributes from the context to each record, at the top
// level whatever groups the logger is in.
type contextHandler struct {
	slog.Handler
	// attrs appends what the context has to offer.
	attrs func(context.Context, []slog.Attr) []slog.Attr

	// Within a group: the handler before the first group was opened, and how to
	// get from there to Handler.
	root slog.Handler
	path []func(slog.Handler) slog.Handler
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
