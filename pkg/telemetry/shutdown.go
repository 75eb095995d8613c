package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Flush sends what is buffered. Only tests and short-lived programs need it.
func (t *Telemetry) Flush(ctx context.Context) error {
	errs := []error{t.spans.ForceFlush(ctx)}
	if t.logs != nil {
		errs = append(errs, t.logs.ForceFlush(ctx))
	}
	return errors.Join(append(errs, t.sentry.Flush(ctx), t.outputs.Flush(ctx))...)
}

// Shutdown sends what is buffered and stops. It takes no longer than
// Config.ShutdownTimeout, in a context of its own: the caller's is usually the
// one whose cancellation began the shutdown. The logger still writes, directly,
// afterwards. A second call does nothing.
//
// What could not be sent is logged, and is not an error: the exit code of a service
// is about the service. The result is for what expects such a function.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if t.stopped.Swap(true) {
		return nil
	}
	// The outputs come last, to take what the others report, and get a fifth of
	// the time for themselves.
	share := t.cfg.ShutdownTimeout / 5
	t.level.Stop()
	if err := t.stopExport(ctx, t.cfg.ShutdownTimeout-share); err != nil && t.logger != nil {
		t.logger.LogAttrs(ctx, slog.LevelWarn, "some telemetry was not sent", slog.String("error.message", err.Error()))
	}
	if err := t.crash.Close(); err != nil && t.logger != nil {
		t.logger.LogAttrs(ctx, slog.LevelWarn, "the crash output was not closed", slog.String("error.message", err.Error()))
	}
	_ = t.closeOutputs(ctx, share) // An output that is stuck takes no complaint.
	return nil
}

// stopExport flushes and stops spans, logs and Sentry side by side, so that one
// that hangs costs the others nothing.
func (t *Telemetry) stopExport(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	var (
		wg   sync.WaitGroup
		errs [6]error
	)
	if t.spans != nil {
		wg.Go(func() { errs[0] = wrap("flush spans", t.spans.Shutdown(ctx)) })
	}
	if t.logs != nil {
		wg.Go(func() { errs[1] = wrap("flush logs", t.logs.Shutdown(ctx)) })
	}
	wg.Go(func() { errs[2] = wrap("flush Sentry", t.sentry.Close(ctx)) })
	wg.Go(func() { errs[4] = wrap("stop the flight recorder", t.flight.Close(ctx)) })
	wg.Go(func() { errs[5] = wrap("stop profiles", t.profiles.Close(ctx)) })
	wg.Wait()
	t.cutExport() // what hangs still
	if t.metrics.Shutdown != nil {
		errs[3] = wrap("stop metrics", t.metrics.Shutdown(ctx))
	}
	return errors.Join(errs[:]...)
}

func (t *Telemetry) closeOutputs(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	return t.outputs.Close(ctx)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
