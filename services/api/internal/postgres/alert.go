package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

const alertColumns = `id, drift_id, type, severity, title, message, is_read, read_at, read_by, created_at`

func alertWhere(account uuid.UUID, f drift.AlertFilter) (string, pg.Args) {
	where, args := "where account_id = @account", pg.Args{"account": account}
	if f.DriftID != nil {
		where += " and drift_id = @drift"
		args["drift"] = *f.DriftID
	}
	if f.IsRead != nil {
		// Spelt out, so that the partial index of unread alerts can be used.
		if *f.IsRead {
			where += " and is_read"
		} else {
			where += " and not is_read"
		}
	}
	if f.Severity != "" {
		where += " and severity = @severity"
		args["severity"] = string(f.Severity)
	}
	if f.Type != "" {
		where += " and type = @type"
		args["type"] = string(f.Type)
	}
	return where, args
}

// ListAlerts implements drift.AlertReader.
func (s *DriftStore) ListAlerts(ctx context.Context, account uuid.UUID, f drift.AlertFilter, p drift.Page) ([]drift.Alert, error) {
	where, args := alertWhere(account, f)
	args["limit"], args["offset"] = p.Size, p.Offset()
	return pg.Collect[drift.Alert](ctx, s.db, `-- SELECT alert
		select `+alertColumns+` from alert `+where+` order by created_at desc, id desc limit @limit offset @offset`, args)
}

// CountAlerts implements drift.AlertReader.
func (s *DriftStore) CountAlerts(ctx context.Context, account uuid.UUID, f drift.AlertFilter) (int, error) {
	where, args := alertWhere(account, f)
	return pg.Scalar[int](ctx, s.db, "-- SELECT alert count\nselect count(*) from alert "+where, args)
}

// LockAlert implements drift.AlertTx.
func (t driftTx) LockAlert(ctx context.Context, account, id uuid.UUID) (*drift.Alert, error) {
	return one[drift.Alert](ctx, t.tx, "there is no such alert", `-- SELECT alert for update
		select `+alertColumns+` from alert where account_id = @account and id = @id for update`,
		pg.Args{"account": account, "id": id})
}

// InsertAlerts implements drift.AlertTx.
func (t driftTx) InsertAlerts(ctx context.Context, account uuid.UUID, alerts []drift.Alert) error {
	return exec(ctx, t.tx, `-- INSERT alert
		insert into alert (id, account_id, drift_id, type, severity, title, message, created_at)
		select id, @account, drift_id, type, severity, title, message, created_at
		from unnest(@id::uuid[], @drift::uuid[], @type::text[], @severity::text[], @title::text[], @message::text[], @at::timestamptz[])
		as a (id, drift_id, type, severity, title, message, created_at)`,
		pg.Args{
			"account":  account,
			"id":       column(alerts, func(a drift.Alert) uuid.UUID { return a.ID }),
			"drift":    column(alerts, func(a drift.Alert) *uuid.UUID { return a.DriftID }),
			"type":     column(alerts, func(a drift.Alert) string { return string(a.Type) }),
			"severity": column(alerts, func(a drift.Alert) string { return string(a.Severity) }),
			"title":    column(alerts, func(a drift.Alert) string { return a.Title }),
			"message":  column(alerts, func(a drift.Alert) string { return a.Message }),
			"at":       column(alerts, func(a drift.Alert) time.Time { return a.CreatedAt }),
		})
}

// MarkAlertsRead implements drift.AlertTx. The rows are locked by id, as everywhere, before they are changed.
func (t driftTx) MarkAlertsRead(ctx context.Context, account uuid.UUID, which drift.AlertSelection, by *string, at time.Time) (map[uuid.UUID]int, error) {
	args := pg.Args{"account": account, "by": by, "at": at}
	condition := "false"
	switch {
	case which.All:
		condition = "true"
	case which.ID != nil:
		condition = "id = @id"
		args["id"] = *which.ID
	case len(which.Drifts) > 0:
		condition = "drift_id = any(@drifts)"
		args["drifts"] = which.Drifts
	}
	return pairs[uuid.UUID, int](ctx, t.tx, `-- UPDATE alert
		with unread as (
			select id from alert where account_id = @account and not is_read and `+condition+` order by id for update
		), marked as (
			update alert set is_read = true, read_at = @at, read_by = @by from unread where alert.id = unread.id
			returning drift_id
		)
		select coalesce(drift_id, '00000000-0000-0000-0000-000000000000'), count(*) from marked group by 1`, args)
}
