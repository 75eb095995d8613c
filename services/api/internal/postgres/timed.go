package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// timedLock is the advisory lock of the one who does timed work; the number is arbitrary. No request takes it.
const timedLock = 0x6472_6966_7474_696d

// Turn implements drift.TimedTx.
func (t driftTx) Turn(ctx context.Context) (bool, error) {
	return pg.Scalar[bool](ctx, t.tx, "-- LOCK timed work\nselect pg_try_advisory_xact_lock(@lock)", pg.Args{"lock": int64(timedLock)})
}

// expired is the condition on drifts whose approval has ended. Its first part has an index. A drift that a replica of an earlier version has
// reopened keeps the time.
const expired = "approved_until <= @now and resolved_at is null and status = 'approved'"

// ExpiredAccounts implements drift.TimedReader.
func (s *DriftStore) ExpiredAccounts(ctx context.Context, now time.Time) ([]uuid.UUID, error) {
	return pg.Scalars[uuid.UUID](ctx, s.db, "-- SELECT drift\nselect distinct account_id from drift where "+expired+" order by 1", pg.Args{"now": now})
}

// LockExpired implements drift.ExpiryTx.
func (t driftTx) LockExpired(ctx context.Context, account uuid.UUID, now time.Time, limit int) ([]*drift.Drift, error) {
	rows, err := t.tx.Query(ctx, `-- SELECT drift for update
		select `+driftHead+` from drift where account_id = @account and `+expired+` order by id limit @limit for update`,
		pg.Args{"account": account, "now": now, "limit": limit})
	if err != nil {
		return nil, err
	}
	return readDrifts(rows)
}

// restless is the condition on workspaces that have become stale and have no alert of it, or have one and are not stale any more. One
// that never had a check has not stopped having them.
const restless = "last_check_at is not null and (stale_alert_id is not null) <> (" + workspaceStatus + " = 'stale')"

// StaleAccounts implements drift.TimedReader.
func (s *DriftStore) StaleAccounts(ctx context.Context, staleBefore time.Time) ([]uuid.UUID, error) {
	return pg.Scalars[uuid.UUID](ctx, s.db, "-- SELECT workspace\nselect distinct account_id from workspace where "+restless+" order by 1",
		pg.Args{"stale_before": staleBefore})
}

// LockStale implements drift.StaleTx.
func (t driftTx) LockStale(ctx context.Context, account uuid.UUID, staleBefore time.Time, limit int) ([]drift.StaleWorkspace, error) {
	return pg.Collect[drift.StaleWorkspace](ctx, t.tx, `-- SELECT workspace for update
		select id, name, owner, last_check_at, stale_alert_id from workspace
		where account_id = @account and `+restless+` order by id limit @limit for update`,
		pg.Args{"account": account, "stale_before": staleBefore, "limit": limit})
}

// SaveStale implements drift.StaleTx.
func (t driftTx) SaveStale(ctx context.Context, account uuid.UUID, workspaces []uuid.UUID, alert *uuid.UUID) error {
	return exec(ctx, t.tx, "-- UPDATE workspace\nupdate workspace set stale_alert_id = @alert where account_id = @account and id = any(@ids)",
		pg.Args{"account": account, "ids": workspaces, "alert": alert})
}

// SettleStale implements drift.StaleTx. The alert's lock comes first: of two workspaces that share it and are checked at once, the second
// sees the first one's change.
func (t driftTx) SettleStale(ctx context.Context, account, alert uuid.UUID, at time.Time) (bool, error) {
	args := pg.Args{"account": account, "alert": alert, "at": at}
	if err := exec(ctx, t.tx, "-- SELECT alert for update\nselect from alert where account_id = @account and id = @alert for update", args); err != nil {
		return false, err
	}
	tag, err := t.tx.Exec(ctx, `-- UPDATE alert
		update alert set is_read = true, read_at = @at where account_id = @account and id = @alert and not is_read
			and not exists (select from workspace where account_id = @account and stale_alert_id = @alert)`, args)
	return tag.RowsAffected() > 0, err
}
