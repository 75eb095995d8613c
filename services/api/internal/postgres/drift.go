package postgres

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// driftShown is what clients see of a drift, driftHead every column but the states, driftColumns every column. Each
// column costs time to scan: without the three that are not shown, a page of twenty drifts has sixty values less.
const driftShown = driftFields + `, expected_state, actual_state, difference`

const driftHead = driftFields + `, account_id, fingerprint, difference_mac`

const driftColumns = driftHead + `, expected_state, actual_state, difference`

const driftFields = `id, version, workspace, resource_id, resource_type, provider, region, origin, planned_action, severity,
	status, cost_impact_monthly::float8 as cost_impact_monthly, detected_by, detected_at, first_seen_at, last_seen_at, occurrences, approved_at, approved_by,
	approval_reason, rejected_at, rejected_by, rejection_reason, resolved_at, resolved_how, resolved_basis, check_id, previous_id, created_at, updated_at`

const noDrift = "there is no such drift"

// readFields reads the columns of driftFields. before is the drift of the previous row. Equal texts of the two rows share
// their memory.
func readFields(row *pg.Row, d, before *drift.Drift) {
	d.ID = row.UUID()
	d.Version = row.Int()
	d.Workspace = row.Text(before.Workspace)
	d.ResourceID = row.Text("")
	d.ResourceType = row.Text(before.ResourceType)
	d.Provider = row.Text(before.Provider)
	d.Region = row.Text(before.Region)
	d.Origin = drift.Origin(row.Text(string(before.Origin)))
	d.PlannedAction = row.OptionalText()
	d.Severity = drift.Severity(row.Text(string(before.Severity)))
	d.Status = drift.Status(row.Text(string(before.Status)))
	d.CostImpactMonthly = row.Float()
	d.DetectedBy = row.Text(before.DetectedBy)
	d.DetectedAt = row.Time()
	d.FirstSeenAt = row.Time()
	d.LastSeenAt = row.Time()
	d.Occurrences = row.Int()
	d.ApprovedAt, d.ApprovedBy, d.ApprovalReason = row.OptionalTime(), row.OptionalText(), row.OptionalText()
	d.RejectedAt, d.RejectedBy, d.RejectionReason = row.OptionalTime(), row.OptionalText(), row.OptionalText()
	d.ResolvedAt, d.ResolvedHow = row.OptionalTime(), (*drift.ResolvedHow)(row.OptionalText())
	d.ResolvedBasis = (*drift.ResolvedBasis)(row.OptionalText())
	d.CheckID = row.OptionalUUID()
	d.PreviousID = row.OptionalUUID()
	d.CreatedAt = row.Time()
	d.UpdatedAt = row.Time()
}

// readKeys reads the columns of driftHead that driftFields does not have.
func readKeys(row *pg.Row, d *drift.Drift) {
	d.AccountID, d.Fingerprint, d.DifferenceMAC = row.UUID(), row.Bytes(), row.Bytes()
}

func readStates(row *pg.Row, d *drift.Drift) {
	d.ExpectedState, d.ActualState, d.Difference = row.JSON(), row.JSON(), row.JSON()
}

// readDrifts reads rows whose columns are driftHead or, with the states, driftColumns.
func readDrifts(rows pgx.Rows, withStates bool) ([]*drift.Drift, error) {
	drifts, before := []*drift.Drift{}, new(drift.Drift)
	err := pg.ReadRows(rows, func(row *pg.Row) {
		d := new(drift.Drift)
		readFields(row, d, before)
		readKeys(row, d)
		if withStates {
			readStates(row, d)
		}
		drifts, before = append(drifts, d), d
	})
	return drifts, err
}

// Drift implements drift.Reader.
func (s *DriftStore) Drift(ctx context.Context, account, id uuid.UUID) (*drift.Detail, error) {
	rows, err := s.db.Query(ctx, `-- SELECT drift
		select `+driftShown+`, (select count(*) from alert where drift_id = drift.id) as alert_count,
			coalesce(c.ref, ''), coalesce(c.commit_sha, ''), coalesce(c.run_url, ''), coalesce(c.triggered_by, '')
		from drift left join lateral (
			select ref, commit_sha, run_url, triggered_by from workspace_check where workspace_check.id = drift.check_id
		) c on true where account_id = @account and id = @id`,
		pg.Args{"account": account, "id": id})
	if err != nil {
		return nil, err
	}
	var d *drift.Detail
	err = pg.ReadRows(rows, func(row *pg.Row) {
		d = new(drift.Detail)
		readFields(row, &d.Drift, &d.Drift)
		readStates(row, &d.Drift)
		d.AlertCount = int(row.BigInt())
		d.Source = drift.Source{Ref: row.Text(""), Commit: row.Text(""), RunURL: row.Text(""), TriggeredBy: row.Text("")}
	})
	if err == nil && d == nil {
		err = apierror.New(apierror.NotFound, noDrift)
	}
	return d, err
}

// sortColumns are the columns that drifts may be sorted by. Severity sorts by weight, not by alphabet.
var sortColumns = map[drift.SortKey]string{
	drift.ByCreated:  "created_at",
	drift.ByDetected: "detected_at",
	drift.ByLastSeen: "last_seen_at",
	drift.ByCost:     "drift.cost_impact_monthly",
	drift.BySeverity: "severity_weight",
}

// streamHead is the head of the account's stream in the snapshot of the statement that it is part of: epoch, position, and
// the id of the event there, since positions may be given a second time.
const streamHead = `(select epoch || ':' || position || ':' || coalesce((select id::text from event
	where event.account_id = account_stream.account_id and event.position = account_stream.position), '')
	from account_stream, stream_epoch where account_id = @account)`

// ListDrifts implements drift.Reader.
func (s *DriftStore) ListDrifts(
	ctx context.Context, account uuid.UUID, f drift.Filter, o drift.Order, p drift.Page,
) ([]*drift.Drift, drift.Head, error) {
	where, args := driftWhere(account, f)
	args["limit"], args["offset"] = p.Size, p.Offset()
	direction := "desc"
	if o.Direction == drift.Ascending {
		direction = "asc"
	}
	found, err := s.db.Query(ctx, `-- SELECT drift
		select `+driftShown+`, `+streamHead+` as head from drift `+where+`
		order by `+sortColumns[o.By]+` `+direction+`, id `+direction+` limit @limit offset @offset`, args)
	if err != nil {
		return nil, "", err
	}
	drifts, head, before := make([]*drift.Drift, 0, p.Size), "", new(drift.Drift)
	err = pg.ReadRows(found, func(row *pg.Row) {
		d := new(drift.Drift)
		readFields(row, d, before)
		readStates(row, d)
		head = row.Text(head)
		drifts, before = append(drifts, d), d
	})
	return drifts, drift.Head(head), err
}

// CountDrifts implements drift.Reader.
func (s *DriftStore) CountDrifts(ctx context.Context, account uuid.UUID, f drift.Filter) (int, drift.Head, error) {
	where, args := driftWhere(account, f)
	type row struct {
		Count int
		Head  drift.Head
	}
	counted, err := one[row](ctx, s.db, "there is no such account", `-- SELECT drift count
		select count(*) as count, `+streamHead+` as head from drift `+where, args)
	if err != nil {
		return 0, "", err
	}
	return counted.Count, counted.Head, nil
}

// likeEscaper escapes the wildcards of LIKE.
var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func driftWhere(account uuid.UUID, f drift.Filter) (string, pg.Args) {
	where, args := "where account_id = @account", pg.Args{"account": account}
	for _, c := range []struct{ name, value, condition string }{
		{"severity", string(f.Severity), "severity = @severity"},
		{"status", string(f.Status), "status = @status"},
		{"workspace", f.Workspace, "workspace = @workspace"},
		{"type", f.ResourceType, "resource_type = @type"},
		{"region", f.Region, "region = @region"},
		{"search", f.Search, "(resource_id ilike @search or resource_type ilike @search)"},
	} {
		if c.value != "" {
			where += " and " + c.condition
			args[c.name] = c.value
		}
	}
	if f.Search != "" {
		args["search"] = "%" + likeEscaper.Replace(f.Search) + "%"
	}
	return where, args
}

// LockDrift implements drift.DecisionTx.
func (t driftTx) LockDrift(ctx context.Context, account, id uuid.UUID) (d *drift.Drift, unread int, err error) {
	args := pg.Args{"account": account, "id": id}
	err = t.tx.Later(ctx, `-- SELECT drift for update
		select `+driftColumns+` from drift where account_id = @account and id = @id for update`, args,
		func(rows pgx.Rows) error {
			found, err := readDrifts(rows, true)
			if err == nil && len(found) == 0 {
				err = apierror.New(apierror.NotFound, noDrift)
			}
			if err == nil {
				d = found[0]
			}
			return err
		})
	if err != nil {
		return nil, 0, err
	}
	// A statement of its own sees what was committed while the first one waited for the lock. From here on the drift's lock
	// keeps new alerts away, by their foreign key.
	unread, err = pg.Scalar[int](ctx, t.tx, `-- SELECT alert for update
		select count(*) from (
			select id from alert where account_id = @account and drift_id = @id and not is_read order by id for update
		) unread`, args)
	return d, unread, err
}

// LockOpenDrifts implements drift.OpenTx.
func (t driftTx) LockOpenDrifts(ctx context.Context, account uuid.UUID, workspace string) ([]*drift.Drift, error) {
	rows, err := t.tx.Query(ctx, `-- SELECT drift for update
		select `+driftHead+` from drift
		where account_id = @account`+openDrifts+` order by id for update`,
		pg.Args{"account": account, "workspace": workspace})
	if err != nil {
		return nil, err
	}
	return readDrifts(rows, false)
}

// openDrifts is the rest of the condition on the open drifts that plans found in a workspace.
const openDrifts = " and workspace = @workspace and resolved_at is null and origin <> 'manual'"

// maxSides bounds the memory that the sides of a workspace's open drifts take. How the ones beyond it were resolved is not told.
const maxSides = 16 << 20

// OpenDrifts implements drift.OpenReader.
func (s *DriftStore) OpenDrifts(ctx context.Context, account uuid.UUID, workspace string) (map[plan.Object]plan.Open, error) {
	rows, err := s.db.Query(ctx, `-- SELECT drift
		select origin, resource_id, difference_mac, coalesce(sides, ''), retyped::int from drift where account_id = @account`+openDrifts,
		pg.Args{"account": account, "workspace": workspace})
	if err != nil {
		return nil, err
	}
	open, size := make(map[plan.Object]plan.Open), 0
	err = pg.ReadRows(rows, func(row *pg.Row) {
		o := plan.Object{Origin: drift.Origin(row.Text("")), ID: row.Text("")}
		kept := plan.Open{Hash: row.Bytes(), Sides: row.Bytes(), Retyped: row.Int() == 1}
		if size += len(kept.Sides); size > maxSides {
			kept.Sides = plan.OnlyMasks(kept.Sides) // else each upload would write the states again
		}
		open[o] = kept
	})
	return open, err
}

// HidesValues implements drift.OpenReader.
func (s *DriftStore) HidesValues(ctx context.Context, account uuid.UUID) (bool, error) {
	return pg.Scalar[bool](ctx, s.db, "-- SELECT account\nselect hide_values from account where id = @account", pg.Args{"account": account})
}

// CountOpenDrifts implements drift.OpenTx.
func (t driftTx) CountOpenDrifts(ctx context.Context, account uuid.UUID, workspace string) (int, error) {
	return pg.Scalar[int](ctx, t.tx, "-- SELECT drift count\nselect count(*) from drift where account_id = @account"+openDrifts,
		pg.Args{"account": account, "workspace": workspace})
}

// ReadStates implements drift.SeenTx.
func (t driftTx) ReadStates(ctx context.Context, account uuid.UUID, drifts []*drift.Drift) error {
	byID := make(map[uuid.UUID]*drift.Drift, len(drifts))
	for _, d := range drifts {
		byID[d.ID] = d
	}
	rows, err := t.tx.Query(ctx, `-- SELECT drift
		select id, expected_state, actual_state, difference from drift where account_id = @account and id = any(@ids)`,
		pg.Args{"account": account, "ids": column(drifts, driftID)})
	if err != nil {
		return err
	}
	return pg.ReadRows(rows, func(row *pg.Row) {
		if d := byID[row.UUID()]; d != nil {
			readStates(row, d)
		}
	})
}

// LastResolved implements drift.OpenTx.
func (t driftTx) LastResolved(ctx context.Context, account uuid.UUID, fingerprints [][]byte) (map[string]uuid.UUID, error) {
	type row struct {
		Fingerprint []byte
		ID          uuid.UUID
	}
	found, err := pg.Collect[row](ctx, t.tx, `-- SELECT drift
		select distinct on (fingerprint) fingerprint, id from drift
		where account_id = @account and fingerprint = any(@fingerprints) and resolved_at is not null
		order by fingerprint, resolved_at desc`,
		pg.Args{"account": account, "fingerprints": fingerprints})
	if err != nil {
		return nil, err
	}
	last := make(map[string]uuid.UUID, len(found))
	for _, r := range found {
		last[string(r.Fingerprint)] = r.ID
	}
	return last, nil
}
