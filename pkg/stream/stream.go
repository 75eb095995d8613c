// Package stream reads the stored streams of events, for both services. Only api writes them.
package stream

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/pg"
)

// Reader reads the streams of a database.
type Reader struct{ DB *pg.DB }

// Events returns the account's events after a position, in order, limit at most.
func (r Reader) Events(ctx context.Context, account uuid.UUID, after int64, limit int) ([]event.Event, error) {
	return r.events(ctx, "event", pg.Args{"account": account, "after": after, "limit": limit})
}

// EventsWithin is Events, and ends early: the bodies together have size bytes at most, unless the first alone has more.
func (r Reader) EventsWithin(ctx context.Context, account uuid.UUID, after int64, limit, size int) ([]event.Event, error) {
	return r.events(ctx, `(
			select * from (
				select *, sum(octet_length(body::text)) over (order by position rows unbounded preceding) as size, row_number() over (order by position) as number
				from (select * from event where account_id = @account and position > @after order by position limit @limit) event
			) event where size <= @size or number = 1
		) event`, pg.Args{"account": account, "after": after, "limit": limit, "size": size})
}

func (r Reader) events(ctx context.Context, from string, args pg.Args) ([]event.Event, error) {
	rows, err := r.DB.Query(ctx, `-- SELECT event
		select account_id, position, id, type, topics, body, traceparent, created_at from `+from+`
		where account_id = @account and position > @after order by position limit @limit`, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e event.Event, err error) {
		err = row.Scan(&e.AccountID, &e.Position, &e.ID, &e.Type, &e.Topics, (*[]byte)(&e.Body), &e.Traceparent, &e.CreatedAt)
		return e, err
	})
}

// Window returns the part of the account's stream that can be read, with the tag of the event at a position. An account
// without events has an empty one.
func (r Reader) Window(ctx context.Context, account uuid.UUID, at int64) (event.Window, error) {
	rows, err := r.DB.Query(ctx, `-- SELECT account_stream
		select e.epoch, coalesce(s.position, 0), coalesce(s.trimmed_to, 0), newest.id, there.id
		from stream_epoch e
		left join account_stream s on s.account_id = @account
		left join event newest on newest.account_id = @account and newest.position = s.position
		left join event there on there.account_id = @account and there.position = @at`,
		pg.Args{"account": account, "at": at})
	if err != nil {
		return event.Window{}, err
	}
	return pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (w event.Window, err error) {
		var newest, there *uuid.UUID
		err = row.Scan(&w.Epoch, &w.Head, &w.TrimmedTo, &newest, &there)
		w.HeadTag, w.At = tagOf(newest), tagOf(there)
		return w, err
	})
}

// Heads returns the windows of many accounts at once; those that have no stream yet are absent.
func (r Reader) Heads(ctx context.Context, accounts []uuid.UUID) (map[uuid.UUID]event.Window, error) {
	rows, err := r.DB.Query(ctx, `-- SELECT account_stream
		select s.account_id, e.epoch, s.position, s.trimmed_to, newest.id
		from account_stream s cross join stream_epoch e
		left join event newest on newest.account_id = s.account_id and newest.position = s.position
		where s.account_id = any(@accounts)`, pg.Args{"accounts": accounts})
	if err != nil {
		return nil, err
	}
	heads := make(map[uuid.UUID]event.Window, len(accounts))
	var (
		account uuid.UUID
		newest  *uuid.UUID
		w       event.Window
	)
	_, err = pgx.ForEachRow(rows, []any{&account, &w.Epoch, &w.Head, &w.TrimmedTo, &newest}, func() error {
		w.HeadTag = tagOf(newest)
		heads[account] = w
		return nil
	})
	if err != nil {
		return nil, err
	}
	return heads, nil
}

// tagOf is the tag of an event that may not be there.
func tagOf(id *uuid.UUID) event.Tag {
	if id == nil {
		return 0
	}
	return event.TagOf(*id)
}
