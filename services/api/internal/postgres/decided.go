package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// SaveDecided implements drift.DecidedTx.
func (t driftTx) SaveDecided(ctx context.Context, paths []drift.DecidedPath) error {
	if len(paths) == 0 {
		return nil
	}
	return t.tx.Later(ctx, `-- INSERT decided_path
		insert into decided_path (drift_id, path, hash, decided_at)
		select distinct on (drift_id, path) drift_id, path, hash, decided_at
		from unnest(@drift::uuid[], @path::bytea[], @hash::bytea[], @at::timestamptz[]) as p (drift_id, path, hash, decided_at)
		on conflict (drift_id, path) do update set hash = excluded.hash, decided_at = excluded.decided_at`,
		pg.Args{
			"drift": column(paths, func(p drift.DecidedPath) uuid.UUID { return p.DriftID }),
			"path":  column(paths, func(p drift.DecidedPath) []byte { return p.Path }),
			"hash":  column(paths, func(p drift.DecidedPath) []byte { return p.Hash }),
			"at":    column(paths, func(p drift.DecidedPath) time.Time { return p.DecidedAt }),
		}, nil)
}

// Decided implements drift.DecidedTx.
func (t driftTx) Decided(ctx context.Context, drifts []uuid.UUID) (map[uuid.UUID][]drift.DecidedPath, error) {
	rows, err := pg.Collect[drift.DecidedPath](ctx, t.tx, `-- SELECT decided_path
		select drift_id, path, hash, decided_at from decided_path where drift_id = any(@drifts)`, pg.Args{"drifts": drifts})
	byDrift := make(map[uuid.UUID][]drift.DecidedPath)
	for _, row := range rows {
		byDrift[row.DriftID] = append(byDrift[row.DriftID], row)
	}
	return byDrift, err
}

// ForgetDecided implements drift.DecidedTx.
func (t driftTx) ForgetDecided(ctx context.Context, drifts []uuid.UUID) error {
	return t.tx.Later(ctx, "-- DELETE decided_path\ndelete from decided_path where drift_id = any(@drifts)", pg.Args{"drifts": drifts}, nil)
}
