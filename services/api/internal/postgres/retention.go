package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/retention"
)

// RetentionStore is package retention's database.
type RetentionStore struct{ db *pg.DB }

// NewRetentionStore makes the store on a pool.
func NewRetentionStore(db *pg.DB) *RetentionStore { return &RetentionStore{db} }

var _ retention.Store = (*RetentionStore)(nil)

// rowsPerSweep bounds a transaction, so that others do not wait long for its locks.
const rowsPerSweep = 5000

// TrimEvents implements retention.Store. A stream is trimmed from its beginning up to its last old event, a part at a
// time; positions have no gaps, so they measure the parts. The newest event stays whatever its age: it proves the head.
func (s *RetentionStore) TrimEvents(ctx context.Context, before time.Time) (int, error) {
	type old struct {
		AccountID uuid.UUID
		TrimmedTo int64
		Last      int64
	}
	streams, err := pg.Collect[old](ctx, s.db, `-- SELECT event
		select account_id, trimmed_to, max(event.position) as last from event join account_stream using (account_id)
		where event.created_at < @before and event.position < account_stream.position group by account_id, trimmed_to`, pg.Args{"before": before})
	total := 0
	for _, stream := range streams {
		for from := stream.TrimmedTo; from < stream.Last && err == nil; from += rowsPerSweep {
			var n int
			n, err = s.trim(ctx, stream.AccountID, min(from+rowsPerSweep, stream.Last))
			total += n
		}
	}
	return total, err
}

// trim removes a stream's events up to a position. The stream's row comes last: writers wait for it.
func (s *RetentionStore) trim(ctx context.Context, account uuid.UUID, to int64) (removed int, err error) {
	err = s.db.InTx(ctx, "retention.events", func(ctx context.Context, tx *pg.Tx) error {
		args := pg.Args{"account": account, "to": to}
		tag, err := tx.Exec(ctx, "-- DELETE event\ndelete from event where account_id = @account and position <= @to", args)
		if err != nil {
			return err
		}
		removed = int(tag.RowsAffected())
		_, err = tx.Exec(ctx, `-- UPDATE account_stream
			update account_stream set trimmed_to = greatest(trimmed_to, @to) where account_id = @account`, args)
		return err
	})
	return removed, err
}

// RemoveResponses implements retention.Store. The body of a check that is not a workspace's last is older than that one:
// sent again, it would be stale and change nothing. The check's own id stands in for the hash of the body: 16 bytes, so it
// equals no body's, and tells which checks are done.
func (s *RetentionStore) RemoveResponses(ctx context.Context, before time.Time) (int, error) {
	return s.remove(ctx, `-- UPDATE workspace_check
		update workspace_check set answer = 'null', body_hash = uuid_send(id) where id in (
			select c.id from workspace_check c join workspace w on w.id = c.workspace_id
			where c.created_at < @before and octet_length(c.body_hash) = 32 and c.id is distinct from w.last_check_id limit @limit)`, before)
}

// RemoveChecks implements retention.Store. It goes from workspace to workspace, for which there is an index: one of all checks
// by time could mislead the queries for an account's newest ones.
func (s *RetentionStore) RemoveChecks(ctx context.Context, before time.Time) (int, error) {
	for total := 0; ; {
		n, err := pg.Scalar[int](ctx, s.db, `-- DELETE workspace_check
			with removed as (
				delete from workspace_check where id in (
					select old.id from workspace w, lateral (
						select c.id from workspace_check c
						where c.workspace_id = w.id and c.created_at < @before
							and c.id is distinct from w.last_check_id and c.id is distinct from (`+lastGoodCheck+`)
						limit @limit
					) old limit @limit)
				returning account_id
			), revised as (`+revise("select account_id from removed")+`)
			select count(*) from removed`, pg.Args{"before": before, "limit": rowsPerSweep})
		total += n
		if err != nil || n < rowsPerSweep {
			return total, err
		}
	}
}

// revise is SQL that begins another revision of these accounts' streams: what their lists show has changed without an event.
func revise(accounts string) string {
	return `update account_stream set revision = revision + 1 where account_id in (
		select account_id from account_stream where account_id in (` + accounts + `) order by account_id for update)`
}

// RemoveIdempotencyKeys implements retention.Store.
func (s *RetentionStore) RemoveIdempotencyKeys(ctx context.Context, before time.Time) (int, error) {
	return s.remove(ctx, `-- DELETE idempotency
		delete from idempotency where ctid in (select ctid from idempotency where created_at < @before limit @limit)`, before)
}

// RemoveSignIns implements retention.Store.
func (s *RetentionStore) RemoveSignIns(ctx context.Context, networks, failures time.Time) (int, error) {
	total, err := s.remove(ctx, `-- DELETE sign_in_network
		delete from sign_in_network where ctid in (select ctid from sign_in_network where last_at < @before limit @limit)`, networks)
	if err != nil {
		return total, err
	}
	n, err := s.remove(ctx, `-- DELETE failed_sign_in
		delete from failed_sign_in where ctid in (select ctid from failed_sign_in where last_at < @before limit @limit)`, failures)
	return total + n, err
}

// RemoveDeliveries implements retention.Store.
func (s *RetentionStore) RemoveDeliveries(ctx context.Context, before time.Time) (int, error) {
	return s.remove(ctx, `-- DELETE delivery
		delete from delivery where id in (select id from delivery where finished_at < @before limit @limit)`, before)
}

// ShortenSessions implements retention.Store.
func (s *RetentionStore) ShortenSessions(ctx context.Context, age time.Duration) error {
	for {
		tag, err := s.db.Exec(ctx, `-- UPDATE session
			update session set expires_at = created_at + @age::interval where id in (
				select id from session where expires_at > created_at + @age::interval limit @limit)`, pg.Args{"age": age, "limit": rowsPerSweep})
		if err != nil || tag.RowsAffected() < rowsPerSweep {
			return err
		}
	}
}

// RemoveExpired implements retention.Store. Refresh tokens go with their session.
func (s *RetentionStore) RemoveExpired(ctx context.Context, before time.Time) (int, error) {
	total := 0
	for _, sql := range []string{
		"-- DELETE session\ndelete from session where id in (select id from session where expires_at < @before limit @limit)",
		"-- DELETE refresh_token\ndelete from refresh_token where hash in (select hash from refresh_token where expires_at < @before limit @limit)",
		"-- DELETE setup_token\ndelete from setup_token where hash in (select hash from setup_token where expires_at < @before limit @limit)",
	} {
		n, err := s.remove(ctx, sql, before)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// remove repeats a statement until it removes fewer rows than its limit.
func (s *RetentionStore) remove(ctx context.Context, sql string, before time.Time) (int, error) {
	for total := 0; ; {
		tag, err := s.db.Exec(ctx, sql, pg.Args{"before": before, "limit": rowsPerSweep})
		n := int(tag.RowsAffected())
		total += n
		if err != nil || n < rowsPerSweep {
			return total, err
		}
	}
}
