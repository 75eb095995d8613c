package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"gopkg.in/natefinch/lumberjack.v2"
)

// output is one place that log lines are written to.
type output struct {
	name    string
	writer  *asyncWriter
	handler slog.Handler
	close   func() error
}

// newOutputs opens the standard output and, if there is one, the file.
func newOutputs(cfg LogConfig, res *resource.Resource) ([]output, error) {
	stdout := newOutput("stdout", cfg.Output, func() error { return nil })
	switch cfg.Format {
	case FormatJSON:
		stdout.handler = jsonHandler(stdout.writer, cfg.Level, res)
	case FormatPretty:
		stdout.handler = prettyHandler(stdout.writer, cfg.Level)
	default:
		return nil, fmt.Errorf("unknown log format %q: want json or pretty", cfg.Format)
	}
	outputs := []output{stdout}
	if cfg.File != "" {
		rotated, err := openLogFile(cfg.File)
		if err != nil {
			return nil, err
		}
		file := newOutput("file", rotated, rotated.Close)
		file.handler = jsonHandler(file.writer, cfg.Level, res)
		outputs = append(outputs, file)
	}
	return outputs, nil
}

func newOutput(name string, w io.Writer, end func() error) output {
	return output{name: name, writer: newAsyncWriter(w), close: end}
}

// openLogFile fails now rather than silently at the first line.
func openLogFile(name string) (*lumberjack.Logger, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return nil, fmt.Errorf("make the log file's directory: %w", err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log file: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open the log file: %w", err)
	}
	return &lumberjack.Logger{Filename: name, MaxSize: 100, MaxBackups: 5, Compress: true}, nil
}

// jsonHandler writes {"time","level","msg","service","version","environment",…}.
func jsonHandler(w io.Writer, level slog.Level, res *resource.Resource) slog.Handler {
	handler := slog.Handler(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: jsonAttr}))
	return handler.WithAttrs([]slog.Attr{
		slog.String("service", resourceValue(res, semconv.ServiceNameKey)),
		slog.String("version", resourceValue(res, semconv.ServiceVersionKey)),
		slog.String("environment", resourceValue(res, semconv.DeploymentEnvironmentNameKey)),
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
			return slog.String(slog.LevelKey, levelName(level))
		}
	case slog.TimeKey:
		if a.Value.Kind() == slog.KindTime {
			return slog.Time(slog.TimeKey, a.Value.Time().UTC())
		}
	}
	return a
}

// newLogger builds the one logger: masked first, then to every place.
func newLogger(cfg Config, r *redactor, outputs slog.Handler, provider *sdklog.LoggerProvider, crumbs bool) *slog.Logger {
	handlers := []slog.Handler{outputs}
	if provider != nil {
		handlers = append(handlers, otlpHandler(provider, cfg.ServiceName))
	}
	if crumbs {
		handlers = append(handlers, crumbHandler{})
	}
	handler := redactHandler{fanOut(handlers), r}
	return slog.New(levelHandler{contextHandler{Handler: handler, attrs: requestAttrs}, cfg.Log.Level})
}

// written fans out to the outputs, with the trace on each line.
func written(outputs []output) slog.Handler {
	handlers := make([]slog.Handler, len(outputs))
	for i, o := range outputs {
		handlers[i] = o.handler
	}
	return contextHandler{Handler: fanOut(handlers), attrs: traceAttrs}
}

// fanOut hands a line to several handlers, or to the one there is without a copy.
func fanOut(handlers []slog.Handler) slog.Handler {
	if len(handlers) == 1 {
		return handlers[0]
	}
	return slog.NewMultiHandler(handlers...)
}

// traceAttrs are for written lines only; OTLP has fields of its own for them.
func traceAttrs(ctx context.Context, attrs []slog.Attr) []slog.Attr {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return attrs
	}
	return append(attrs, slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
}

// levelHandler decides once for all handlers behind it.
type levelHandler struct {
	slog.Handler
	level slog.Level
}

func (h levelHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelHandler{h.Handler.WithAttrs(attrs), h.level}
}

func (h levelHandler) WithGroup(name string) slog.Handler {
	return levelHandler{h.Handler.WithGroup(name), h.level}
}
