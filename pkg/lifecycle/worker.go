package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

type worker struct {
	name string
	run  func(context.Context) error
}

// Go adds a worker. Its context ends after the servers have stopped; it must return then. A worker that returns before
// that takes the service down. One that panics is started again, after a pause: what it does for everybody must not end
// because of one case that nobody thought of, nor must the service.
func (g *Group) Go(name string, run func(context.Context) error) {
	g.workers = append(g.workers, worker{name, run})
}

// How long a worker pauses after a panic: twice as long each time.
const (
	firstPause = time.Second
	mostPause  = time.Minute
)

// work runs a worker until ctx ends. The error says why it ended before that.
func (g *Group) work(ctx context.Context, w worker) error {
	run := func() (struct{}, error) {
		returned, err := guarded(ctx, w.run)
		switch {
		case returned && ctx.Err() != nil:
			return struct{}{}, nil //nolint:nilerr // It was told to end.
		case returned:
			err = fmt.Errorf("%s ended early: %w", w.name, orUnexpected(err))
			g.report(ctx, err, slog.String("worker", w.name))
			return struct{}{}, backoff.Permanent(err)
		}
		g.report(ctx, fmt.Errorf("worker %s: %w", w.name, err), slog.String("worker", w.name))
		return struct{}{}, err
	}
	pauses := &backoff.ExponentialBackOff{InitialInterval: firstPause, MaxInterval: mostPause, Multiplier: 2}
	_, err := backoff.Retry(ctx, run, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0))
	if ctx.Err() != nil {
		return nil //nolint:nilerr // It was told to end.
	}
	return err
}

// guarded runs the worker once; a panic becomes its error.
func guarded(ctx context.Context, run func(context.Context) error) (returned bool, err error) {
	defer telemetry.RecoverTo(&err)
	err = run(ctx)
	return true, err
}

func orUnexpected(err error) error {
	if err == nil {
		return errors.New("it returned without being told to")
	}
	return err
}
