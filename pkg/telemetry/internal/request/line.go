package request

import (
	"context"
	"log/slog"
	"slices"
)

// maxLines is how many of a request's last log lines go with its error.
const maxLines = 30

type lineHandler struct {
	attrs  []slog.Attr // of the logger
	prefix string      // of the groups it is in
}

// KeepLines is the log handler that keeps the last lines of each request, for the
// report of its error.
func KeepLines() slog.Handler { return lineHandler{} }

func (h lineHandler) Enabled(ctx context.Context, _ slog.Level) bool { return From(ctx) != nil }

func (h lineHandler) Handle(ctx context.Context, r slog.Record) error {
	From(ctx).addLine(Line{h, r.Clone()})
	return nil
}

func (h lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = slices.Clip(h.attrs)
	for _, a := range attrs {
		h.attrs = append(h.attrs, slog.Attr{Key: h.prefix + a.Key, Value: a.Value})
	}
	return h
}

func (h lineHandler) WithGroup(name string) slog.Handler {
	h.prefix += name + "."
	return h
}

// Line is a log line of a request.
type Line struct {
	logger lineHandler
	slog.Record
}

// Fields are the line's fields and those of its logger, a group's members under
// dotted names.
func (l Line) Fields() map[string]any {
	fields := make(map[string]any, len(l.logger.attrs)+l.NumAttrs())
	for _, a := range l.logger.attrs {
		flatten(fields, "", a)
	}
	l.Attrs(func(a slog.Attr) bool {
		flatten(fields, l.logger.prefix, a)
		return true
	})
	return fields
}

// flatten writes an attribute, or the members of a group, under dotted names.
func flatten(data map[string]any, prefix string, a slog.Attr) {
	switch value := a.Value.Resolve(); value.Kind() {
	case slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range value.Group() {
			flatten(data, prefix, member)
		}
	case slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindBool:
		data[prefix+a.Key] = value.Any()
	default:
		data[prefix+a.Key] = value.String()
	}
}
