package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// LockWorkspace implements drift.CheckTx. The update that changes nothing is what locks a row that is there.
func (t driftTx) LockWorkspace(ctx context.Context, account uuid.UUID, name string) (*drift.WorkspaceState, error) {
	return one[drift.WorkspaceState](ctx, t.tx, "", `-- UPSERT workspace
		insert into workspace (id, account_id, name) values (@id, @account, @name)
		on conflict (account_id, name) do update set name = excluded.name
		returning id, last_plan_timestamp, last_check_id, last_check_at, last_check_status`,
		pg.Args{"id": uid.New(), "account": account, "name": name})
}

// SaveWorkspace implements drift.CheckTx.
func (t driftTx) SaveWorkspace(ctx context.Context, w *drift.WorkspaceState) error {
	return exec(ctx, t.tx, `-- UPDATE workspace
		update workspace set last_plan_timestamp = @timestamp, last_check_id = @check, last_check_at = @at,
			last_check_status = @status where id = @id`,
		pg.Args{
			"id": w.ID, "timestamp": w.LastPlanTimestamp, "check": w.LastCheckID, "at": w.LastCheckAt,
			"status": (*string)(w.LastCheckStatus),
		})
}

// FirstResponse implements drift.CheckTx.
func (t driftTx) FirstResponse(ctx context.Context, workspace uuid.UUID, bodyHash []byte) ([]byte, error) {
	rows, err := t.tx.Query(ctx, `-- SELECT workspace_check
		select answer from workspace_check
		where workspace_id = @workspace and body_hash = @hash and plan_timestamp is not null`,
		pg.Args{"workspace": workspace, "hash": bodyHash})
	if err != nil {
		return nil, err
	}
	responses, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil || len(responses) == 0 {
		return nil, err
	}
	return responses[0], nil
}

// InsertCheck implements drift.CheckTx.
func (t driftTx) InsertCheck(ctx context.Context, c *drift.Check) error {
	return exec(ctx, t.tx, `-- INSERT workspace_check
		insert into workspace_check (id, account_id, workspace_id, status, stale, count_new, count_changed, count_unchanged,
			count_resolved, format_version, terraform_version, plan_timestamp, body_hash, answer, actor, trace_id, created_at)
		values (@id, @account, @workspace, @status, @stale, @new, @changed, @unchanged,
			@resolved, @format, @terraform, @timestamp, @hash, @answer, @actor, @trace, @at)`,
		pg.Args{
			"id": c.ID, "account": c.AccountID, "workspace": c.WorkspaceID, "status": string(c.Status), "stale": c.Stale,
			"new": c.Counts.New, "changed": c.Counts.Changed, "unchanged": c.Counts.Unchanged, "resolved": c.Counts.Resolved,
			"format": c.FormatVersion, "terraform": c.TerraformVersion, "timestamp": c.PlanTimestamp,
			"hash": c.BodyHash, "answer": c.Response, "actor": c.Actor, "trace": c.TraceID, "at": c.CreatedAt,
		})
}
