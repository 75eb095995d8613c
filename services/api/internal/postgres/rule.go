package postgres

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

const ruleColumns = `rule.id, rule.account_id, rule.position, rule.status, rule.effect, rule.workspaces, rule.addresses, rule.types, rule.providers,
	rule.paths, rule.origins, rule.no_op, rule.severity, rule.owner, rule.reason, rule.expires_at, rule.created_at, rule.created_by, rule.accepted_at,
	rule.accepted_by, rule.updated_at, rule.updated_by, rule.ended_at, rule.ended_by, rule.ended_how`

// shownRule is ruleColumns, no longer than the API lets them become, and how many open drifts the rule suppresses.
const shownRule = `rule.id, rule.account_id, rule.position, rule.status, rule.effect, ` + shownGlobs + `, rule.no_op, rule.severity,
	left(rule.owner, 200) as owner, left(rule.reason, 1000) as reason, rule.expires_at, rule.created_at, left(rule.created_by, 320) as created_by, rule.accepted_at,
	left(rule.accepted_by, 320) as accepted_by, rule.updated_at, left(rule.updated_by, 320) as updated_by, rule.ended_at, left(rule.ended_by, 320) as ended_by,
	rule.ended_how` + countsSuppressed

const shownGlobs = `array(select left(glob, 256) from unnest(workspaces[1:20]) glob) as workspaces,
	array(select left(glob, 256) from unnest(addresses[1:20]) glob) as addresses, array(select left(glob, 256) from unnest(types[1:20]) glob) as types,
	array(select left(glob, 256) from unnest(providers[1:20]) glob) as providers, array(select left(glob, 256) from unnest(paths[1:20]) glob) as paths,
	array(select left(glob, 256) from unnest(origins[1:20]) glob) as origins`

// countsSuppressed adds how many open drifts a rule suppresses.
const countsSuppressed = `, (select count(*) from drift where drift.account_id = rule.account_id and suppressed_by = rule.id and resolved_at is null)
	as suppressed_drifts`

const notCounted = ", 0 as suppressed_drifts"

const noRule = "there is no such rule"

// ListRules implements drift.RuleReader.
func (s *DriftStore) ListRules(ctx context.Context, account uuid.UUID, f drift.RuleFilter, r list.Range) (list.Part[rule.Rule], error) {
	type row struct {
		rule.Rule
		listed
	}
	filter, sort, beyond, direction, key := "ended_at is null", "position", ">", "asc", "int"
	args := pg.Args{"account": account, "limit": r.Size + 1, "offset": r.Offset(), "status": string(f.Status)}
	switch f.Status {
	case rule.Ended:
		filter, sort, beyond, direction, key = "ended_at is not null", "ended_at", "<", "desc", "timestamptz"
	case rule.Proposed, rule.Active:
		filter += " and status = @status"
	}
	place := ""
	if r.After != nil {
		at, err := rulePlace(f, *r.After)
		if err != nil {
			return list.Part[rule.Rule]{}, err
		}
		place = " and (" + sort + ", id) " + beyond + " (@key::" + key + ", @after)"
		args["key"], args["after"], args["offset"] = at, r.After.ID, 0
	}
	rows, err := pg.Collect[row](ctx, s.db, "-- SELECT rule\nselect "+shownRule+", "+streamHead+" as head, (select count(*) from rule where account_id = @account and "+filter+") as total"+
		" from rule where account_id = @account and "+filter+place+" order by "+sort+" "+direction+", id "+direction+" limit @limit offset @offset", args)
	if err != nil {
		return list.Part[rule.Rule]{}, err
	}
	part := list.Part[rule.Rule]{Items: make([]rule.Rule, 0, len(rows)), More: len(rows) > r.Size}
	for _, row := range rows[:min(len(rows), r.Size)] {
		part.Items, part.Total, part.Head = append(part.Items, row.Rule), row.Total, row.Head
	}
	if len(rows) == 0 {
		empty, err := one[listed](ctx, s.db, "", "-- SELECT rule count\nselect "+streamHead+" as head, (select count(*) from rule where account_id = @account and "+filter+") as total", args)
		if err != nil {
			return part, err
		}
		part.Total, part.Head = empty.Total, empty.Head
	}
	return part, nil
}

// rulePlace is the key of a place in a list of rules.
func rulePlace(f drift.RuleFilter, p list.Place) (any, error) {
	if f.Status == rule.Ended {
		return p.Time()
	}
	n, err := strconv.ParseInt(p.Key, 10, 32)
	if err != nil {
		return nil, list.ErrPlace
	}
	return n, nil
}

// Rule implements drift.RuleReader.
func (s *DriftStore) Rule(ctx context.Context, account, id uuid.UUID) (*rule.Rule, error) {
	return one[rule.Rule](ctx, s.db, noRule, "-- SELECT rule\nselect "+shownRule+" from rule where account_id = @account and id = @id",
		pg.Args{"account": account, "id": id})
}

// ActiveRules implements drift.ActiveRules.
func (s *DriftStore) ActiveRules(ctx context.Context, account uuid.UUID) (int64, []rule.Rule, error) {
	return activeRules(ctx, s.db, account)
}

// ActiveRules implements drift.ActiveRules.
func (t driftTx) ActiveRules(ctx context.Context, account uuid.UUID) (int64, []rule.Rule, error) {
	return activeRules(ctx, t.tx, account)
}

// activeRules reads the rules with their version. The version comes first: rules that change in between are applied under it, and
// read again with the next one.
func activeRules(ctx context.Context, q pg.Querier, account uuid.UUID) (int64, []rule.Rule, error) {
	args := pg.Args{"account": account}
	version, err := pg.Scalar[int64](ctx, q, "-- SELECT account\nselect rules_version from account where id = @account", args)
	if err != nil {
		return 0, nil, err
	}
	rules, err := pg.Collect[rule.Rule](ctx, q, "-- SELECT rule\nselect "+ruleColumns+notCounted+
		" from rule where account_id = @account and ended_at is null and status = 'active' order by position, id", args)
	return version, rules, err
}

// RulesVersion implements drift.RuleTx.
func (t driftTx) RulesVersion(ctx context.Context, account uuid.UUID) (int64, error) {
	return pg.Scalar[int64](ctx, t.tx, "-- SELECT account\nselect rules_version from account where id = @account", pg.Args{"account": account})
}

// LockRules implements drift.RuleTx.
func (t driftTx) LockRules(ctx context.Context, account uuid.UUID) ([]rule.Rule, error) {
	args := pg.Args{"account": account}
	if err := exec(ctx, t.tx, "-- SELECT account for update\nselect from account where id = @account for no key update", args); err != nil {
		return nil, err
	}
	return pg.Collect[rule.Rule](ctx, t.tx, "-- SELECT rule\nselect "+ruleColumns+notCounted+
		" from rule where account_id = @account and ended_at is null order by position, id", args)
}

// InsertRule implements drift.RuleTx.
func (t driftTx) InsertRule(ctx context.Context, r *rule.Rule) error {
	return exec(ctx, t.tx, `-- INSERT rule
		insert into rule (id, account_id, position, status, effect, workspaces, addresses, types, providers, paths, origins, no_op, severity,
			owner, reason, expires_at, created_at, created_by, accepted_at, accepted_by, updated_at, updated_by)
		values (@id, @account, @position, @status, @effect, @workspaces, @addresses, @types, @providers, @paths, @origins, @no_op, @severity,
			@owner, @reason, @expires, @created_at, @created_by, @accepted_at, @accepted_by, @updated_at, @updated_by)`, ruleArgs(r))
}

// SaveRules implements drift.RuleTx.
func (t driftTx) SaveRules(ctx context.Context, rules []rule.Rule) error {
	for i := range rules {
		if err := t.tx.Later(ctx, `-- UPDATE rule
			update rule set position = @position, status = @status, workspaces = @workspaces, addresses = @addresses, types = @types,
				providers = @providers, paths = @paths, origins = @origins, no_op = @no_op, severity = @severity, owner = @owner, reason = @reason,
				expires_at = @expires, accepted_at = @accepted_at, accepted_by = @accepted_by, updated_at = @updated_at, updated_by = @updated_by,
				ended_at = @ended_at, ended_by = @ended_by, ended_how = @ended_how
			where account_id = @account and id = @id`, ruleArgs(&rules[i]), nil); err != nil {
			return err
		}
	}
	return nil
}

func ruleArgs(r *rule.Rule) pg.Args {
	return pg.Args{
		"id": r.ID, "account": r.AccountID, "position": r.Position, "status": string(r.Status), "effect": string(r.Effect),
		"workspaces": r.Workspaces, "addresses": r.Addresses, "types": r.Types, "providers": r.Providers, "paths": r.Paths, "origins": r.Origins,
		"no_op": r.NoOp, "severity": r.Severity, "owner": r.Owner, "reason": r.Reason, "expires": r.ExpiresAt, "created_at": r.CreatedAt,
		"created_by": r.CreatedBy, "accepted_at": r.AcceptedAt, "accepted_by": r.AcceptedBy, "updated_at": r.UpdatedAt, "updated_by": r.UpdatedBy,
		"ended_at": r.EndedAt, "ended_by": r.EndedBy, "ended_how": (*string)(r.EndedHow),
	}
}

// RequestRules implements drift.RuleTx. A run that is under way starts again.
func (t driftTx) RequestRules(ctx context.Context, account uuid.UUID) error {
	args := pg.Args{"account": account}
	if err := t.tx.Later(ctx, "-- UPDATE account\nupdate account set rules_version = rules_version + 1 where id = @account", args, nil); err != nil {
		return err
	}
	return t.tx.Later(ctx, `-- UPSERT rule_run
		insert into rule_run (account_id) values (@account)
		on conflict (account_id) do update set workspace = default, after = default, begun_at = default`, args, nil)
}

// RuleRuns implements drift.RuleWork.
func (s *DriftStore) RuleRuns(ctx context.Context) ([]uuid.UUID, error) {
	return pg.Scalars[uuid.UUID](ctx, s.db, "-- SELECT rule_run\nselect account_id from rule_run order by begun_at limit 100", pg.Args{})
}

// ExpiredRules implements drift.RuleWork.
func (s *DriftStore) ExpiredRules(ctx context.Context, by time.Time) ([]uuid.UUID, error) {
	return pg.Scalars[uuid.UUID](ctx, s.db, `-- SELECT rule
		select distinct account_id from rule where status = 'active' and expires_at <= @by limit 100`, pg.Args{"by": by})
}

// LockRun implements drift.RunTx.
func (t driftTx) LockRun(ctx context.Context, account uuid.UUID) (*drift.RuleRun, error) {
	runs, err := pg.Collect[drift.RuleRun](ctx, t.tx, `-- SELECT rule_run for update
		select workspace, after from rule_run where account_id = @account for update skip locked`, pg.Args{"account": account})
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	return &runs[0], nil
}

// LockRunWorkspace implements drift.RunTx.
func (t driftTx) LockRunWorkspace(ctx context.Context, account uuid.UUID, run drift.RuleRun) (string, error) {
	names, err := pg.Scalars[string](ctx, t.tx, `-- SELECT workspace for update
		select name from workspace
		where account_id = @account and name >= @workspace and exists (
			select from drift where drift.account_id = @account and drift.workspace = workspace.name and resolved_at is null
				and (workspace.name > @workspace or drift.id > @after)
		)
		order by name limit 1 for update`, pg.Args{"account": account, "workspace": run.Workspace, "after": run.After})
	if err != nil || len(names) == 0 {
		return "", err
	}
	return names[0], nil
}

// ruledColumns are those of drift.RuledDrift. Paths that are not those of the difference were written by an earlier version.
const ruledColumns = driftHead + `, coalesce(path_hashes, ''),
	case when substr(path_hashes, 1, 13) = substr(difference_mac, 1, 13) then ''
		else coalesce((select string_agg(path, e'\n') from jsonb_object_keys(difference) path), '') end as names`

func readRuled(ctx context.Context, q pg.Querier, sql string, args pg.Args) ([]drift.RuledDrift, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	var drifts []drift.RuledDrift
	before := new(drift.Drift)
	err = pg.ReadRows(rows, func(row *pg.Row) {
		d := new(drift.Drift)
		readFields(row, d, before)
		readKeys(row, d)
		d.PathHashes = row.Bytes()
		ruled := drift.RuledDrift{Drift: d}
		if names := row.Text(""); names != "" {
			for name := range strings.SplitSeq(names, "\n") {
				ruled.Names = append(ruled.Names, plan.PathName(name))
			}
		}
		drifts, before = append(drifts, ruled), d
	})
	return drifts, err
}

// LockRuled implements drift.RunTx.
func (t driftTx) LockRuled(ctx context.Context, account uuid.UUID, workspace string, after uuid.UUID, limit int) ([]drift.RuledDrift, error) {
	return readRuled(ctx, t.tx, `-- SELECT drift for update
		select `+ruledColumns+` from drift where account_id = @account and workspace = @workspace and resolved_at is null and id > @after
		order by id limit @limit for update`, pg.Args{"account": account, "workspace": workspace, "after": after, "limit": limit})
}

// OpenForPreview implements drift.PreviewReader.
func (s *DriftStore) OpenForPreview(ctx context.Context, account, after uuid.UUID, limit int) ([]drift.RuledDrift, error) {
	return readRuled(ctx, s.db, `-- SELECT drift
		select `+ruledColumns+` from drift where account_id = @account and resolved_at is null and id > @after order by id limit @limit`,
		pg.Args{"account": account, "after": after, "limit": limit})
}

// SaveRun implements drift.RunTx.
func (t driftTx) SaveRun(ctx context.Context, account uuid.UUID, run drift.RuleRun) error {
	return t.tx.Later(ctx, "-- UPDATE rule_run\nupdate rule_run set workspace = @workspace, after = @after where account_id = @account",
		pg.Args{"account": account, "workspace": run.Workspace, "after": run.After}, nil)
}

// EndRun implements drift.RunTx.
func (t driftTx) EndRun(ctx context.Context, account uuid.UUID) error {
	return t.tx.Later(ctx, "-- DELETE rule_run\ndelete from rule_run where account_id = @account", pg.Args{"account": account}, nil)
}
