package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// LockWorkspace implements drift.CheckTx. The update that changes nothing is what locks a row that is there.
func (t driftTx) LockWorkspace(ctx context.Context, account uuid.UUID, name string) (*drift.WorkspaceState, error) {
	return one[drift.WorkspaceState](ctx, t.tx, "", `-- UPSERT workspace
		insert into workspace (id, account_id, name) values (@id, @account, @name)
		on conflict (account_id, name) do update set name = excluded.name
		returning `+workspaceState,
		pg.Args{"id": uid.New(), "account": account, "name": name})
}

const workspaceState = `id, last_plan_timestamp, last_check_id, last_check_at, last_check_status, record_ref, root, accept_root, owner, stale_after, archived, stale_alert_id,
	(select hide_values from account where account.id = workspace.account_id) as hides_values`

// LockKnownWorkspace implements drift.CheckTx.
func (t driftTx) LockKnownWorkspace(ctx context.Context, account uuid.UUID, name string) (*drift.WorkspaceState, error) {
	return one[drift.WorkspaceState](ctx, t.tx, "there is no such workspace: its first plan creates it", `-- SELECT workspace for update
		select `+workspaceState+` from workspace where account_id = @account and name = @name for update`,
		pg.Args{"account": account, "name": name})
}

// SaveWorkspace implements drift.CheckTx.
func (t driftTx) SaveWorkspace(ctx context.Context, w *drift.WorkspaceState) error {
	return exec(ctx, t.tx, `-- UPDATE workspace
		update workspace set last_plan_timestamp = @timestamp, last_check_id = @check, last_check_at = @at,
			last_check_status = @status, root = @root, accept_root = @accept, stale_alert_id = @stale_alert where id = @id`,
		pg.Args{
			"id": w.ID, "timestamp": w.LastPlanTimestamp, "check": w.LastCheckID, "at": w.LastCheckAt,
			"status": (*string)(w.LastCheckStatus), "root": w.Root, "accept": w.AcceptRoot, "stale_alert": w.StaleAlertID,
		})
}

// SaveSettings implements drift.SettingsTx.
func (t driftTx) SaveSettings(ctx context.Context, account uuid.UUID, w *drift.WorkspaceState) error {
	return exec(ctx, t.tx, `-- UPDATE workspace
		update workspace set record_ref = @ref, accept_root = @accept, owner = @owner, stale_after = @stale, archived = @archived
		where account_id = @account and id = @id`,
		pg.Args{
			"account": account, "id": w.ID, "ref": w.RecordRef, "accept": w.AcceptRoot, "owner": w.Owner, "stale": w.StaleAfter, "archived": w.Archived,
		})
}

// FirstUpload implements drift.CheckTx.
func (t driftTx) FirstUpload(ctx context.Context, workspace uuid.UUID, bodyHash []byte) (*drift.Check, error) {
	rows, err := t.tx.Query(ctx, `-- SELECT workspace_check
		select id, status, root_mismatch, answer as response from workspace_check
		where workspace_id = @workspace and body_hash = @hash and plan_timestamp is not null`,
		pg.Args{"workspace": workspace, "hash": bodyHash})
	if err != nil {
		return nil, err
	}
	checks, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByNameLax[drift.Check])
	if err != nil || len(checks) == 0 {
		return nil, err
	}
	return checks[0], nil
}

// ForgetResponse implements drift.CheckTx. The check's own ID in place of the hash is what retention writes, too.
func (t driftTx) ForgetResponse(ctx context.Context, check uuid.UUID) error {
	return exec(ctx, t.tx, `-- UPDATE workspace_check
		update workspace_check set answer = 'null', body_hash = uuid_send(id) where id = @id`, pg.Args{"id": check})
}

// InsertCheck implements drift.CheckTx.
func (t driftTx) InsertCheck(ctx context.Context, c *drift.Check) error {
	leftOut, err := json.Marshal(leftOutRows(c.LeftOut))
	if err != nil {
		return fmt.Errorf("encode what was left out of a plan: %w", err)
	}
	return exec(ctx, t.tx, `-- INSERT workspace_check
		insert into workspace_check (id, account_id, workspace_id, status, stale, count_new, count_changed, count_unchanged,
			count_resolved, format_version, terraform_version, plan_timestamp, body_hash, answer, actor, trace_id, created_at,
			refreshed, coverage, mode, unproven, reasons, root_mismatch, purpose, ref, commit_sha, run_url, triggered_by,
			failure_reason, left_out, left_out_entries, wrapper_lines, count_suppressed)
		values (@id, @account, @workspace, @status, @stale, @new, @changed, @unchanged,
			@resolved, @format, @terraform, @timestamp, @hash, @answer, @actor, @trace, @at,
			@refreshed, @coverage, @mode, @unproven, @reasons, @mismatch, @purpose, @ref, @commit, @run, @by,
			@failure, @left_out, @left_out_entries, @wrapper, @suppressed)`,
		pg.Args{
			"id": c.ID, "account": c.AccountID, "workspace": c.WorkspaceID, "status": string(c.Status), "stale": c.Stale,
			"new": c.Counts.New, "changed": c.Counts.Changed, "unchanged": c.Counts.Unchanged, "resolved": c.Counts.Resolved,
			"format": c.FormatVersion, "terraform": c.TerraformVersion, "timestamp": c.PlanTimestamp,
			"hash": c.BodyHash, "answer": c.Response, "actor": c.Actor, "trace": c.TraceID, "at": c.CreatedAt,
			"refreshed": string(c.Evidence.Refreshed), "coverage": string(c.Evidence.Coverage), "mode": string(c.Evidence.Mode),
			"unproven": c.Evidence.Unproven, "reasons": append([]string{}, c.Evidence.Reasons...), "mismatch": c.RootMismatch,
			"purpose": string(c.Purpose), "ref": c.Source.Ref, "commit": c.Source.Commit, "run": c.Source.RunURL, "by": c.Source.TriggeredBy,
			"failure": c.FailureReason, "left_out": c.LeftOut.Count, "left_out_entries": leftOut, "wrapper": c.WrapperLines, "suppressed": c.Counts.Suppressed,
		})
}

// leftOutRow is the stored form of an entry that was left out of a plan.
type leftOutRow struct {
	Path     string `json:"path"`
	Resource string `json:"resource"`
	Reason   string `json:"reason"`
}

func leftOutRows(l plan.LeftOut) []leftOutRow {
	rows := make([]leftOutRow, len(l.Entries))
	for i, e := range l.Entries {
		rows[i] = leftOutRow(e)
	}
	return rows
}
