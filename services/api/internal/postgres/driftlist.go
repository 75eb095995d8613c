package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// sortColumns are the columns that drifts may be sorted by, with the type of their keys. Severity sorts by weight, not by
// alphabet. The other texts sort by their bytes, so that the order is that of every server.
var sortColumns = map[drift.SortKey]struct{ column, key string }{
	drift.ByCreated:   {"created_at", "timestamptz"},
	drift.ByDetected:  {"detected_at", "timestamptz"},
	drift.ByLastSeen:  {"last_seen_at", "timestamptz"},
	drift.ByCost:      {"drift.cost_impact_monthly", "numeric"},
	drift.BySeverity:  {"severity_weight", "smallint"},
	drift.ByWorkspace: {`workspace collate "C"`, "text"},
	drift.ByResource:  {`left(resource_id, 256) collate "C"`, "text"},
	drift.ByStatus:    {`status collate "C"`, "text"},
}

// streamHead is the head of the account's stream in the snapshot of the statement that it is part of: epoch, position, the id of
// the event there, since positions may be given a second time, and the revision, which counts what changes without an event.
const streamHead = `(select epoch || ':' || position || ':' || coalesce((select id::text from event
	where event.account_id = account_stream.account_id and event.position = account_stream.position), '') || ':' || revision
	from account_stream, stream_epoch where account_id = @account)`

// Head implements drift.Reader.
func (s *DriftStore) Head(ctx context.Context, account uuid.UUID) (list.Head, error) {
	return pg.Scalar[list.Head](ctx, s.db, "-- SELECT account_stream\nselect "+streamHead+" from account_stream where account_id = @account",
		pg.Args{"account": account})
}

// slim is the beginning of a list.
var slim = `select ` + shownFields + `, ` + streamHead + ` as head, ` + listedDifference + ` as difference from drift `

// ListDrifts implements drift.Reader.
func (s *DriftStore) ListDrifts(ctx context.Context, account uuid.UUID, l drift.Listing) (drift.Found, error) {
	where, args := driftWhere(account, l.Filter)
	order, err := partOf(l, args)
	if err != nil {
		return drift.Found{}, err
	}
	start, end := slim, ""
	if l.States {
		start, end = statesStart, statesEnd
	}
	found, err := s.db.Query(ctx, "-- SELECT drift\n"+start+where+order+end, args)
	if err != nil {
		return drift.Found{}, err
	}
	part, head, before := drift.Found{Items: make([]*drift.Drift, 0, l.Size+1)}, "", new(drift.Drift)
	err = pg.ReadRows(found, func(row *pg.Row) {
		d := new(drift.Drift)
		readFields(row, d, before)
		head = row.Text(head)
		if l.States {
			readStates(row, d)
			part.Count = int(row.BigInt())
		} else {
			readDifference(row, d)
		}
		part.Items, before = append(part.Items, d), d
	})
	part.Head, part.Count = list.Head(head), max(part.Count, len(part.Items))
	return part, err
}

// A page with states ends before these, as they are stored, or as text, become too large. It has one row in any case. found says
// how many rows it would have had.
var (
	statesStart = `select ` + shownFields + `, head, expected_state, actual_state, difference, found from (
		select *, sum(octet_length(expected_state) + octet_length(actual_state) + octet_length(difference)) over (rows unbounded preceding) as shown
		from (
			select ` + shownFields + `, head, found, number, ` + shownMembers + ` from (
				select *, count(*) over () as found, row_number() over () as number,
					sum(pg_column_size(expected_state) + pg_column_size(actual_state) + pg_column_size(difference))
						over (rows unbounded preceding) as opened
				from (select *, ` + streamHead + ` as head from drift `
	statesEnd = `) page
			) page where number = 1 or opened <= ` + fmt.Sprint(openedPage) + ` offset 0
		) page
	) page where number = 1 or shown <= ` + fmt.Sprint(shownPage)
)

// partOf is the order of a list, and where the part of it begins and ends.
func partOf(l drift.Listing, args pg.Args) (string, error) {
	sort := sortColumns[l.Order.By]
	direction, beyond := "desc", "<"
	if l.Order.Direction == drift.Ascending {
		direction, beyond = "asc", ">"
	}
	order := " order by " + sort.column + " " + direction + ", id " + direction
	if l.After == nil {
		args["limit"], args["offset"] = l.Size, l.Offset()
		return order + " limit @limit offset @offset", nil
	}
	key, err := l.Order.By.KeyOf(*l.After)
	if err != nil {
		return "", err
	}
	args["limit"], args["key"], args["after"] = l.Size+1, key, l.After.ID // One more, to see whether it is the last part.
	return fmt.Sprintf(" and (%s, id) %s (@key::%s, @after)%s limit @limit", sort.column, beyond, sort.key, order), nil
}

// CountDrifts implements drift.Reader.
func (s *DriftStore) CountDrifts(ctx context.Context, account uuid.UUID, f drift.Filter) (int, list.Head, error) {
	where, args := driftWhere(account, f)
	type row struct {
		Count int
		Head  list.Head
	}
	counted, err := one[row](ctx, s.db, "there is no such account", `-- SELECT drift count
		select count(*) as count, coalesce(`+streamHead+`, '') as head from drift `+where, args)
	if err != nil {
		return 0, "", err
	}
	return counted.Count, counted.Head, nil
}

// AnyDrift implements drift.Reader.
func (s *DriftStore) AnyDrift(ctx context.Context, account uuid.UUID, l drift.Listing) (bool, list.Head, error) {
	where, args := driftWhere(account, l.Filter)
	part, err := partOf(l, args)
	if err != nil {
		return false, "", err
	}
	type row struct {
		Found bool
		Head  list.Head
	}
	looked, err := one[row](ctx, s.db, "", `-- SELECT drift
		select exists(select from drift `+where+part+`) as found, coalesce(`+streamHead+`, '') as head`, args)
	if err != nil {
		return false, "", err
	}
	return looked.Found, looked.Head, nil
}

// likeEscaper escapes the wildcards of LIKE.
var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func driftWhere(account uuid.UUID, f drift.Filter) (string, pg.Args) {
	where, args := "where account_id = @account", pg.Args{"account": account}
	add := func(condition string) { where += " and " + condition }
	oneOf(add, args, "severity", f.Severity)
	oneOf(add, args, "status", f.Status)
	oneOf(add, args, "workspace", f.Workspace)
	oneOf(add, args, "resource_type", f.ResourceType)
	oneOf(add, args, "region", f.Region)
	oneOf(add, args, "origin", f.Origin)
	oneOf(add, args, "provider", f.Provider)
	oneOf(add, args, "owner", f.Owner)
	if f.Open != nil { // Spelt out, so that partial indexes can be used.
		add(map[bool]string{true: "resolved_at is null", false: "resolved_at is not null"}[*f.Open])
	}
	if f.Suppressed != nil {
		add(map[bool]string{true: "suppressed_by is not null", false: "suppressed_by is null"}[*f.Suppressed])
	}
	if f.From != nil {
		add("detected_at >= @from")
		args["from"] = *f.From
	}
	if f.To != nil {
		add("detected_at < @to")
		args["to"] = *f.To
	}
	if len(f.Group) > 0 {
		// Rows of an earlier version have no group.
		add(`(change_group = any(@group) or change_group is null and drift_group(resource_type, difference) = any(@group))`)
		args["group"] = f.Group
	}
	if f.Search != "" {
		// Rows of the version before this one have no paths.
		add(`(resource_id ilike @search or resource_type ilike @search or paths ilike @search
			or paths is null and exists (select from jsonb_object_keys(difference) path where path ilike @search))`)
		args["search"] = "%" + likeEscaper.Replace(f.Search) + "%"
	}
	return where, args
}

// oneOf adds the condition that a column has one of the values, unless there are none. A single one is compared by itself: then
// an index gives the rows in its order.
func oneOf[T ~string](add func(condition string), args pg.Args, column string, values []T) {
	switch len(values) {
	case 0:
		return
	case 1:
		add(column + " = @" + column)
		args[column] = string(values[0])
		return
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	add(column + " = any(@" + column + ")")
	args[column] = texts
}
