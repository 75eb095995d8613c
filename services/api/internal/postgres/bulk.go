package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// LockDrifts implements drift.BulkTx. A drift that has been changed since, by the one whose lock was waited for, is compared with the
// filter again.
func (t driftTx) LockDrifts(ctx context.Context, account uuid.UUID, ids []uuid.UUID, filter *drift.Filter, limit int) ([]*drift.Drift, error) {
	where, args := "where account_id = @account and id = any(@ids)", pg.Args{"account": account, "ids": ids}
	if filter != nil {
		where, args = driftWhere(account, *filter)
	}
	args["limit"] = limit
	rows, err := t.tx.Query(ctx, "-- SELECT drift for update\nselect "+driftHead+", "+pathHashes+" from drift "+where+" order by id limit @limit for update", args)
	if err != nil {
		return nil, err
	}
	return readDrifts(rows, readPaths)
}

// SaveDecisions implements drift.ExpiryTx.
func (t driftTx) SaveDecisions(ctx context.Context, drifts []*drift.Drift) error {
	return exec(ctx, t.tx, `-- UPDATE drift
		update drift d set version = n.version, status = n.status, updated_at = n.updated_at, detected_at = n.detected_at,
			approved_at = n.approved_at, approved_by = n.approved_by, approval_reason = n.approval_reason, approved_until = n.approved_until,
			rejected_at = n.rejected_at, rejected_by = n.rejected_by, rejection_reason = n.rejection_reason
		from unnest(@id::uuid[], @version::int[], @status::text[], @updated_at::timestamptz[], @detected_at::timestamptz[],
			@approved_at::timestamptz[], @approved_by::text[], @approval_reason::text[], @approved_until::timestamptz[],
			@rejected_at::timestamptz[], @rejected_by::text[], @rejection_reason::text[])
		as n (id, version, status, updated_at, detected_at, approved_at, approved_by, approval_reason, approved_until,
			rejected_at, rejected_by, rejection_reason)
		where d.account_id = @account and d.id = n.id`,
		pg.Args{
			"account":          drifts[0].AccountID,
			"id":               column(drifts, driftID),
			"version":          column(drifts, func(d *drift.Drift) int { return d.Version }),
			"status":           column(drifts, func(d *drift.Drift) string { return string(d.Status) }),
			"updated_at":       column(drifts, func(d *drift.Drift) time.Time { return d.UpdatedAt }),
			"detected_at":      column(drifts, func(d *drift.Drift) time.Time { return d.DetectedAt }),
			"approved_at":      column(drifts, func(d *drift.Drift) *time.Time { return d.ApprovedAt }),
			"approved_by":      column(drifts, func(d *drift.Drift) *string { return d.ApprovedBy }),
			"approval_reason":  column(drifts, func(d *drift.Drift) *string { return d.ApprovalReason }),
			"approved_until":   column(drifts, func(d *drift.Drift) *time.Time { return d.ApprovedUntil }),
			"rejected_at":      column(drifts, func(d *drift.Drift) *time.Time { return d.RejectedAt }),
			"rejected_by":      column(drifts, func(d *drift.Drift) *string { return d.RejectedBy }),
			"rejection_reason": column(drifts, func(d *drift.Drift) *string { return d.RejectionReason }),
		})
}
