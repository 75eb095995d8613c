package drift_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// The order of the columns is in the statement and in what reads it. Each column has a value of its own here, and pgx's scan by
// name tells which field it belongs to. (Tried: five pairs of neighbours swapped.)
func TestDriftStore_reads_each_column(t *testing.T) {
	w := newWorld(t)
	previous, d := w.report("before"), w.report("every-column")
	w.exec(`update drift set version = 2, resource_type = 'type', provider = 'provider', region = 'region', planned_action = 'update',
		cost_impact_monthly = 12.34, occurrences = 3, previous_id = $2, fingerprint = sha256('1'), difference_mac = sha256('2'),
		detected_at = '2026-01-01Z', first_seen_at = '2026-01-02Z', last_seen_at = '2026-01-03Z', created_at = '2026-01-04Z', updated_at = '2026-01-05Z',
		approved_at = '2026-01-06Z', approved_by = 'approver', approval_reason = 'approved', approved_until = '2026-01-10Z', rejected_at = '2026-01-07Z', rejected_by = 'rejecter',
		rejection_reason = 'rejected', resolved_at = '2026-01-08Z', resolved_how = 'manual-fix', resolved_basis = 'decision',
		severity_by = '019a0000-0000-7000-8000-00000000000a', default_severity = 'info', suppressed_by = '019a0000-0000-7000-8000-00000000000b',
		suppressed_reason = 'suppressed', suppressed_until = '2026-01-09Z', owner = 'owner', owner_by = 'owned by', check_id = '019a0000-0000-7000-8000-000000000009', status = 'resolved' where id = $1`, d.ID, previous.ID)
	columns := query[string](w, `select string_agg(column_name, ', ') from information_schema.columns
		where table_name = 'drift' and column_name not in ('severity_weight', 'paths', 'change_group') and column_name !~ '^attribut'`)
	rows, err := w.db.Query(t.Context(), "select "+columns+" from drift where id = $1", d.ID)
	if err != nil {
		t.Fatal(err)
	}
	want, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByNameLax[drift.Drift])
	if err != nil {
		t.Fatal(err)
	}
	want.Sides = nil // They are read for plans alone.
	same := func(what string, got, want drift.Drift) {
		t.Helper()
		for _, side := range []*drift.Drift{&got, &want} {
			for _, at := range []*time.Time{
				&side.DetectedAt, &side.FirstSeenAt, &side.LastSeenAt, &side.CreatedAt, &side.UpdatedAt, side.ApprovedAt, side.ApprovedUntil, side.RejectedAt, side.ResolvedAt, side.SuppressedUntil,
			} {
				*at = at.UTC()
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", what, got, want)
		}
	}
	shown := want
	shown.AccountID, shown.Fingerprint, shown.DifferenceMAC, shown.PathHashes = uuid.UUID{}, nil, nil, nil // They are not read for a page.
	one, err := w.store.Drift(t.Context(), d.AccountID, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	same("Drift", one.Drift, shown)
	slim := shown
	slim.ExpectedState, slim.ActualState = nil, nil
	for states, want := range map[bool]drift.Drift{true: shown, false: slim} {
		page, err := w.store.ListDrifts(t.Context(), d.AccountID, drift.Listing{
			Filter: drift.Filter{Status: []drift.Status{drift.Resolved}}, Order: drift.Order{By: drift.ByCreated},
			Range: list.Range{Page: list.Page{Number: 1, Size: 10}}, States: states,
		})
		if err != nil || len(page.Items) != 1 {
			t.Fatalf("%d drifts, %v", len(page.Items), err)
		}
		same("ListDrifts", *page.Items[0], want)
	}
	if err := w.store.InTx(t.Context(), "test", func(ctx context.Context, tx drift.Tx) error {
		locked, _, err := tx.LockDrift(ctx, d.AccountID, d.ID)
		if err == nil {
			same("LockDrift", *locked, want)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
