package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/insight"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// InsightStore is package insight's database.
type InsightStore struct{ db *pg.DB }

var _ insight.Store = (*InsightStore)(nil)

// NewInsightStore makes the store on a pool.
func NewInsightStore(db *pg.DB) *InsightStore { return &InsightStore{db} }

// Summary implements insight.Store.
func (s *InsightStore) Summary(ctx context.Context, account uuid.UUID, workspaces []string, since time.Time) (insight.Summary, error) {
	type drifts struct {
		Total, Detected, Triaged, Approved, Rejected, Resolved int
		Critical, Warning, Info, Suppressed                    int
		Impact, Savings                                        float64
		Median, P90                                            *float64
	}
	where, args := driftWhere(account, drift.Filter{Workspace: workspaces})
	args["since"] = since
	d, err := one[drifts](ctx, s.db, "", `-- SELECT drift summary
		select count(*) filter (where shown) as total,
			count(*) filter (where shown and status = 'detected') as detected,
			count(*) filter (where shown and status = 'triaged') as triaged,
			count(*) filter (where shown and status = 'approved') as approved,
			count(*) filter (where shown and status = 'rejected') as rejected,
			count(*) filter (where shown and status = 'resolved') as resolved,
			count(*) filter (where shown and severity = 'critical') as critical,
			count(*) filter (where shown and severity = 'warning') as warning,
			count(*) filter (where shown and severity = 'info') as info,
			count(*) filter (where not shown) as suppressed,
			coalesce(sum(cost_impact_monthly) filter (where shown and status <> 'resolved'), 0)::float8 as impact,
			coalesce(sum(cost_impact_monthly) filter (where shown and status = 'rejected'), 0)::float8 as savings,
			percentile_cont(0.5) within group (order by extract(epoch from resolved_at - detected_at)::float8) filter (where shown) as median,
			percentile_cont(0.9) within group (order by extract(epoch from resolved_at - detected_at)::float8) filter (where shown) as p90
		from (select *, suppressed_by is null as shown from drift) drift `+where+` and detected_at >= @since`, args)
	if err != nil {
		return insight.Summary{}, err
	}
	about := ""
	if len(workspaces) > 0 {
		about = " and exists (select from drift " + where + " and drift.id = alert.drift_id)"
	}
	type alerts struct{ Total, Unread int }
	a, err := one[alerts](ctx, s.db, "", `-- SELECT alert summary
		select count(*) as total, count(*) filter (where not is_read) as unread
		from alert where account_id = @account and created_at >= @since`+about, args)
	if err != nil {
		return insight.Summary{}, err
	}
	return insight.Summary{
		Drifts: d.Total, Suppressed: d.Suppressed,
		ByStatus: map[drift.Status]int{
			drift.Detected: d.Detected, drift.Triaged: d.Triaged, drift.Approved: d.Approved,
			drift.Rejected: d.Rejected, drift.Resolved: d.Resolved,
		},
		BySeverity: map[drift.Severity]int{plan.Critical: d.Critical, plan.Warning: d.Warning, plan.Info: d.Info},
		Alerts:     a.Total, UnreadAlerts: a.Unread,
		MonthlyImpact: d.Impact, Savings: d.Savings, MedianSeconds: d.Median, P90Seconds: d.P90,
	}, nil
}

// CostTrend implements insight.Store. Each drift is a step up on the day it was first seen and a step down on the day it
// was resolved; what is before the first day starts on it.
func (s *InsightStore) CostTrend(ctx context.Context, account uuid.UUID, workspaces []string, first, today time.Time) ([]insight.CostDay, error) {
	where, args := driftWhere(account, drift.Filter{Workspace: workspaces})
	args["first"], args["today"] = first, today
	return pg.Collect[insight.CostDay](ctx, s.db, `-- SELECT drift cost
		with day as (
			select generate_series(@first::timestamp, @today::timestamp, interval '1 day')::date as day
		), step as (
			select greatest((first_seen_at at time zone 'utc')::date, @first::date) as day, cost_impact_monthly as cost, 0 as resolved
			from drift `+where+` and suppressed_by is null
			union all
			select greatest((resolved_at at time zone 'utc')::date, @first::date), -cost_impact_monthly,
				case when (resolved_at at time zone 'utc')::date >= @first::date then cost_impact_monthly else 0 end
			from drift `+where+` and suppressed_by is null and resolved_at is not null
		)
		select to_char(day, 'YYYY-MM-DD') as date,
			(sum(coalesce(sum(cost), 0)) over (order by day))::float8 as cost,
			coalesce(sum(resolved), 0)::float8 as resolved
		from day left join step using (day) group by day order by day`, args)
}

// SeverityCounts implements insight.Store.
func (s *InsightStore) SeverityCounts(ctx context.Context, account uuid.UUID, workspaces []string) (map[drift.Severity]int, int, error) {
	return countsBy[drift.Severity](ctx, s.db, "severity", account, workspaces)
}

// StatusCounts implements insight.Store.
func (s *InsightStore) StatusCounts(ctx context.Context, account uuid.UUID, workspaces []string) (map[drift.Status]int, int, error) {
	return countsBy[drift.Status](ctx, s.db, "status", account, workspaces)
}

// countsBy counts drifts by a column. Those that rules ignore are counted together, under no value.
func countsBy[K ~string](ctx context.Context, db *pg.DB, column string, account uuid.UUID, workspaces []string) (map[K]int, int, error) {
	where, args := driftWhere(account, drift.Filter{Workspace: workspaces})
	counts, err := pairs[K, int](ctx, db, "-- SELECT drift count\nselect case when suppressed_by is null then "+column+
		" else '' end, count(*) from drift "+where+" group by 1", args)
	suppressed := counts[""]
	delete(counts, "")
	return counts, suppressed, err
}
