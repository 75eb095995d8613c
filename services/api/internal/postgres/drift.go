package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// driftHead is every column but those that are shown cut. Each column costs time to scan.
const driftHead = driftFields + `, account_id, fingerprint, difference_mac`

const driftFields = `id, version, workspace, resource_id, resource_type, provider, region, origin, planned_action, severity,
	status, cost_impact_monthly::float8 as cost_impact_monthly, detected_by, detected_at, first_seen_at, last_seen_at, occurrences, approved_at, approved_by,
	approval_reason, rejected_at, rejected_by, rejection_reason, resolved_at, resolved_how, resolved_basis, check_id, previous_id, created_at, updated_at,
	severity_by, default_severity, suppressed_by, suppressed_reason, suppressed_until, owner, owner_by, approved_until`

// shownFields are driftFields, no longer than the API lets them become.
const shownFields = `id, version, left(workspace, 128) as workspace, left(resource_id, 2048) as resource_id, left(resource_type, 512) as resource_type,
	left(provider, 512) as provider, left(region, 256) as region, origin, left(planned_action, 64) as planned_action, severity,
	status, cost_impact_monthly::float8 as cost_impact_monthly, detected_by, detected_at, first_seen_at, last_seen_at, occurrences, approved_at,
	left(approved_by, 320) as approved_by, left(approval_reason, 1000) as approval_reason, rejected_at, left(rejected_by, 320) as rejected_by,
	left(rejection_reason, 1000) as rejection_reason, resolved_at, resolved_how, resolved_basis, check_id, previous_id, created_at, updated_at,
	severity_by, default_severity, suppressed_by, left(suppressed_reason, 1000) as suppressed_reason, suppressed_until, left(owner, 200) as owner,
	left(owner_by, 320) as owner_by, approved_until`

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
	d.SeverityBy, d.DefaultSeverity = row.OptionalUUID(), (*drift.Severity)(row.OptionalText())
	d.SuppressedBy, d.SuppressedReason, d.SuppressedUntil = row.OptionalUUID(), row.OptionalText(), row.OptionalTime()
	d.Owner, d.OwnerBy = row.OptionalText(), row.OptionalText()
	d.ApprovedUntil = row.OptionalTime()
}

// readKeys reads the columns of driftHead that driftFields does not have.
func readKeys(row *pg.Row, d *drift.Drift) {
	d.AccountID, d.Fingerprint, d.DifferenceMAC = row.UUID(), row.Bytes(), row.Bytes()
}

// readStates reads shownMembers.
func readStates(row *pg.Row, d *drift.Drift) {
	var expectedCut, actualCut bool
	d.ExpectedState, expectedCut = unmark(row.TextBytes())
	d.ActualState, actualCut = unmark(row.TextBytes())
	d.StatesCut = expectedCut || actualCut
	readDifference(row, d)
}

// pathHashes is the column that readPaths reads.
const pathHashes = "coalesce(path_hashes, '')"

func readPaths(row *pg.Row, d *drift.Drift) { d.PathHashes = row.Bytes() }

func readDifference(row *pg.Row, d *drift.Drift) {
	d.Difference, d.DifferenceCut = unmark(row.TextBytes())
}

// readDrifts reads rows whose columns are driftHead, and those that more reads.
func readDrifts(rows pgx.Rows, more ...func(*pg.Row, *drift.Drift)) ([]*drift.Drift, error) {
	drifts, before := []*drift.Drift{}, new(drift.Drift)
	err := pg.ReadRows(rows, func(row *pg.Row) {
		d := new(drift.Drift)
		readFields(row, d, before)
		readKeys(row, d)
		for _, read := range more {
			read(row, d)
		}
		drifts, before = append(drifts, d), d
	})
	return drifts, err
}

// Drift implements drift.Reader.
func (s *DriftStore) Drift(ctx context.Context, account, id uuid.UUID) (*drift.Detail, error) {
	rows, err := s.db.Query(ctx, `-- SELECT drift
		select `+shownFields+`, `+shownMembers+`, `+streamHead+` as head, (select count(*) from alert where drift_id = d.id) as alert_count,
			(select id from drift successor where previous_id = d.id limit 1) as successor_id,
			coalesce(left(c.ref, 256), ''), coalesce(left(c.commit_sha, 64), ''), coalesce(left(c.run_url, 2048), ''),
			coalesce(left(c.triggered_by, 256), ''), coalesce(left(c.trace_id, 32), ''),
			attributed_at, coalesce(left(attributed_to, 320), ''), coalesce(left(attribution_source, 64), ''), coalesce(left(attribution_url, 2048), '')
		from drift d left join lateral (
			select ref, commit_sha, run_url, triggered_by, trace_id from workspace_check where workspace_check.id = d.check_id
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
		d.Head = list.Head(row.Text(""))
		d.AlertCount = int(row.BigInt())
		d.SuccessorID = row.OptionalUUID()
		d.Source = drift.Source{Ref: row.Text(""), Commit: row.Text(""), RunURL: row.Text(""), TriggeredBy: row.Text("")}
		d.TraceID = row.Text("")
		d.Attribution = readAttribution(row)
	})
	if err == nil && d == nil {
		err = apierror.New(apierror.NotFound, noDrift)
	}
	return d, err
}

// LockDrift implements drift.DecisionTx.
func (t driftTx) LockDrift(ctx context.Context, account, id uuid.UUID) (d *drift.Drift, unread int, err error) {
	args := pg.Args{"account": account, "id": id}
	err = t.tx.Later(ctx, `-- SELECT drift for update
		select `+driftHead+`, `+shownMembers+`, `+pathHashes+` from drift where account_id = @account and id = @id for update`, args,
		func(rows pgx.Rows) error {
			found, err := readDrifts(rows, readStates, readPaths)
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
	return readDrifts(rows)
}

// openDrifts is the rest of the condition on the open drifts that plans found in a workspace.
const openDrifts = " and workspace = @workspace and resolved_at is null and origin <> 'manual'"

// maxSides bounds the memory that the sides and the paths of a workspace's open drifts take. How the ones beyond it were resolved is
// not told, and each of their changes counts, also that of an ignored path.
const maxSides = 16 << 20

// OpenDrifts implements drift.OpenReader. An account without any has one row, for what the account says.
func (s *DriftStore) OpenDrifts(ctx context.Context, account uuid.UUID, workspace string) (open map[plan.Object]plan.Open, of drift.Account, err error) {
	rows, err := s.db.Query(ctx, `-- SELECT drift
		select hide_values, rules_version, coalesce(origin, ''), coalesce(resource_id, ''), coalesce(difference_mac, ''), coalesce(sides, ''), coalesce(retyped, false),
			coalesce(path_hashes, '')
		from account left join drift on account_id = account.id`+openDrifts+` where account.id = @account`,
		pg.Args{"account": account, "workspace": workspace})
	if err != nil {
		return nil, of, err
	}
	open, size := make(map[plan.Object]plan.Open), 0
	err = pg.ReadRows(rows, func(row *pg.Row) {
		of = drift.Account{HidesValues: row.Bool(), RulesVersion: row.BigInt()}
		o := plan.Object{Origin: drift.Origin(row.Text("")), ID: row.Text("")}
		kept := plan.Open{Hash: row.Bytes(), Sides: row.Bytes(), Retyped: row.Bool(), Paths: row.Bytes()}
		if o.Origin == "" {
			return
		}
		if size += len(kept.Sides) + len(kept.Paths); size > maxSides { // else each upload would write the states again
			kept.Sides, kept.Paths = plan.OnlyMasks(kept.Sides), plan.OnlyWhich(kept.Paths)
		}
		open[o] = kept
	})
	return open, of, err
}

// CountOpenDrifts implements drift.OpenTx.
func (t driftTx) CountOpenDrifts(ctx context.Context, account uuid.UUID, workspace string) (int, error) {
	return pg.Scalar[int](ctx, t.tx, "-- SELECT drift count\nselect count(*) from drift where account_id = @account"+openDrifts,
		pg.Args{"account": account, "workspace": workspace})
}

// ReadStates implements drift.SeenTx. What exceeds the room of a page is cut.
func (t driftTx) ReadStates(ctx context.Context, account uuid.UUID, drifts []*drift.Drift) error {
	byID := make(map[uuid.UUID]*drift.Drift, len(drifts))
	for _, d := range drifts {
		byID[d.ID] = d
	}
	rows, err := t.tx.Query(ctx, `-- SELECT drift
		select id, `+shownMembers+` from drift where account_id = @account and id = any(@ids)`,
		pg.Args{"account": account, "ids": column(drifts, driftID)})
	if err != nil {
		return err
	}
	room := shownPage
	return pg.ReadRows(rows, func(row *pg.Row) {
		d := byID[row.UUID()]
		if d == nil {
			d = new(drift.Drift)
		}
		readStates(row, d)
		if room -= len(d.ExpectedState) + len(d.ActualState); room < 0 {
			d.ExpectedState, d.ActualState, d.StatesCut = nil, nil, true
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
