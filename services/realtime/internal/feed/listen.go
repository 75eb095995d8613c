package feed

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// listen receives hints until ctx ends. Whenever a connection breaks it opens another.
func (f *Feed) listen(ctx context.Context) {
	pause := f.config.FirstPause
	for ctx.Err() == nil {
		err := f.guard(func() error {
			return f.hints.Listen(ctx, func() {
				pause = f.config.FirstPause
				f.listening.Store(true)
				f.lookNow() // Hints during this time are lost.
			}, func(payload string) { f.hint(ctx, payload) })
		})
		f.listening.Store(false)
		if ctx.Err() != nil {
			return
		}
		f.tel.Logger().LogAttrs(ctx, slog.LevelWarn, "listening for hints ended; will try again",
			slog.String("error.message", err.Error()), slog.Float64("pause_ms", float64(pause.Milliseconds())))
		sleep(ctx, pause/2+rand.N(pause/2+1)) //nolint:gosec // Jitter: replicas should not come back together.
		pause = min(2*pause, f.config.LastPause)
	}
}

// hint reads a notification. A role that may NOTIFY can send anything, and it does no harm.
func (f *Feed) hint(ctx context.Context, payload string) {
	h, err := event.ParseHint(payload)
	switch {
	case err != nil:
		f.instruments.hint(ctx, "invalid")
	case f.hub.Hint(h):
		f.instruments.hint(ctx, "news")
	default:
		f.instruments.hint(ctx, "ignored")
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
