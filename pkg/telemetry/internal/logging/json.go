package logging

import (
	"io"
	"log/slog"

	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/resource"
)

// jsonHandler writes {"time","level","msg","service","version","environment",…}.
func jsonHandler(w io.Writer, level slog.Leveler, res *sdkresource.Resource) slog.Handler {
	handler := slog.Handler(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: jsonAttr}))
	return handler.WithAttrs([]slog.Attr{
		slog.String("service", resource.Value(res, semconv.ServiceNameKey)),
		slog.String("version", resource.Value(res, semconv.ServiceVersionKey)),
		slog.String("environment", resource.Value(res, semconv.DeploymentEnvironmentNameKey)),
	})
}

// jsonAttr gives the levels our names and the time UTC.
func jsonAttr(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			return slog.String(slog.LevelKey, LevelName(level))
		}
	case slog.TimeKey:
		if a.Value.Kind() == slog.KindTime {
			return slog.Time(slog.TimeKey, a.Value.Time().UTC())
		}
	}
	return a
}
