package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
)

// MonitorStore is package monitor's database.
type MonitorStore struct{ db *pg.DB }

var _ monitor.Store = (*MonitorStore)(nil)

// NewMonitorStore makes the store on a pool.
func NewMonitorStore(db *pg.DB) *MonitorStore { return &MonitorStore{db} }

// workspaceStatus is what a workspace's last check said, unless that was too long ago.
const workspaceStatus = `case when last_check_at >= @stale_before then last_check_status else 'stale' end`

// Workspaces implements monitor.Store.
func (s *MonitorStore) Workspaces(ctx context.Context, account uuid.UUID, staleBefore time.Time) ([]monitor.Workspace, error) {
	return collect[monitor.Workspace](ctx, s.db, `-- SELECT workspace
		select name, `+workspaceStatus+` as status, last_check_at, coalesce(open.drifts, 0) as open_drifts
		from workspace left join (
			select workspace, count(*) as drifts from drift
			where account_id = @account and resolved_at is null group by workspace
		) open on open.workspace = workspace.name
		where account_id = @account order by name`,
		pg.Args{"account": account, "stale_before": staleBefore})
}

// WorkspaceCounts implements monitor.Store.
func (s *MonitorStore) WorkspaceCounts(ctx context.Context, staleBefore time.Time) (map[monitor.Status]int, error) {
	return pairs[monitor.Status, int](ctx, s.db, `-- SELECT workspace count
		select `+workspaceStatus+`, count(*) from workspace group by 1`, pg.Args{"stale_before": staleBefore})
}
