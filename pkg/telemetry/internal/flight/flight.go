// Package flight keeps Go's execution trace of the last seconds in memory, and
// writes it to a file when something happened that it can explain: a slow request,
// a panic, SIGQUIT. The file has the trace ID of the request as its name.
//
//	Keep ──one at a time, one in ten seconds──▶ goroutine ──▶ ID.slow.trace
//
// https://go.dev/blog/flight-recorder
package flight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/trace"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	oteltrace "go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/tracing"
)

// What the recorder remembers in memory, and how often it writes that down: one
// file holds what the one before it began.
const (
	window      = 10 * time.Second
	windowBytes = 8 << 20
	interval    = 10 * time.Second
)

// Reason is why a trace was kept.
type Reason string

// The reasons.
const (
	Slow  Reason = "slow"
	Panic Reason = "panic"
	Quit  Reason = "quit" // SIGQUIT
)

// Recorder runs until Close. A nil Recorder does nothing.
type Recorder struct {
	recorder *trace.FlightRecorder
	folder   folder
	private  bool // the folder is this recorder's own
	log      *slog.Logger
	kept     metric.Int64Counter
	limit    *rate.Limiter
	// waiting has one place, for the trace that is written next.
	waiting chan wanted
	signals chan os.Signal
	closing sync.Once
	closed  chan struct{}
	ended   sync.WaitGroup
	writing sync.Mutex
}

type wanted struct {
	ctx    context.Context
	id     string
	reason Reason
}

// Start begins to record. Files go to the folder, or without one to a folder of
// the recorder's own, which goes away with it. kept counts, by outcome.
func Start(dir string, log *slog.Logger, kept metric.Int64Counter) (*Recorder, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	r := &Recorder{
		recorder: trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: window, MaxBytes: windowBytes}),
		folder:   f, private: dir == "", log: log, kept: kept, limit: rate.NewLimiter(rate.Every(interval), 1),
		waiting: make(chan wanted, 1), signals: make(chan os.Signal, 1), closed: make(chan struct{}),
	}
	if err := r.recorder.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the flight recorder: %w", err), r.removePrivate())
	}
	signal.Notify(r.signals, syscall.SIGQUIT)
	r.ended.Go(r.writeAll)
	r.ended.Go(r.awaitQuit)
	return r, nil
}

// Path is where the metrics port serves the trace.
func Path(traceID string) string { return "/debug/traces/" + traceID }

// Keep has the last seconds written under the trace ID of the context, unless one
// was written just now. It waits for nothing. It gives the path of the trace, ""
// when there is none.
func (r *Recorder) Keep(ctx context.Context, reason Reason) string {
	id := tracing.TraceID(ctx)
	if r == nil || id == "" {
		return ""
	}
	ctx = context.WithoutCancel(ctx)
	if !r.limit.Allow() {
		r.count(ctx, "limited")
		return ""
	}
	select {
	case r.waiting <- wanted{ctx, id, reason}:
		return Path(id)
	default: // The disk takes more than the interval.
		r.count(ctx, "limited")
		return ""
	}
}

// writeAll writes what is wanted until the recorder closes, and then what waits.
func (r *Recorder) writeAll() {
	for {
		select {
		case w := <-r.waiting:
			r.write(w)
		case <-r.closed:
			select {
			case w := <-r.waiting:
				r.write(w)
			default:
			}
			return
		}
	}
}

// awaitQuit writes a trace before the Go runtime ends the process, as it does
// after SIGQUIT. A second signal ends it at once.
func (r *Recorder) awaitQuit() {
	select {
	case <-r.signals:
	case <-r.closed:
		return
	}
	signal.Reset(syscall.SIGQUIT)
	ctx := context.Background()
	id, _ := tracing.IDs{}.NewIDs(ctx)
	ctx = oteltrace.ContextWithSpanContext(ctx, oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: id}))
	r.write(wanted{ctx, id.String(), Quit})
	_ = syscall.Kill(os.Getpid(), syscall.SIGQUIT) // It can't fail for the own process.
}

func (r *Recorder) write(w wanted) {
	r.writing.Lock()
	defer r.writing.Unlock()
	start := time.Now()
	size, err := r.folder.write(w.id, w.reason, func(out io.Writer) error {
		_, err := r.recorder.WriteTo(out)
		return err
	})
	if err != nil {
		r.count(w.ctx, "failed")
		r.log.LogAttrs(w.ctx, slog.LevelWarn, "the execution trace was not kept", slog.String("error.message", err.Error()))
		return
	}
	r.count(w.ctx, "kept")
	r.log.LogAttrs(w.ctx, slog.LevelInfo, "an execution trace was kept",
		slog.String("driftsentry.execution_trace", Path(w.id)), slog.String("reason", string(w.reason)), slog.Int64("bytes", size),
		slog.Float64("duration_ms", float64(time.Since(start).Microseconds())/1000))
}

func (r *Recorder) count(ctx context.Context, outcome string) {
	r.kept.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}

// Close writes what waits, and stops. With a disk that hangs it ends with the context.
func (r *Recorder) Close(ctx context.Context) error {
	if r == nil {
		return nil
	}
	r.closing.Do(func() { signal.Stop(r.signals); close(r.closed) })
	ended := make(chan struct{})
	go func() { r.ended.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		return fmt.Errorf("an execution trace is still being written: %w", ctx.Err())
	}
	r.recorder.Stop()
	return r.removePrivate()
}

func (r *Recorder) removePrivate() error {
	if !r.private {
		return nil
	}
	return os.RemoveAll(string(r.folder))
}

// List gives the traces that are there, the newest first.
func (r *Recorder) List() ([]Kept, error) {
	if r == nil {
		return nil, nil
	}
	return r.folder.list()
}

// Open opens the newest trace with that ID. Without one, the error is fs.ErrNotExist.
func (r *Recorder) Open(traceID string) (*os.File, error) {
	if r == nil {
		return nil, os.ErrNotExist
	}
	kept, err := r.folder.list()
	if err != nil {
		return nil, err
	}
	for _, k := range kept {
		if k.TraceID == traceID {
			return os.Open(filepath.Join(string(r.folder), k.file()))
		}
	}
	return nil, os.ErrNotExist
}
