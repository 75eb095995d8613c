package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// checkRow is a check as it is read.
type checkRow struct {
	ID        uuid.UUID
	Workspace string
	Status    drift.CheckStatus
	Stale     bool
	Purpose   drift.Purpose
	event.Counts
	drift.Evidence
	RootMismatch bool
	drift.Source
	FailureReason    string
	LeftOut          int
	LeftOutEntries   []leftOutRow
	WrapperLines     int
	FormatVersion    string
	TerraformVersion string
	PlanTimestamp    *time.Time
	Actor            string
	TraceID          string
	CreatedAt        time.Time
}

func (r checkRow) check() drift.Check {
	c := drift.Check{
		ID: r.ID, Workspace: r.Workspace, Status: r.Status, Stale: r.Stale, Purpose: r.Purpose, Counts: r.Counts,
		Evidence: r.Evidence, RootMismatch: r.RootMismatch, Source: r.Source, FailureReason: r.FailureReason,
		LeftOut: plan.LeftOut{Count: r.LeftOut}, WrapperLines: r.WrapperLines, FormatVersion: r.FormatVersion,
		TerraformVersion: r.TerraformVersion, PlanTimestamp: r.PlanTimestamp, Actor: r.Actor, TraceID: r.TraceID, CreatedAt: r.CreatedAt,
	}
	for _, e := range r.LeftOutEntries {
		c.LeftOut.Entries = append(c.LeftOut.Entries, plan.Omission(e))
	}
	return c
}

// checkColumns are those of the checks, c, with the names of their workspaces, w, except for the entries that were left out of
// their plans.
const checkColumns = `c.id, w.name as workspace, c.status, c.stale, c.purpose,
	c.count_new as new, c.count_changed as changed, c.count_unchanged as unchanged, c.count_resolved as resolved, c.count_suppressed as suppressed,
	coalesce(c.refreshed, '') as refreshed, coalesce(c.coverage, '') as coverage, c.mode, c.unproven,
	array(select left(reason, 1000) from unnest(c.reasons[1:20]) reason) as reasons, c.root_mismatch,
	left(c.ref, 256) as ref, left(c.commit_sha, 64) as commit, left(c.run_url, 2048) as run_url, left(c.triggered_by, 256) as triggered_by,
	left(c.failure_reason, 1000) as failure_reason, c.left_out, c.wrapper_lines, left(c.format_version, 64) as format_version,
	left(c.terraform_version, 64) as terraform_version, c.plan_timestamp, left(c.actor, 320) as actor, left(c.trace_id, 32) as trace_id, c.created_at`

// withEntries reads the entries that were left out, noEntries leaves them where they are: they would make long lists.
const (
	withEntries = `, case when pg_column_size(c.left_out_entries) <= 32768 then c.left_out_entries else '[]' end as left_out_entries`
	noEntries   = `, '[]'::jsonb as left_out_entries`
)

const fromChecks = ` from workspace_check c join workspace w on w.id = c.workspace_id `

// countsForStatus is a check that a workspace's status can be of.
const countsForStatus = `not c.stale and c.purpose = 'record' and (not c.root_mismatch or c.status = 'failed')`

// lastGoodCheck is the id of the last one of these of the workspace w that did not fail.
const lastGoodCheck = `select c.id from workspace_check c where c.workspace_id = w.id and c.status <> 'failed' and ` + countsForStatus + `
	order by c.created_at desc, c.id desc limit 1`

func checkFilter(account uuid.UUID, f monitor.CheckFilter) (string, pg.Args) {
	filter, args := "", pg.Args{"account": account}
	switch len(f.Workspace) {
	case 0:
	case 1:
		filter += " and c.workspace_id = (select id from workspace where account_id = @account and name = @workspace)"
		args["workspace"] = f.Workspace[0]
	default:
		filter += " and c.workspace_id in (select id from workspace where account_id = @account and name = any(@workspace))"
		args["workspace"] = f.Workspace
	}
	oneOf(func(condition string) { filter += " and c." + condition }, args, "status", f.Status)
	if f.Purpose != "" {
		filter += " and c.purpose = @purpose"
		args["purpose"] = string(f.Purpose)
	}
	if f.From != nil {
		filter += " and c.created_at >= @from"
		args["from"] = *f.From
	}
	if f.To != nil {
		filter += " and c.created_at < @to"
		args["to"] = *f.To
	}
	return filter, args
}

// readChecks runs a query for checks.
func (s *MonitorStore) readChecks(ctx context.Context, sql string, args pg.Args) ([]drift.Check, error) {
	rows, err := pg.Collect[checkRow](ctx, s.db, sql, args)
	if err != nil {
		return nil, err
	}
	return column(rows, checkRow.check), nil
}

// listedCheck is a check of a list.
type listedCheck struct {
	checkRow
	listed
}

// Checks implements monitor.CheckStore.
func (s *MonitorStore) Checks(ctx context.Context, account uuid.UUID, f monitor.CheckFilter, r list.Range) (list.Part[drift.Check], error) {
	filter, args := checkFilter(account, f)
	return readPart(ctx, s.db, listing{
		name: "workspace_check", columns: checkColumns + noEntries, table: "workspace_check", alias: "c",
		join: " join workspace w on w.id = c.workspace_id", filter: filter, head: streamHead,
	}, r, args, func(row listedCheck) (drift.Check, listed) { return row.check(), row.listed })
}

// Check implements monitor.CheckStore.
func (s *MonitorStore) Check(ctx context.Context, account, id uuid.UUID) (*drift.Check, list.Head, error) {
	type withHead struct {
		checkRow
		Head list.Head
	}
	row, err := one[withHead](ctx, s.db, "there is no such check", "-- SELECT workspace_check\nselect "+checkColumns+withEntries+", "+streamHead+
		" as head"+fromChecks+"where c.account_id = @account and c.id = @id", pg.Args{"account": account, "id": id})
	if err != nil {
		return nil, "", err
	}
	check := row.check()
	return &check, row.Head, nil
}

// LastChecks implements monitor.WorkspaceStore. The last one is what the workspace names: of two of the same time it knows
// which was written later.
func (s *MonitorStore) LastChecks(ctx context.Context, account uuid.UUID, workspace string) (monitor.LastChecks, error) {
	checks, err := s.readChecks(ctx, "-- SELECT workspace_check\nselect "+checkColumns+noEntries+fromChecks+`
		where w.account_id = @account and w.name = @workspace and c.id in (w.last_check_id, (`+lastGoodCheck+`))
		order by c.id = w.last_check_id desc`,
		pg.Args{"account": account, "workspace": workspace})
	var last monitor.LastChecks
	for i := range checks {
		if i == 0 {
			last.Last = &checks[i]
		}
		if checks[i].Status != drift.CheckErrored {
			last.LastGood = &checks[i]
			break
		}
	}
	return last, err
}
