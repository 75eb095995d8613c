package postgres

import (
	"context"
	"time"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/idempotency"
)

// IdempotencyStore is package idempotency's database.
type IdempotencyStore struct{ db *pg.DB }

var _ idempotency.Store = (*IdempotencyStore)(nil)

// NewIdempotencyStore makes the store on a pool.
func NewIdempotencyStore(db *pg.DB) *IdempotencyStore { return &IdempotencyStore{db} }

// Begin implements idempotency.Store.
func (s *IdempotencyStore) Begin(ctx context.Context, k idempotency.Key, at, forget, abandoned time.Time) (*idempotency.Record, error) {
	args := keyArgs(k, pg.Args{"at": at, "forget": forget, "abandoned": abandoned})
	// The second request waits here for the first one, and then finds its row.
	tag, err := s.db.Exec(ctx, `-- INSERT idempotency
		insert into idempotency as i (account_id, principal, key, request_hash, created_at)
		values (@account, @principal, @key, '', @at)
		on conflict (account_id, principal, key) do update
			set request_hash = '', status = null, answer = null, created_at = @at
			where i.created_at < @forget or (i.status is null and i.created_at < @abandoned)`, args)
	if err != nil || tag.RowsAffected() > 0 {
		return nil, err
	}
	record, err := one[idempotency.Record](ctx, s.db, "there is no such request", `-- SELECT idempotency
		select request_hash, status, answer as response from idempotency
		where account_id = @account and principal = @principal and key = @key`, args)
	if apierror.Is(err, apierror.NotFound) {
		// The first was abandoned between the two statements.
		return nil, apierror.Wrap(apierror.Conflict, err, "the first request with this Idempotency-Key has just failed; try again")
	}
	return record, err
}

// Finish implements idempotency.Store.
func (s *IdempotencyStore) Finish(ctx context.Context, k idempotency.Key, began time.Time, r idempotency.Record) error {
	return exec(ctx, s.db, `-- UPDATE idempotency
		update idempotency set request_hash = @hash, status = @status, answer = @answer
		where account_id = @account and principal = @principal and key = @key and created_at = @began`,
		keyArgs(k, pg.Args{"began": began, "hash": r.RequestHash, "status": r.Status, "answer": r.Response}))
}

// Abandon implements idempotency.Store.
func (s *IdempotencyStore) Abandon(ctx context.Context, k idempotency.Key, began time.Time) error {
	return exec(ctx, s.db, `-- DELETE idempotency
		delete from idempotency where account_id = @account and principal = @principal and key = @key and created_at = @began`,
		keyArgs(k, pg.Args{"began": began}))
}

func keyArgs(k idempotency.Key, more pg.Args) pg.Args {
	more["account"], more["principal"], more["key"] = k.Account, k.Principal.String(), k.Key
	return more
}
