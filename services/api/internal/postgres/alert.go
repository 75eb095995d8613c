package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// alertColumns are an alert as the reader sees it: it is read when it is settled for all, or when they have read it.
const alertColumns = `alert.id, alert.drift_id, alert.type, alert.severity, left(alert.title, 2200) as title, left(alert.message, 2200) as message,
	alert.is_read or own.read_at is not null as is_read, coalesce(alert.read_at, own.read_at) as read_at,
	case when alert.is_read then left(alert.read_by, 320) when own.read_at is not null then @email end as read_by, alert.created_at`

// joinOwn is what the reader has read.
const joinOwn = ` left join alert_read own on own.alert_id = alert.id and own.user_id = @user`

// unread is the condition on the alerts that the reader has not read. Its first part has a partial index.
const unread = `(not alert.is_read and not exists (select from alert_read where alert_id = alert.id and user_id = @user))`

func readerArgs(account uuid.UUID, r drift.AlertPerson) pg.Args {
	return pg.Args{"account": account, "user": r.ID, "email": r.Email}
}

func alertFilter(account uuid.UUID, f drift.AlertFilter, r drift.AlertPerson) (string, pg.Args) {
	filter, args := "", readerArgs(account, r)
	add := func(condition string) { filter += " and " + condition }
	if f.DriftID != nil {
		add("alert.drift_id = @drift")
		args["drift"] = *f.DriftID
	}
	if f.IsRead != nil {
		add(map[bool]string{true: "not " + unread, false: unread}[*f.IsRead])
	}
	oneOf(add, args, "severity", f.Severity)
	oneOf(add, args, "type", f.Type)
	return filter, args
}

// alertRow is an alert of a list.
type alertRow struct {
	drift.Alert
	listed
}

// ListAlerts implements drift.AlertReader.
func (s *DriftStore) ListAlerts(
	ctx context.Context, account uuid.UUID, f drift.AlertFilter, reader drift.AlertPerson, r list.Range,
) (list.Part[drift.Alert], error) {
	filter, args := alertFilter(account, f, reader)
	return readPart(ctx, s.db, listing{
		name: "alert", columns: alertColumns, table: "alert", alias: "alert", join: joinOwn, filter: filter, head: streamHead,
	}, r, args,
		func(row alertRow) (drift.Alert, listed) { return row.Alert, row.listed })
}

// Alert implements drift.AlertReader.
func (s *DriftStore) Alert(ctx context.Context, account, id uuid.UUID, reader drift.AlertPerson) (*drift.Alert, list.Head, error) {
	type row struct {
		drift.Alert
		Head list.Head
	}
	args := readerArgs(account, reader)
	args["id"] = id
	found, err := one[row](ctx, s.db, noAlert, `-- SELECT alert
		select `+alertColumns+`, `+streamHead+` as head from alert`+joinOwn+` where alert.account_id = @account and alert.id = @id`, args)
	if err != nil {
		return nil, "", err
	}
	return &found.Alert, found.Head, nil
}

const noAlert = "there is no such alert"

// CountUnread implements drift.AlertReader.
func (s *DriftStore) CountUnread(ctx context.Context, account uuid.UUID, reader drift.AlertPerson) (int, error) {
	return pg.Scalar[int](ctx, s.db, "-- SELECT alert count\nselect count(*) from alert where account_id = @account and "+unread, readerArgs(account, reader))
}

// LockAlert implements drift.AlertTx.
func (t driftTx) LockAlert(ctx context.Context, account, id uuid.UUID, reader drift.AlertPerson) (*drift.Alert, error) {
	args := readerArgs(account, reader)
	args["id"] = id
	return one[drift.Alert](ctx, t.tx, noAlert, `-- SELECT alert for update
		select `+alertColumns+` from alert`+joinOwn+` where alert.account_id = @account and alert.id = @id for update of alert`, args)
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

// ReadAlerts implements drift.AlertTx.
func (t driftTx) ReadAlerts(ctx context.Context, account uuid.UUID, id *uuid.UUID, reader drift.AlertPerson, at time.Time) (int, error) {
	args := readerArgs(account, reader)
	args["at"] = at
	which := ""
	if id != nil {
		which = " and id = @id"
		args["id"] = *id
	}
	tag, err := t.tx.Exec(ctx, `-- INSERT alert_read
		insert into alert_read (alert_id, user_id, read_at)
		select id, @user, @at from alert where account_id = @account and `+unread+which+` on conflict do nothing`, args)
	return int(tag.RowsAffected()), err
}

// SettleAlerts implements drift.AlertTx. The rows are locked by id, as everywhere, before they are changed.
func (t driftTx) SettleAlerts(ctx context.Context, account uuid.UUID, drifts []uuid.UUID, at time.Time, by *string) (map[uuid.UUID]int, error) {
	return pairs[uuid.UUID, int](ctx, t.tx, `-- UPDATE alert
		with unsettled as (
			select id from alert where account_id = @account and not is_read and drift_id = any(@drifts) order by id for update
		), settled as (
			update alert set is_read = true, read_at = @at, read_by = @by from unsettled where alert.id = unsettled.id
			returning drift_id
		)
		select drift_id, count(*) from settled group by 1`, pg.Args{"account": account, "drifts": drifts, "at": at, "by": by})
}
