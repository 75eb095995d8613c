package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/stream"
)

// AppendEvents implements drift.StreamTx. The counter's lock is held from here to the commit, so one statement takes the
// positions and uses them, and those of a decision travel with the commit; a plan of thousands of drifts has a statement for
// each part, and holds the lock for a few round trips. Without a counter it must fail there, before the commit: then the
// events have no position, which the table refuses.
func (t driftTx) AppendEvents(ctx context.Context, account uuid.UUID, events []event.Event, last *int64) error {
	read := func(rows pgx.Rows) (err error) {
		*last, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
		if err != nil {
			return fmt.Errorf("append to the stream of account %s: %w", account, err)
		}
		return nil
	}
	if len(events) == 1 {
		// The case of a decision. Encoding each value as an array of one takes twice as long.
		e := events[0]
		return t.tx.Later(ctx, `-- INSERT event
			with head as (
				update account_stream set position = position + 1 where account_id = @account returning position
			), appended as (
				insert into event (account_id, position, id, type, topics, body, traceparent)
				values (@account, (select position from head), @id, @type, string_to_array(@topics, ' '), @body, @traceparent)
			)
			select position from head`,
			pg.Args{
				"account": account, "id": e.ID, "type": string(e.Type), "topics": strings.Join(e.Topics, " "),
				"body": []byte(e.Body), "traceparent": e.Traceparent,
			}, read)
	}
	return t.tx.Later(ctx, `-- INSERT event
		with head as (
			update account_stream set position = position + @count where account_id = @account returning position
		), appended as (
			insert into event (account_id, position, id, type, topics, body, traceparent)
			select @account, head.position - @count + e.number, e.id, e.type, string_to_array(e.topics, ' '), e.body, e.traceparent
			from unnest(@id::uuid[], @type::text[], @topics::text[], @body::json[], @traceparent::text[])
				with ordinality as e (id, type, topics, body, traceparent, number) left join head on true
		)
		select position from head`,
		pg.Args{
			"account": account, "count": len(events),
			"id":          column(events, func(e event.Event) uuid.UUID { return e.ID }),
			"type":        column(events, func(e event.Event) string { return string(e.Type) }),
			"topics":      column(events, func(e event.Event) string { return strings.Join(e.Topics, " ") }),
			"body":        column(events, func(e event.Event) []byte { return e.Body }),
			"traceparent": column(events, func(e event.Event) string { return e.Traceparent }),
		}, read)
}

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
