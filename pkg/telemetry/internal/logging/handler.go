package logging

import (
	"context"
	"log/slog"
)

// FanOut hands a line to several handlers, or to the one there is without a copy.
func FanOut(handlers ...slog.Handler) slog.Handler {
	if len(handlers) == 1 {
		return handlers[0]
	}
	return slog.NewMultiHandler(handlers...)
}

// AtLeast drops what is less severe than the level. It decides once for all
// handlers behind it.
func AtLeast(level slog.Leveler, next slog.Handler) slog.Handler { return levelHandler{next, level} }

type levelHandler struct {
	slog.Handler
	level slog.Leveler
}

func (h levelHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

func (h levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelHandler{h.Handler.WithAttrs(attrs), h.level}
}

func (h levelHandler) WithGroup(name string) slog.Handler {
	return levelHandler{h.Handler.WithGroup(name), h.level}
}
