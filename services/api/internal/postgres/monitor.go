package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
)

// MonitorStore is package monitor's database.
type MonitorStore struct{ db *pg.DB }

var _ monitor.Store = (*MonitorStore)(nil)

// NewMonitorStore makes the store on a pool.
func NewMonitorStore(db *pg.DB) *MonitorStore { return &MonitorStore{db} }

const noWorkspace = "there is no such workspace"

// workspaceStatus is the status of a workspace's last check, unless that was too long ago. One that is archived is late with
// nothing.
const workspaceStatus = `case when last_check_at >= case when stale_after is null then @stale_before else now() - make_interval(secs => stale_after) end
	or archived and last_check_at is not null then last_check_status else 'stale' end`

const workspaceColumns = `left(name, 128) as name, ` + workspaceStatus + ` as status, last_check_at, left(owner, 200) as owner, archived`

// Workspaces implements monitor.WorkspaceStore.
func (s *MonitorStore) Workspaces(
	ctx context.Context, account uuid.UUID, f monitor.WorkspaceFilter, limit int, staleBefore time.Time,
) ([]monitor.Workspace, error) {
	args := pg.Args{"account": account, "stale_before": staleBefore, "after": f.After, "limit": limit}
	archived := ""
	if f.Archived != nil {
		archived = map[bool]string{true: " and archived", false: " and not archived"}[*f.Archived]
	}
	return pg.Collect[monitor.Workspace](ctx, s.db, `-- SELECT workspace
		select `+workspaceColumns+`, open.*
		from workspace, lateral (
			select count(*) filter (where suppressed_by is null) as open_drifts, count(suppressed_by) as suppressed
			from drift where account_id = @account and workspace = workspace.name and resolved_at is null
		) open
		where account_id = @account and name > @after`+archived+` order by name limit @limit`, args)
}

// Workspace implements monitor.WorkspaceStore.
func (s *MonitorStore) Workspace(ctx context.Context, account uuid.UUID, name string, staleBefore time.Time) (*monitor.Detail, error) {
	type row struct {
		monitor.Workspace
		RecordRef               *string
		RootKnown, AcceptRoot   bool
		StaleAfter              *int
		CreatedAt               time.Time
		Critical, Warning, Info int
		OldestOpenAt            *time.Time
	}
	r, err := one[row](ctx, s.db, noWorkspace, `-- SELECT workspace
		select `+workspaceColumns+`, open.*, created_at, left(record_ref, 256) as record_ref, root is not null as root_known, accept_root, stale_after
		from workspace, lateral (
			select count(*) filter (where suppressed_by is null) as open_drifts,
				count(suppressed_by) as suppressed,
				count(*) filter (where severity = 'critical' and suppressed_by is null) as critical,
				count(*) filter (where severity = 'warning' and suppressed_by is null) as warning,
				count(*) filter (where severity = 'info' and suppressed_by is null) as info,
				min(first_seen_at) filter (where suppressed_by is null) as oldest_open_at
			from drift where account_id = @account and workspace = @name and resolved_at is null
		) open
		where account_id = @account and name = @name`,
		pg.Args{"account": account, "name": name, "stale_before": staleBefore})
	if err != nil {
		return nil, err
	}
	return &monitor.Detail{
		Workspace: r.Workspace, CreatedAt: r.CreatedAt, WorkspaceSettings: drift.WorkspaceSettings{
			RecordRef: r.RecordRef, RootKnown: r.RootKnown, AcceptRoot: r.AcceptRoot, Owner: r.Owner, StaleAfter: r.StaleAfter, Archived: r.Archived,
		},
		Critical: r.Critical, Warning: r.Warning, Info: r.Info, OldestOpenAt: r.OldestOpenAt,
	}, nil
}

// Trend implements monitor.WorkspaceStore. Each drift is a step up on the day it was first seen and a step down on the day
// it was resolved; those that were open before the first day start on it.
func (s *MonitorStore) Trend(ctx context.Context, account uuid.UUID, workspace string, first, today time.Time) ([]monitor.Day, error) {
	return pg.Collect[monitor.Day](ctx, s.db, `-- SELECT workspace trend
		with day as (
			select generate_series(@first::timestamp, @today::timestamp, interval '1 day')::date as day
		), was_open as (
			select first_seen_at, resolved_at from drift
			where account_id = @account and workspace = @workspace and suppressed_by is null and resolved_at is null
			union all
			select first_seen_at, resolved_at from drift
			where account_id = @account and workspace = @workspace and suppressed_by is null and resolved_at >= @first::timestamp at time zone 'utc'
		), step as (
			select greatest((first_seen_at at time zone 'utc')::date, @first::date) as day, 1 as step from was_open
			union all
			select (resolved_at at time zone 'utc')::date, -1 from was_open where resolved_at is not null
		), drifts as (
			select day, sum(step) as steps from step group by day
		), checks as (
			select (c.created_at at time zone 'utc')::date as day, count(*) as checks, count(*) filter (where c.status = 'failed') as failed
			from workspace_check c
			where c.workspace_id = (select id from workspace where account_id = @account and name = @workspace)
				and c.created_at >= @first::timestamp at time zone 'utc' and `+countsForStatus+`
			group by 1
		)
		select to_char(day, 'YYYY-MM-DD') as date, coalesce(checks, 0) as checks, coalesce(failed, 0) as failed,
			(sum(coalesce(steps, 0)) over (order by day))::bigint as open_drifts
		from day left join checks using (day) left join drifts using (day) order by day`,
		pg.Args{"account": account, "workspace": workspace, "first": first, "today": today})
}

// WorkspaceCounts implements monitor.Store. A workspace that has had nothing but previews, such as that of a pull request's new
// root, has nothing to be late with.
func (s *MonitorStore) WorkspaceCounts(ctx context.Context, staleBefore time.Time) (map[monitor.Status]int, error) {
	return pairs[monitor.Status, int](ctx, s.db, `-- SELECT workspace count
		select `+workspaceStatus+`, count(*) from workspace
		where not archived and (last_check_at is not null or not exists (select from workspace_check where workspace_id = workspace.id))
		group by 1`, pg.Args{"stale_before": staleBefore})
}
