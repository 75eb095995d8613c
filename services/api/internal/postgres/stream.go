package postgres

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/stream"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

// streamTx is a transaction that can write the stream.
type streamTx struct{ auditTx }

// AppendEvents implements drift.StreamTx and notify.StreamTx. The counter's lock is held from here to the commit, so one statement takes the
// positions and uses them, and those of a decision travel with the commit; a plan of thousands of drifts has a statement for
// each part, and holds the lock for a few round trips. Without a counter it must fail there, before the commit: then the
// events have no position, which the table refuses.
//
// With a notice, the same statement makes the deliveries of the channels that may want the transaction's events, and the jobs of
// those that have none (docs/decisions/0035-one-statement-makes-deliveries.md).
func (t streamTx) AppendEvents(ctx context.Context, account uuid.UUID, events []event.Event, notice *notify.Notice, last *int64) error {
	read := func(rows pgx.Rows) (err error) {
		*last, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
		if err != nil {
			return fmt.Errorf("append to the stream of account %s: %w", account, err)
		}
		return nil
	}
	args, deliveries := pg.Args{"account": account}, ""
	if notice != nil {
		deliveries = makeDeliveries
		args["types"], args["severities"], args["transaction"] = notice.Types, notice.Severities, notice.Events
		args["publisher"], args["patience"] = events[0].Traceparent, notify.Patience
	}
	if len(events) == 1 {
		// The case of a decision. Encoding each value as an array of one takes twice as long.
		e := events[0]
		maps.Copy(args, pg.Args{
			"id": e.ID, "type": string(e.Type), "topics": strings.Join(e.Topics, " "), "body": []byte(e.Body), "traceparent": e.Traceparent,
		})
		return t.tx.Later(ctx, `-- INSERT event
			with head as (
				update account_stream set position = position + 1 where account_id = @account returning position
			), appended as (
				insert into event (account_id, position, id, type, topics, body, traceparent)
				values (@account, (select position from head), @id, @type, string_to_array(@topics, ' '), @body, @traceparent)
			)`+deliveries+`
			select position from head`, args, read)
	}
	maps.Copy(args, pg.Args{
		"count":       len(events),
		"id":          column(events, func(e event.Event) uuid.UUID { return e.ID }),
		"type":        column(events, func(e event.Event) string { return string(e.Type) }),
		"topics":      column(events, func(e event.Event) string { return strings.Join(e.Topics, " ") }),
		"body":        column(events, func(e event.Event) []byte { return e.Body }),
		"traceparent": column(events, func(e event.Event) string { return e.Traceparent }),
	})
	return t.tx.Later(ctx, `-- INSERT event
		with head as (
			update account_stream set position = position + @count where account_id = @account returning position
		), appended as (
			insert into event (account_id, position, id, type, topics, body, traceparent)
			select @account, head.position - @count + e.number, e.id, e.type, string_to_array(e.topics, ' '), e.body, e.traceparent
			from unnest(@id::uuid[], @type::text[], @topics::text[], @body::json[], @traceparent::text[])
				with ordinality as e (id, type, topics, body, traceparent, number) left join head on true
		)`+deliveries+`
		select position from head`, args, read)
}

// makeDeliveries comes after the lock of the stream's counter. A channel that is being deleted is waited for and left out. What wakes a
// channel that has a job already does nothing: the job sees the delivery (queue.Worker), or waits for the one before it.
const makeDeliveries = `, wanting as (
		select c.id, c.account_id, head.position from head, channel c
		where c.account_id = @account and c.enabled and c.events && @types::text[] and c.severities && @severities::text[]
		order by c.id for key share of c
	), told as (
		insert into delivery (id, account_id, channel_id, first_position, last_position, traceparent, expires_at)
		select gen_random_uuid(), account_id, id, position - @transaction + 1, position, @publisher, now() + @patience::interval from wanting
		returning channel_id
	), woken as (` + wakeChannels + ` from told order by channel_id ` + unlessAwake + `)`

// wakeChannels makes a job for each channel_id of what follows; unlessAwake is its end. The job is unique to the channel in each state
// but the final ones, which are bits 4 to 6. It is never given up.
const (
	wakeChannels = `insert into river_job (kind, queue, args, max_attempts, unique_key, unique_states)
		select 'notify', 'notify', jsonb_build_object('channel', channel_id), 32767, uuid_send(channel_id), b'11110001'`
	uniqueJob   = `on conflict (unique_key) where unique_key is not null and unique_states is not null and river_job_state_in_bitmask(unique_states, state)`
	unlessAwake = uniqueJob + ` do nothing`
)

// shownEvents is for the events of a response together, in bytes.
const shownEvents = 3 << 20

// Events implements drift.StreamReader.
func (s *DriftStore) Events(ctx context.Context, account uuid.UUID, after int64, limit int) ([]event.Event, error) {
	return stream.Reader{DB: s.db}.EventsWithin(ctx, account, after, limit, shownEvents)
}

// EventWindow implements drift.StreamReader.
func (s *DriftStore) EventWindow(ctx context.Context, account uuid.UUID, at int64) (event.Window, error) {
	return stream.Reader{DB: s.db}.Window(ctx, account, at)
}
