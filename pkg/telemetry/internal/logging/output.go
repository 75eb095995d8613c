package logging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"go.opentelemetry.io/otel/sdk/resource"
	"gopkg.in/natefinch/lumberjack.v2"
)

// output is one place that log lines are written to.
type output struct {
	name    string
	writer  *asyncWriter
	handler slog.Handler
	close   func() error
}

// Outputs are all places that log lines are written to.
type Outputs []output

// Open opens the standard output and, if there is one, the file. The level may
// change at any time.
func Open(cfg Config, level slog.Leveler, res *resource.Resource) (Outputs, error) {
	// The Go runtime ends a process that writes to a standard output whose reader
	// is gone. Ignored, the write fails, and its lines are counted as dropped.
	signal.Ignore(syscall.SIGPIPE)
	stdout := newOutput("stdout", cfg.Output, func() error { return nil })
	switch cfg.Format {
	case FormatJSON:
		stdout.handler = jsonHandler(stdout.writer, level, res)
	case FormatPretty:
		stdout.handler = prettyHandler(stdout.writer, level)
	default:
		return nil, fmt.Errorf("unknown log format %q: want json or pretty", cfg.Format)
	}
	outputs := Outputs{stdout}
	if cfg.File != "" {
		rotated, err := openLogFile(cfg.File)
		if err != nil {
			return nil, err
		}
		file := newOutput("file", rotated, rotated.Close)
		file.handler = jsonHandler(file.writer, level, res)
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

// Handler writes to all outputs, with the trace on each line.
func (all Outputs) Handler() slog.Handler {
	handlers := make([]slog.Handler, len(all))
	for i, o := range all {
		handlers[i] = o.handler
	}
	return WithContext(FanOut(handlers...), traceAttrs)
}

// Dropped tells how many lines each output has dropped.
func (all Outputs) Dropped(tell func(output string, lines int64)) {
	for _, o := range all {
		tell(o.name, o.writer.dropped.Load())
	}
}

// Flush waits until what was written so far is out, or the context is done.
func (all Outputs) Flush(ctx context.Context) error {
	var errs []error
	for _, o := range all {
		errs = append(errs, o.writer.Flush(ctx))
	}
	return errors.Join(errs...)
}

// Close flushes and closes all outputs, except one that is stuck.
func (all Outputs) Close(ctx context.Context) error {
	var errs []error
	for _, o := range all {
		if err := o.writer.Close(ctx); err != nil {
			errs = append(errs, err)
			continue // closing what is stuck would hang as well
		}
		errs = append(errs, o.close())
	}
	return errors.Join(errs...)
}
