package drift

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// ExpiryTx ends approvals.
type ExpiryTx interface {
	// LockExpired are at most limit of the account's drifts whose approval ended before now, in the order of their ids, without
	// their states.
	LockExpired(ctx context.Context, account uuid.UUID, now time.Time, limit int) ([]*Drift, error)
	// SaveDecisions writes what decisions changed on drifts that are locked.
	SaveDecisions(ctx context.Context, drifts []*Drift) error
}

// expire detects the drifts again whose approval ended before a time.
func (s *Service) expire(ctx context.Context, at time.Time) error {
	accounts, err := s.store.ExpiredAccounts(ctx, at)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		if err := s.timed(ctx, account, "drift.expire", func(ctx context.Context, w *work) (int, error) {
			drifts, err := w.LockExpired(ctx, account, at, timerBatch)
			if err != nil || len(drifts) == 0 {
				return 0, err
			}
			w.locked()
			for _, d := range drifts {
				metadata := map[string]any{"from": d.Status, "to": Detected, "until": d.ApprovedUntil}
				d.reopen(w.now)
				w.record(ctx, event.DriftExpired, d, "the approval has ended", "", metadata)
			}
			if err := w.SaveDecisions(ctx, drifts); err != nil {
				return 0, err
			}
			if err := w.decided(ctx, Reopen, drifts...); err != nil {
				return 0, err
			}
			s.log.LogAttrs(ctx, slog.LevelInfo, "approvals have ended", slog.Int("count", len(drifts)))
			return len(drifts), w.alertReopened(ctx, drifts, Reopen)
		}); err != nil {
			return err
		}
	}
	return nil
}
