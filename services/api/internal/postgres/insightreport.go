package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/insight"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// insightFacts are the drifts that were open at some time of the window, each with what it counts for. Each of the two conditions has a
// partial index. What was decided or detected in the window is open, or was resolved in it. The times are seconds, and null where they do
// not count. A resolution that no plan's state proves is a person's decision.
const insightFacts = `
	select severity, key, resolved_at is null as open, shown, status = 'approved' as approved, previous_id is not null as returned,
		created_at >= @since as created, detected_at >= @since as detected,
		case when shown and resolved_at is null and status <> 'approved' then greatest(date_part('epoch', @at - detected_at), 0) end as age,
		case when shown and decided_at >= @since then greatest(date_part('epoch', decided_at - detected_at), 0) end as decision,
		case when shown and resolved_at >= @since then greatest(date_part('epoch', resolved_at - detected_at), 0) end as resolution,
		case when shown and settled_at >= @since then greatest(date_part('epoch', settled_at - detected_at), 0) end as settlement,
		case severity when 'critical' then @critical::float8 when 'warning' then @warning::float8 else @info::float8 end as target
	from (
		select d.severity, %s as key, d.status, d.previous_id, d.created_at, d.detected_at, d.resolved_at, d.suppressed_by is null as shown,
			coalesce(d.approved_at, d.rejected_at, case when d.resolved_basis = 'decision' then d.resolved_at end) as decided_at,
			coalesce(d.approved_at, d.resolved_at) as settled_at
		from drift d%s `

// insightWindow ends the condition on the drifts of insightFacts.
const insightWindow = ` and (d.resolved_at is null or d.resolved_at >= @since)) drift`

// insightNumbers counts facts.
var insightNumbers = `count(*) filter (where open and shown) as open, count(age) as unsettled, count(*) filter (where open and shown and approved) as approved,
	count(*) filter (where open and not shown) as suppressed,
	percentile_cont(array[0.5, 0.9, 1]) within group (order by age) as age,
	array[` + insightAges() + `] as ages,
	count(*) filter (where created and not returned) as new, count(*) filter (where created and returned) as returned,
	count(*) filter (where detected and not created) as reopened, count(*) filter (where detected and not shown) as suppressed_new,
	count(decision) as decided, percentile_cont(array[0.5, 0.9, 1]) within group (order by decision) as decision,
	count(resolution) as resolved, percentile_cont(array[0.5, 0.9, 1]) within group (order by resolution) as resolution,
	count(*) filter (where age > target) as overdue, count(*) filter (where settlement > target) as late,
	count(*) filter (where settlement <= target) as in_time`

func insightAges() string {
	counts, from := make([]string, 0, len(insight.AgeBounds)+1), 0.0
	for _, bound := range insight.AgeBounds {
		counts = append(counts, fmt.Sprintf("count(*) filter (where age >= %.0f and age < %.0f)", from, bound.Seconds()))
		from = bound.Seconds()
	}
	return strings.Join(append(counts, fmt.Sprintf("count(*) filter (where age >= %.0f)", from)), ", ")
}

// insightRow is a row of insightNumbers.
type insightRow struct {
	Key, Label                             *string
	Open, Unsettled, Approved, Suppressed  int
	Age                                    []float64
	Ages                                   []int
	New, Returned, Reopened, SuppressedNew int
	Decided                                int
	Decision                               []float64
	Resolved                               int
	Resolution                             []float64
	Overdue, Late, InTime                  int
	IsTotal                                bool
	Groups                                 int
}

func (r *insightRow) numbers() insight.Numbers {
	return insight.Numbers{
		Key: r.Key, Label: r.Label, Open: r.Open, Unsettled: r.Unsettled, Approved: r.Approved, Suppressed: r.Suppressed,
		Age: spread(r.Unsettled, r.Age), Ages: r.Ages,
		New: r.New, Returned: r.Returned, Reopened: r.Reopened, SuppressedNew: r.SuppressedNew,
		Decision: spread(r.Decided, r.Decision), Resolution: spread(r.Resolved, r.Resolution),
		Overdue: r.Overdue, Late: r.Late, InTime: r.InTime,
	}
}

func spread(count int, percentiles []float64) insight.Spread {
	s := insight.Spread{Count: count}
	if count > 0 {
		s.Median, s.P90, s.Max = &percentiles[0], &percentiles[1], &percentiles[2]
	}
	return s
}

// insightKeys are what drifts are grouped by. A drift without an owner has that of its workspace, as in notifications.
var insightKeys = map[insight.By]string{
	insight.BySeverity: "d.severity", insight.ByWorkspace: "d.workspace", insight.ByOwner: insightOwner, insight.ByType: "left(d.resource_type, 256)",
	insight.ByRule: "d.suppressed_by::text",
}

const (
	insightOwner = "left(coalesce(d.owner, w.owner), 200)"
	insightJoin  = " left join workspace w on w.account_id = d.account_id and w.name = d.workspace"
)

// insightOrders are what groups are sorted by.
var insightOrders = map[insight.SortKey]string{
	insight.SortByNoise: "new + returned + reopened desc, suppressed desc", insight.SortByUnsettled: "unsettled desc", insight.SortByOverdue: "overdue desc, unsettled desc",
}

func insightArgs(t insight.Targets, since, at time.Time) pg.Args {
	target := func(s drift.Severity) *float64 {
		if d := t.Of(s); d > 0 {
			return new(d.Seconds())
		}
		return nil
	}
	return pg.Args{"since": since, "at": at, "critical": target(plan.Critical), "warning": target(plan.Warning), "info": target(plan.Info)}
}

// insightWhere is the condition on the drifts of a report, and what it joins.
func insightWhere(account uuid.UUID, q insight.Query, args pg.Args) (where, join string) {
	where = "where d.account_id = @account"
	args["account"] = account
	add := func(condition string) { where += " and " + condition }
	oneOf(add, args, "workspace", q.Workspace)
	oneOf(add, args, "severity", q.Severity)
	if len(q.Owner) > 0 {
		add(insightOwner + " = any(@owner)")
		args["owner"] = q.Owner
	}
	if q.By == insight.ByRule {
		add("d.suppressed_by is not null")
	}
	if len(q.Owner) > 0 || q.By == insight.ByOwner {
		join = insightJoin
	}
	return where + insightWindow, join
}

// Report implements insight.ReportStore.
func (s *InsightStore) Report(ctx context.Context, account uuid.UUID, q insight.Query, t insight.Targets, since, at time.Time) (insight.Report, error) {
	args := insightArgs(t, since, at)
	where, join := insightWhere(account, q, args)
	facts := fmt.Sprintf(insightFacts, insightKeys[q.By], join)
	if q.By == insight.BySeverity {
		rows, err := pg.Collect[insightRow](ctx, s.db, "-- SELECT insight\n"+overviewStart+facts+where+overviewEnd, args)
		all := overview(rows)
		return insight.Report{Total: all[0], Numbers: all[1:], Groups: len(all) - 1}, err
	}
	label := "null::text"
	if q.By == insight.ByRule {
		label = "(select reason from rule where rule.account_id = @account and rule.id = key::uuid)"
	}
	args["limit"] = q.Limit
	rows, err := pg.Collect[insightRow](ctx, s.db, `-- SELECT insight group
		select *, `+label+` as label, false as is_total from (
			select key, `+insightNumbers+`, count(*) over () as groups from (`+facts+where+`) fact group by key
		) numbers order by `+insightOrders[q.SortBy]+`, key limit @limit`, args)
	r := insight.Report{Numbers: make([]insight.Numbers, len(rows))}
	for i := range rows {
		r.Groups, r.Numbers[i] = rows[i].Groups, rows[i].numbers()
	}
	return r, err
}

// Load implements insight.ReportStore.
func (s *InsightStore) Load(ctx context.Context, t insight.Targets, since, at time.Time) ([]insight.Numbers, error) {
	facts := fmt.Sprintf(insightFacts, insightKeys[insight.BySeverity], " where d.account_id = any(array(select id from account))")
	rows, err := pg.Collect[insightRow](ctx, s.db, "-- SELECT insight\n"+overviewStart+facts+insightWindow+overviewEnd, insightArgs(t, since, at))
	return overview(rows)[1:], err
}

// An overview is the numbers of all facts, and of each severity.
var (
	overviewStart = `select key, null::text as label, ` + insightNumbers + `, grouping(key) = 1 as is_total, 0 as groups from (`
	overviewEnd   = ") fact group by grouping sets ((), (key))"
)

// overview has the numbers of all facts, and then of each severity, also of one without drifts.
func overview(rows []insightRow) []insight.Numbers {
	all := make([]insight.Numbers, 1+len(drift.Severities))
	for i, severity := range drift.Severities {
		all[1+i] = insight.Numbers{Key: new(string(severity)), Ages: make([]int, len(insight.AgeBounds)+1)}
	}
	for i := range rows {
		for j := range all {
			if rows[i].IsTotal && j == 0 || !rows[i].IsTotal && j > 0 && *all[j].Key == *rows[i].Key {
				all[j] = rows[i].numbers()
			}
		}
	}
	return all
}
