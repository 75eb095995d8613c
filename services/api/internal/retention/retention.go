// Package retention removes expired data: old events, the responses to uploads that cannot be repeated any more, old
// checks, stored responses of idempotency keys, and expired sessions and tokens. Every replica does it; the second one
// finds nothing to remove.
package retention

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// Interval is how often a worker runs.
const Interval = 10 * time.Minute

// idempotencyLife is how long a first response is given again.
const idempotencyLife = 24 * time.Hour

// checkLife is how long checks are kept. Their responses, which are most of their size, are kept as long as events.
const checkLife = 90 * 24 * time.Hour

// How long failed sign-ins are shown, and the networks of the others are known, which package identity relies on.
const (
	failureLife = 30 * 24 * time.Hour
	networkLife = 90 * 24 * time.Hour
)

// Store removes rows in small transactions, and says how many.
type Store interface {
	// TrimEvents removes events from the beginning of the streams, and updates the start of the streams.
	TrimEvents(ctx context.Context, before time.Time) (int, error)
	// RemoveResponses takes the responses from checks, except for each workspace's last one, so that the same upload is no
	// repetition any more.
	RemoveResponses(ctx context.Context, before time.Time) (int, error)
	// RemoveChecks spares each workspace's last check, and the last one that did not fail.
	RemoveChecks(ctx context.Context, before time.Time) (int, error)
	RemoveIdempotencyKeys(ctx context.Context, before time.Time) (int, error)
	// RemoveSignIns removes the networks of sign-ins, and the counts of failed ones, that are older.
	RemoveSignIns(ctx context.Context, networks, failures time.Time) (int, error)
	// RemoveDeliveries removes notifications that were delivered or parked before then.
	RemoveDeliveries(ctx context.Context, before time.Time) (int, error)
	// ShortenSessions makes sessions end at this age at the latest.
	ShortenSessions(ctx context.Context, age time.Duration) error
	// RemoveExpired removes sessions and tokens that expired before then.
	RemoveExpired(ctx context.Context, before time.Time) (int, error)
}

// Worker removes old rows from time to time.
type Worker struct {
	store    Store
	events   time.Duration
	sessions time.Duration
	log      *slog.Logger
	removed  metric.Int64Counter
	report   func(ctx context.Context, err error, attrs ...slog.Attr)
}

// Telemetry receives the worker's reports.
type Telemetry interface {
	Logger() *slog.Logger
	Meter() metric.Meter
	Report(ctx context.Context, err error, attrs ...slog.Attr)
}

// New makes a worker that keeps events, and the responses to uploads, for so long, and lets no session become older than sessions.
func New(store Store, events, sessions time.Duration, t Telemetry) (*Worker, error) {
	in := instrument.From(t.Meter())
	removed := in.Counter(driftconv.RetentionRemoved)
	return &Worker{store, events, sessions, t.Logger(), removed, t.Report}, in.Err()
}

// Run removes old rows now and then every Interval, until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	for {
		w.Sweep(ctx, time.Now())
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Sweep removes expired rows once. If one kind fails, the others are still removed.
func (w *Worker) Sweep(ctx context.Context, now time.Time) {
	kinds := map[string]func() (int, error){
		"event":       func() (int, error) { return w.store.TrimEvents(ctx, now.Add(-w.events)) },
		"response":    func() (int, error) { return w.store.RemoveResponses(ctx, now.Add(-w.events)) },
		"check":       func() (int, error) { return w.store.RemoveChecks(ctx, now.Add(-max(w.events, checkLife))) },
		"idempotency": func() (int, error) { return w.store.RemoveIdempotencyKeys(ctx, now.Add(-idempotencyLife)) },
		"sign_in":     func() (int, error) { return w.store.RemoveSignIns(ctx, now.Add(-networkLife), now.Add(-failureLife)) },
		// What a delivery tells is in the events.
		"notification": func() (int, error) { return w.store.RemoveDeliveries(ctx, now.Add(-w.events)) },
		// An access token may outlive its session's last refresh token by minutes.
		"session": func() (int, error) {
			// realtime knows when a session ends, and not how old one may become: that may have been more when the session began.
			if err := w.store.ShortenSessions(ctx, w.sessions); err != nil {
				return 0, err
			}
			return w.store.RemoveExpired(ctx, now.Add(-time.Hour))
		},
	}
	for kind, remove := range kinds {
		n, err := remove()
		if n > 0 {
			w.removed.Add(ctx, int64(n), metric.WithAttributeSet(attribute.NewSet(attribute.String("kind", kind))))
			w.log.LogAttrs(ctx, slog.LevelInfo, "removed expired rows", slog.String("kind", kind), slog.Int("rows", n))
		}
		switch {
		case err == nil, ctx.Err() != nil:
		case apierror.From(err).Kind == apierror.Internal:
			w.report(ctx, fmt.Errorf("remove old rows of %s: %w", kind, err), slog.String("kind", kind))
		default: // The database is down or busy, which others report. The next sweep does it.
			w.log.LogAttrs(ctx, slog.LevelWarn, "old rows were not removed", slog.String("kind", kind), slog.String("error.message", err.Error()))
		}
	}
}
