package postgres

import (
	"context"
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// InsertDrifts implements drift.OpenTx.
func (t driftTx) InsertDrifts(ctx context.Context, drifts []*drift.Drift) error {
	err := exec(ctx, t.tx, `-- INSERT drift
		insert into drift (id, account_id, version, fingerprint, workspace, resource_id, resource_type, provider, region, origin,
			planned_action, expected_state, actual_state, difference, difference_mac, severity, status, cost_impact_monthly,
			detected_by, detected_at, first_seen_at, last_seen_at, occurrences, previous_id, created_at, updated_at, sides, check_id, paths,
			severity_by, default_severity, suppressed_by, suppressed_reason, suppressed_until, owner, owner_by, path_hashes, change_group)
		select id, @account, version, fingerprint, workspace, resource_id, resource_type, provider, region, origin,
			planned_action, expected_state, actual_state, difference, difference_mac, severity, status, cost_impact_monthly,
			detected_by, detected_at, first_seen_at, last_seen_at, occurrences, previous_id, created_at, updated_at, sides, check_id, `+pathsOf("d.difference")+`,
			severity_by, default_severity, suppressed_by, suppressed_reason, suppressed_until, owner, owner_by, path_hashes, drift_group(d.resource_type, d.difference)
		from unnest(@id::uuid[], @version::int[], @fingerprint::bytea[], @workspace::text[], @resource_id::text[],
			@resource_type::text[], @provider::text[], @region::text[], @origin::text[], @planned_action::text[],
			@expected::jsonb[], @actual::jsonb[], @difference::jsonb[], @mac::bytea[], @severity::text[], @status::text[],
			@cost::float8[], @detected_by::text[], @detected_at::timestamptz[], @first_seen_at::timestamptz[],
			@last_seen_at::timestamptz[], @occurrences::int[], @previous_id::uuid[], @created_at::timestamptz[],
			@updated_at::timestamptz[], @sides::bytea[], @check_id::uuid[],
			`+ruledParameters+`, @path_hashes::bytea[])
		as d (id, version, fingerprint, workspace, resource_id, resource_type, provider, region, origin, planned_action,
			expected_state, actual_state, difference, difference_mac, severity, status, cost_impact_monthly, detected_by,
			detected_at, first_seen_at, last_seen_at, occurrences, previous_id, created_at, updated_at, sides, check_id,
			severity_by, default_severity, suppressed_by, suppressed_reason, suppressed_until, owner, owner_by, path_hashes)`,
		merge(heads(drifts), states(drifts), pg.Args{
			"workspace":     column(drifts, func(d *drift.Drift) string { return d.Workspace }),
			"origin":        column(drifts, func(d *drift.Drift) string { return string(d.Origin) }),
			"cost":          column(drifts, func(d *drift.Drift) float64 { return d.CostImpactMonthly }),
			"detected_by":   column(drifts, func(d *drift.Drift) string { return d.DetectedBy }),
			"first_seen_at": column(drifts, func(d *drift.Drift) time.Time { return d.FirstSeenAt }),
			"previous_id":   column(drifts, func(d *drift.Drift) *uuid.UUID { return d.PreviousID }),
			"created_at":    column(drifts, func(d *drift.Drift) time.Time { return d.CreatedAt }),
		}))
	return taken(err, "drift_open_key", "the resource has an open drift already")
}

// pathsOf is SQL for the paths of a difference, one a line, for the search.
func pathsOf(difference string) string {
	return `(select left(string_agg(path, e'\n'), 65536) from jsonb_object_keys(` + difference + `) path)`
}

// ParkDrifts implements drift.SeenTx. The drift's own id stands in for its fingerprint: 16 bytes, so it equals no other's.
func (t driftTx) ParkDrifts(ctx context.Context, drifts []*drift.Drift) error {
	return exec(ctx, t.tx, `-- UPDATE drift
		update drift set fingerprint = uuid_send(id) where account_id = @account and id = any(@id)`,
		pg.Args{"account": drifts[0].AccountID, "id": column(drifts, driftID)})
}

// SaveDrifts implements drift.SeenTx.
func (t driftTx) SaveDrifts(ctx context.Context, drifts []*drift.Drift) error {
	return exec(ctx, t.tx, `-- UPDATE drift
		update drift d set version = n.version, fingerprint = n.fingerprint, resource_id = n.resource_id, status = n.status,
			detected_at = n.detected_at, last_seen_at = n.last_seen_at, occurrences = n.occurrences,
			approved_at = n.approved_at, approved_by = n.approved_by, approval_reason = n.approval_reason, approved_until = n.approved_until,
			rejected_at = n.rejected_at, rejected_by = n.rejected_by, rejection_reason = n.rejection_reason,
			resolved_at = n.resolved_at, resolved_how = n.resolved_how, resolved_basis = n.resolved_basis, updated_at = n.updated_at,
			resource_type = n.resource_type, provider = n.provider, planned_action = n.planned_action, check_id = n.check_id, retyped = n.retyped,
			change_group = case when d.resource_type = n.resource_type then d.change_group end,
			severity = n.severity, severity_by = n.severity_by, default_severity = n.default_severity, suppressed_by = n.suppressed_by,
			suppressed_reason = n.suppressed_reason, suppressed_until = n.suppressed_until, owner = n.owner, owner_by = n.owner_by
		from unnest(@id::uuid[], @version::int[], @fingerprint::bytea[], @resource_id::text[], @status::text[],
			@detected_at::timestamptz[], @last_seen_at::timestamptz[], @occurrences::int[],
			@approved_at::timestamptz[], @approved_by::text[], @approval_reason::text[], @approved_until::timestamptz[],
			@rejected_at::timestamptz[], @rejected_by::text[], @rejection_reason::text[],
			@resolved_at::timestamptz[], @resolved_how::text[], @resolved_basis::text[], @updated_at::timestamptz[],
			@resource_type::text[], @provider::text[], @planned_action::text[], @check_id::uuid[], @retyped::bool[], @severity::text[],
			`+ruledParameters+`)
		as n (id, version, fingerprint, resource_id, status, detected_at, last_seen_at, occurrences, approved_at, approved_by,
			approval_reason, approved_until, rejected_at, rejected_by, rejection_reason, resolved_at, resolved_how, resolved_basis, updated_at,
			resource_type, provider, planned_action, check_id, retyped, severity,
			severity_by, default_severity, suppressed_by, suppressed_reason, suppressed_until, owner, owner_by)
		where d.account_id = @account and d.id = n.id`,
		merge(heads(drifts), pg.Args{
			"approved_at":      column(drifts, func(d *drift.Drift) *time.Time { return d.ApprovedAt }),
			"approved_by":      column(drifts, func(d *drift.Drift) *string { return d.ApprovedBy }),
			"approval_reason":  column(drifts, func(d *drift.Drift) *string { return d.ApprovalReason }),
			"approved_until":   column(drifts, func(d *drift.Drift) *time.Time { return d.ApprovedUntil }),
			"rejected_at":      column(drifts, func(d *drift.Drift) *time.Time { return d.RejectedAt }),
			"rejected_by":      column(drifts, func(d *drift.Drift) *string { return d.RejectedBy }),
			"rejection_reason": column(drifts, func(d *drift.Drift) *string { return d.RejectionReason }),
			"resolved_at":      column(drifts, func(d *drift.Drift) *time.Time { return d.ResolvedAt }),
			"resolved_how":     column(drifts, func(d *drift.Drift) *string { return (*string)(d.ResolvedHow) }),
			"retyped":          column(drifts, func(d *drift.Drift) bool { return d.Retyped }),
			"resolved_basis":   column(drifts, func(d *drift.Drift) *string { return (*string)(d.ResolvedBasis) }),
		}))
}

// SaveDecision implements drift.DecisionTx. LockDrift has locked the drift and its alerts.
func (t driftTx) SaveDecision(ctx context.Context, d *drift.Drift, markAlerts bool, by *string) error {
	args := pg.Args{
		"account": d.AccountID, "id": d.ID, "version": d.Version, "status": string(d.Status), "at": d.UpdatedAt, "detected_at": d.DetectedAt,
		"approved_at": d.ApprovedAt, "approved_by": d.ApprovedBy, "approval_reason": d.ApprovalReason, "approved_until": d.ApprovedUntil,
		"rejected_at": d.RejectedAt, "rejected_by": d.RejectedBy, "rejection_reason": d.RejectionReason,
		"resolved_at": d.ResolvedAt, "resolved_how": (*string)(d.ResolvedHow),
		"resolved_basis": (*string)(d.ResolvedBasis), "by": by,
	}
	err := t.tx.Later(ctx, `-- UPDATE drift
		update drift set version = @version, status = @status, updated_at = @at, detected_at = @detected_at,
			approved_at = @approved_at, approved_by = @approved_by, approval_reason = @approval_reason, approved_until = @approved_until,
			rejected_at = @rejected_at, rejected_by = @rejected_by, rejection_reason = @rejection_reason,
			resolved_at = @resolved_at, resolved_how = @resolved_how, resolved_basis = @resolved_basis
		where account_id = @account and id = @id`, args, nil)
	if err != nil || !markAlerts {
		return err
	}
	return t.tx.Later(ctx, `-- UPDATE alert
		update alert set is_read = true, read_at = @at, read_by = @by
		where account_id = @account and drift_id = @id and not is_read`, args, nil)
}

// SaveStates implements drift.SeenTx.
func (t driftTx) SaveStates(ctx context.Context, drifts []*drift.Drift) error {
	return exec(ctx, t.tx, `-- UPDATE drift states
		update drift d set region = n.region, expected_state = n.expected_state, actual_state = n.actual_state,
			difference = n.difference, difference_mac = n.difference_mac, sides = n.sides, severity = n.severity, path_hashes = n.path_hashes,
			paths = `+pathsOf("n.difference")+`, change_group = drift_group(d.resource_type, n.difference)
		from unnest(@id::uuid[], @region::text[], @expected::jsonb[], @actual::jsonb[], @difference::jsonb[], @mac::bytea[],
			@sides::bytea[], @severity::text[], @path_hashes::bytea[])
		as n (id, region, expected_state, actual_state, difference, difference_mac, sides, severity, path_hashes)
		where d.account_id = @account and d.id = n.id`,
		merge(states(drifts), pg.Args{"account": drifts[0].AccountID, "id": column(drifts, driftID)}))
}

// SaveSightings implements drift.SeenTx.
func (t driftTx) SaveSightings(ctx context.Context, drifts []*drift.Drift) error {
	return exec(ctx, t.tx, `-- UPDATE drift sighting
		update drift set occurrences = occurrences + 1, last_seen_at = @at, check_id = @check, retyped = false where account_id = @account and id = any(@id)`,
		pg.Args{"account": drifts[0].AccountID, "id": column(drifts, driftID), "at": drifts[0].LastSeenAt, "check": drifts[0].CheckID})
}

// ruledParameters are the parameters of what rules make of a drift.
const ruledParameters = `@severity_by::uuid[], @default_severity::text[], @suppressed_by::uuid[], @suppressed_reason::text[],
			@suppressed_until::timestamptz[], @owner::text[], @owner_by::text[]`

// heads are the parameters of what inserting and saving a drift share.
func heads(drifts []*drift.Drift) pg.Args {
	return pg.Args{
		"account":      drifts[0].AccountID,
		"id":           column(drifts, driftID),
		"version":      column(drifts, func(d *drift.Drift) int { return d.Version }),
		"fingerprint":  column(drifts, func(d *drift.Drift) []byte { return d.Fingerprint }),
		"resource_id":  column(drifts, func(d *drift.Drift) string { return d.ResourceID }),
		"status":       column(drifts, func(d *drift.Drift) string { return string(d.Status) }),
		"detected_at":  column(drifts, func(d *drift.Drift) time.Time { return d.DetectedAt }),
		"last_seen_at": column(drifts, func(d *drift.Drift) time.Time { return d.LastSeenAt }),
		"occurrences":  column(drifts, func(d *drift.Drift) int { return d.Occurrences }),
		"updated_at":   column(drifts, func(d *drift.Drift) time.Time { return d.UpdatedAt }),

		"resource_type":  column(drifts, func(d *drift.Drift) string { return d.ResourceType }),
		"provider":       column(drifts, func(d *drift.Drift) string { return d.Provider }),
		"planned_action": column(drifts, func(d *drift.Drift) *string { return d.PlannedAction }),
		"check_id":       column(drifts, func(d *drift.Drift) *uuid.UUID { return d.CheckID }),

		"severity":          column(drifts, func(d *drift.Drift) string { return string(d.Severity) }),
		"severity_by":       column(drifts, func(d *drift.Drift) *uuid.UUID { return d.SeverityBy }),
		"default_severity":  column(drifts, func(d *drift.Drift) *string { return (*string)(d.DefaultSeverity) }),
		"suppressed_by":     column(drifts, func(d *drift.Drift) *uuid.UUID { return d.SuppressedBy }),
		"suppressed_reason": column(drifts, func(d *drift.Drift) *string { return d.SuppressedReason }),
		"suppressed_until":  column(drifts, func(d *drift.Drift) *time.Time { return d.SuppressedUntil }),
		"owner":             column(drifts, func(d *drift.Drift) *string { return d.Owner }),
		"owner_by":          column(drifts, func(d *drift.Drift) *string { return d.OwnerBy }),
	}
}

// states are the parameters of what a plan says about a resource.
func states(drifts []*drift.Drift) pg.Args {
	return pg.Args{
		"region":      column(drifts, func(d *drift.Drift) string { return d.Region }),
		"sides":       column(drifts, func(d *drift.Drift) []byte { return d.Sides }),
		"path_hashes": column(drifts, func(d *drift.Drift) []byte { return d.PathHashes }),
		"expected":    column(drifts, func(d *drift.Drift) []byte { return d.ExpectedState }),
		"actual":      column(drifts, func(d *drift.Drift) []byte { return d.ActualState }),
		"difference":  column(drifts, func(d *drift.Drift) []byte { return d.Difference }),
		"mac":         column(drifts, func(d *drift.Drift) []byte { return d.DifferenceMAC }),
		"severity":    column(drifts, func(d *drift.Drift) string { return string(d.Severity) }),
	}
}

func merge(parts ...pg.Args) pg.Args {
	all := pg.Args{}
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}
