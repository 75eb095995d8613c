package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// workspaceStatus is what a workspace's last check said, unless that was too long ago.
const workspaceStatus = `case when last_check_at >= @stale_before then last_check_status else 'stale' end`

// Workspaces implements drift.Reports.
func (s *DriftStore) Workspaces(ctx context.Context, account uuid.UUID, staleBefore time.Time) ([]drift.Workspace, error) {
	return collect[drift.Workspace](ctx, s.db, `-- SELECT workspace
		select name, `+workspaceStatus+` as status, last_check_at, coalesce(open.drifts, 0) as open_drifts
		from workspace left join (
			select workspace, count(*) as drifts from drift
			where account_id = @account and resolved_at is null group by workspace
		) open on open.workspace = workspace.name
		where account_id = @account order by name`,
		pg.Args{"account": account, "stale_before": staleBefore})
}

// WorkspaceCounts implements drift.Reports.
func (s *DriftStore) WorkspaceCounts(ctx context.Context, staleBefore time.Time) (map[drift.WorkspaceStatus]int, error) {
	return counts[drift.WorkspaceStatus](ctx, s.db, `-- SELECT workspace count
		select `+workspaceStatus+`, count(*) from workspace group by 1`, pg.Args{"stale_before": staleBefore})
}

// LockWorkspace implements drift.Tx. The update that changes nothing is what locks a row that is there.
func (t driftTx) LockWorkspace(ctx context.Context, account uuid.UUID, name string) (*drift.WorkspaceState, error) {
	return one[drift.WorkspaceState](ctx, t.tx, "", `-- UPSERT workspace
		insert into workspace (id, account_id, name) values (@id, @account, @name)
		on conflict (account_id, name) do update set name = excluded.name
		returning id, last_plan_timestamp, last_check_id, last_check_at, last_check_status`,
		pg.Args{"id": uuid.Must(uuid.NewV7()), "account": account, "name": name})
}

// SaveWorkspace implements drift.Tx.
func (t driftTx) SaveWorkspace(ctx context.Context, w *drift.WorkspaceState) error {
	_, err := t.tx.Exec(ctx, `-- UPDATE workspace
		update workspace set last_plan_timestamp = @timestamp, last_check_id = @check, last_check_at = @at,
			last_check_status = @status where id = @id`,
		pg.Args{
			"id": w.ID, "timestamp": w.LastPlanTimestamp, "check": w.LastCheckID, "at": w.LastCheckAt,
			"status": (*string)(w.LastCheckStatus),
		})
	return err
}

// CheckAnswer implements drift.Tx.
func (t driftTx) CheckAnswer(ctx context.Context, workspace uuid.UUID, bodyHash []byte) ([]byte, error) {
	rows, err := t.tx.Query(ctx, `-- SELECT workspace_check
		select answer from workspace_check
		where workspace_id = @workspace and body_hash = @hash and plan_timestamp is not null`,
		pg.Args{"workspace": workspace, "hash": bodyHash})
	if err != nil {
		return nil, err
	}
	answers, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil || len(answers) == 0 {
		return nil, err
	}
	return answers[0], nil
}

// InsertCheck implements drift.Tx.
func (t driftTx) InsertCheck(ctx context.Context, c *drift.Check) error {
	_, err := t.tx.Exec(ctx, `-- INSERT workspace_check
		insert into workspace_check (id, account_id, workspace_id, status, stale, count_new, count_changed, count_unchanged,
			count_resolved, format_version, terraform_version, plan_timestamp, body_hash, answer, actor, trace_id, created_at)
		values (@id, @account, @workspace, @status, @stale, @new, @changed, @unchanged,
			@resolved, @format, coalesce(@terraform, ''), @timestamp, @hash, @answer, @actor, coalesce(@trace, ''), @at)`,
		pg.Args{
			"id": c.ID, "account": c.AccountID, "workspace": c.WorkspaceID, "status": string(c.Status), "stale": c.Stale,
			"new": c.Counts.New, "changed": c.Counts.Changed, "unchanged": c.Counts.Unchanged, "resolved": c.Counts.Resolved,
			"format": c.FormatVersion, "terraform": c.TerraformVersion, "timestamp": (*time.Time)(c.PlanTimestamp),
			"hash": c.BodyHash, "answer": c.Answer, "actor": c.Actor, "trace": c.TraceID, "at": time.Time(c.CreatedAt),
		})
	return err
}
