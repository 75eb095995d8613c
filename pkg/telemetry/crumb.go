package telemetry

import (
	"context"
	"log/slog"
	"slices"

	"github.com/getsentry/sentry-go"
)

// maxCrumbs is how many of a request's last log lines go with its error.
const maxCrumbs = 30

// crumbHandler keeps each line of a request as a breadcrumb of its error.
type crumbHandler struct {
	attrs  []slog.Attr // of the logger
	prefix string      // of the groups it is in
}

func (h crumbHandler) Enabled(ctx context.Context, _ slog.Level) bool { return requestFrom(ctx) != nil }

func (h crumbHandler) Handle(ctx context.Context, r slog.Record) error {
	requestFrom(ctx).addCrumb(crumb{h, r.Clone()})
	return nil
}

func (h crumbHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = slices.Clip(h.attrs)
	for _, a := range attrs {
		h.attrs = append(h.attrs, slog.Attr{Key: h.prefix + a.Key, Value: a.Value})
	}
	return h
}

func (h crumbHandler) WithGroup(name string) slog.Handler {
	h.prefix += name + "."
	return h
}

// crumb is a line that may become a breadcrumb; most never do.
type crumb struct {
	logger crumbHandler
	record slog.Record
}

func (c crumb) breadcrumb() *sentry.Breadcrumb {
	data := make(map[string]any, len(c.logger.attrs)+c.record.NumAttrs())
	for _, a := range c.logger.attrs {
		flatten(data, "", a)
	}
	c.record.Attrs(func(a slog.Attr) bool {
		flatten(data, c.logger.prefix, a)
		return true
	})
	return &sentry.Breadcrumb{
		Category: "log", Message: c.record.Message, Data: data, Level: sentryLevel(c.record.Level), Timestamp: c.record.Time,
	}
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

func sentryLevel(l slog.Level) sentry.Level {
	switch levelName(l) {
	case "trace", "debug":
		return sentry.LevelDebug
	case "info":
		return sentry.LevelInfo
	case "warn":
		return sentry.LevelWarning
	case "error":
		return sentry.LevelError
	}
	return sentry.LevelFatal
}
