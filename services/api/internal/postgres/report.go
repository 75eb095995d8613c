package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Summary implements drift.Reports.
func (s *DriftStore) Summary(ctx context.Context, account uuid.UUID, since time.Time) (drift.Summary, error) {
	type drifts struct {
		Total, Detected, Triaged, Approved, Rejected, Resolved int
		Critical, Warning, Info                                int
		Impact, Savings                                        float64
		Median, P90                                            *float64
	}
	args := pg.Args{"account": account, "since": since}
	d, err := one[drifts](ctx, s.db, "", `-- SELECT drift summary
		select count(*) as total,
			count(*) filter (where status = 'detected') as detected,
			count(*) filter (where status = 'triaged') as triaged,
			count(*) filter (where status = 'approved') as approved,
			count(*) filter (where status = 'rejected') as rejected,
			count(*) filter (where status = 'resolved') as resolved,
			count(*) filter (where severity = 'critical') as critical,
			count(*) filter (where severity = 'warning') as warning,
			count(*) filter (where severity = 'info') as info,
			coalesce(sum(cost_impact_monthly) filter (where status <> 'resolved'), 0)::float8 as impact,
			coalesce(sum(cost_impact_monthly) filter (where status = 'rejected'), 0)::float8 as savings,
			percentile_cont(0.5) within group (order by extract(epoch from resolved_at - detected_at)::float8) as median,
			percentile_cont(0.9) within group (order by extract(epoch from resolved_at - detected_at)::float8) as p90
		from drift where account_id = @account and detected_at >= @since`, args)
	if err != nil {
		return drift.Summary{}, err
	}
	type alerts struct{ Total, Unread int }
	a, err := one[alerts](ctx, s.db, "", `-- SELECT alert summary
		select count(*) as total, count(*) filter (where not is_read) as unread
		from alert where account_id = @account and created_at >= @since`, args)
	if err != nil {
		return drift.Summary{}, err
	}
	var sum drift.Summary
	sum.Drifts.Total = d.Total
	sum.Drifts.ByStatus = map[drift.Status]int{
		drift.Detected: d.Detected, drift.Triaged: d.Triaged, drift.Approved: d.Approved,
		drift.Rejected: d.Rejected, drift.Resolved: d.Resolved,
	}
	sum.Drifts.BySeverity = map[drift.Severity]int{plan.Critical: d.Critical, plan.Warning: d.Warning, plan.Info: d.Info}
	sum.Alerts.Total, sum.Alerts.Unread = a.Total, a.Unread
	sum.Cost.TotalMonthlyImpact, sum.Cost.ProjectedSavings = d.Impact, d.Savings
	sum.TimeToResolve.Median, sum.TimeToResolve.P90 = d.Median, d.P90
	return sum, nil
}

// CostTrend implements drift.Reports. Each drift is a step up on the day it was first seen and a step down on the day it
// was resolved; what is before the first day starts on it.
func (s *DriftStore) CostTrend(ctx context.Context, account uuid.UUID, first, today time.Time) ([]drift.CostDay, error) {
	return collect[drift.CostDay](ctx, s.db, `-- SELECT drift cost
		with day as (
			select generate_series(@first::timestamp, @today::timestamp, interval '1 day')::date as day
		), step as (
			select greatest((first_seen_at at time zone 'utc')::date, @first::date) as day, cost_impact_monthly as cost, 0 as resolved
			from drift where account_id = @account
			union all
			select greatest((resolved_at at time zone 'utc')::date, @first::date), -cost_impact_monthly,
				case when (resolved_at at time zone 'utc')::date >= @first::date then cost_impact_monthly else 0 end
			from drift where account_id = @account and resolved_at is not null
		)
		select to_char(day, 'YYYY-MM-DD') as date,
			(sum(coalesce(sum(cost), 0)) over (order by day))::float8 as cost,
			coalesce(sum(resolved), 0)::float8 as resolved
		from day left join step using (day) group by day order by day`,
		pg.Args{"account": account, "first": first, "today": today})
}

// SeverityCounts implements drift.Reports.
func (s *DriftStore) SeverityCounts(ctx context.Context, account uuid.UUID) (map[drift.Severity]int, error) {
	return counts[drift.Severity](ctx, s.db, `-- SELECT drift count
		select severity, count(*) from drift where account_id = @account group by severity`, pg.Args{"account": account})
}

// StatusCounts implements drift.Reports.
func (s *DriftStore) StatusCounts(ctx context.Context, account uuid.UUID) (map[drift.Status]int, error) {
	return counts[drift.Status](ctx, s.db, `-- SELECT drift count
		select status, count(*) from drift where account_id = @account group by status`, pg.Args{"account": account})
}
