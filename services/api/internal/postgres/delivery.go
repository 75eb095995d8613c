package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/stream"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

const deliveryColumns = `d.id, d.account_id, d.channel_id, d.first_position, d.last_position, d.traceparent, d.state, d.attempts, d.next_attempt_at,
	d.expires_at, d.created_at, d.finished_at, d.last_status, d.last_error`

// Deliveries implements notify.Store.
func (s *NotifyStore) Deliveries(
	ctx context.Context, account, channel uuid.UUID, states []notify.DeliveryState, r list.Range,
) (list.Part[notify.Delivery], error) {
	type row struct {
		notify.Delivery
		listed
	}
	n := listing{name: "delivery", table: "delivery", alias: "d", columns: deliveryColumns, filter: " and d.channel_id = @channel"}
	args := pg.Args{"account": account, "channel": channel}
	if states != nil {
		n.filter += " and d.state = any(@states)"
		args["states"] = column(states, func(s notify.DeliveryState) string { return string(s) })
	}
	return readPart(ctx, s.db, n, r, args, func(row row) (notify.Delivery, listed) { return row.Delivery, row.listed })
}

// Next implements notify.Store.
func (s *NotifyStore) Next(ctx context.Context, channel uuid.UUID) (*notify.Next, error) {
	args := pg.Args{"channel": channel}
	d, err := one[notify.Delivery](ctx, s.db, noDelivery, `-- SELECT delivery
		select `+deliveryColumns+` from delivery d join channel c on c.id = d.channel_id
		where d.channel_id = @channel and d.state = 'waiting' and c.enabled order by d.place limit 1`, args)
	if err == nil {
		var c *notify.Channel
		if c, err = s.read(ctx, storedChannel+", 0 as waiting, 0 as parked", d.AccountID, channel); err == nil {
			return &notify.Next{Delivery: *d, Channel: *c}, nil
		}
	}
	if apierror.Is(err, apierror.NotFound) {
		return nil, nil //nolint:nilnil // As the interface says.
	}
	return nil, err
}

// Events implements notify.Store.
func (s *NotifyStore) Events(ctx context.Context, account uuid.UUID, after int64, limit int) ([]event.Event, error) {
	return stream.Reader{DB: s.db}.Events(ctx, account, after, limit)
}

// Owners implements notify.Store.
func (s *NotifyStore) Owners(ctx context.Context, account uuid.UUID, workspaces []string) (map[string]string, error) {
	return pairs[string, string](ctx, s.db, `-- SELECT workspace
		select name, owner from workspace where account_id = @account and name = any(@names) and owner is not null`,
		pg.Args{"account": account, "names": workspaces})
}

// Record implements notify.Tx. The channel is locked first, as admins do.
func (t notifyTx) Record(ctx context.Context, r notify.Result) (bool, error) {
	args := pg.Args{
		"channel": r.Channel, "id": r.Delivery, "state": string(r.State), "attempts": r.Attempts, "at": r.At, "next": r.NextAttemptAt,
		"status": r.Status, "error": r.Error,
	}
	if err := t.tx.Later(ctx, "-- SELECT channel for update\nselect from channel where id = @channel for no key update", args, nil); err != nil {
		return false, err
	}
	tag, err := t.tx.Exec(ctx, `-- UPDATE delivery
		update delivery set state = @state, attempts = @attempts, next_attempt_at = @next, last_status = @status, last_error = @error,
			finished_at = case when @state <> 'waiting' then @at::timestamptz end
		where id = @id and channel_id = @channel and state = 'waiting' and attempts = @attempts - 1`, args)
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	return true, t.tx.Later(ctx, `-- UPDATE channel
		update channel set last_error = @error,
			last_success_at = case when @error::text is null then @at else last_success_at end,
			failing_since = case when @error::text is not null then coalesce(failing_since, @at) end,
			failed_at = case when @state = 'parked' then coalesce(failed_at, @at) when @error::text is not null then failed_at end
		where id = @channel`, args, nil)
}

// Drop implements notify.Tx.
func (t notifyTx) Drop(ctx context.Context, delivery uuid.UUID) error {
	return exec(ctx, t.tx, "-- DELETE delivery\ndelete from delivery where id = @id and state = 'waiting'", pg.Args{"id": delivery})
}

// Replay implements notify.Tx.
func (t notifyTx) Replay(ctx context.Context, account, channel, delivery uuid.UUID, at, expires time.Time) (*notify.Delivery, error) {
	args := pg.Args{"account": account, "channel": channel, "id": delivery, "at": at, "expires": expires}
	d, err := one[notify.Delivery](ctx, t.tx, noDelivery, "-- SELECT delivery for update\nselect "+deliveryColumns+
		" from delivery d where d.account_id = @account and d.channel_id = @channel and d.id = @id for update", args)
	if err != nil {
		return nil, err
	}
	if d.State != notify.Parked {
		return nil, apierror.Newf(apierror.Conflict, "the delivery is %s; only a parked one can be replayed", d.State)
	}
	return one[notify.Delivery](ctx, t.tx, noDelivery, `-- UPDATE delivery
		update delivery d set state = 'waiting', place = default, attempts = 0, next_attempt_at = @at, expires_at = @expires, finished_at = null
		where d.account_id = @account and d.id = @id returning `+deliveryColumns, args)
}

// WakeChannel implements notify.Tx. The lock of the stream's counter makes a job that is about to end wait, or waits for it.
func (t notifyTx) WakeChannel(ctx context.Context, account, channel uuid.UUID, hurry bool) error {
	args := pg.Args{"account": account, "channel": channel}
	if err := t.tx.Later(ctx, "-- SELECT account_stream for update\nselect from account_stream where account_id = @account for no key update", args, nil); err != nil {
		return err
	}
	awake := unlessAwake
	if hurry {
		if err := t.tx.Later(ctx, `-- UPDATE delivery
			update delivery set next_attempt_at = now() where account_id = @account and channel_id = @channel and state = 'waiting' and next_attempt_at > now()`, args, nil); err != nil {
			return err
		}
		awake = uniqueJob + ` do update set state = 'available', scheduled_at = now() where river_job.state in ('scheduled', 'retryable')`
	}
	return t.tx.Later(ctx, "-- INSERT river_job\n"+wakeChannels+" from (select id as channel_id from channel where account_id = @account and id = @channel) c "+awake, args, nil)
}

// Wake implements notify.Store.
func (s *NotifyStore) Wake(ctx context.Context) (int, error) {
	tag, err := s.db.Exec(ctx, "-- INSERT river_job\n"+wakeChannels+` from (
			select distinct d.channel_id from delivery d join channel c on c.id = d.channel_id where d.state = 'waiting' and c.enabled
		) w order by channel_id `+unlessAwake)
	return int(tag.RowsAffected()), err
}

// Backlog implements notify.Store. What waits for a channel that is turned off does not count.
func (s *NotifyStore) Backlog(ctx context.Context) (notify.Backlog, error) {
	rows, err := s.db.Query(ctx, `-- SELECT delivery count
		select count(*) filter (where d.state = 'waiting') as waiting, min(d.created_at) filter (where d.state = 'waiting') as oldest,
			count(*) filter (where d.state = 'parked') as parked
		from delivery d join channel c on c.id = d.channel_id where d.state in ('waiting', 'parked') and c.enabled`)
	if err != nil {
		return notify.Backlog{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[notify.Backlog])
}
