package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

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
	// Who comes second waits here for the first, and then finds its row.
	tag, err := s.db.Exec(ctx, `-- INSERT idempotency
		insert into idempotency as i (account_id, principal, key, request_hash, created_at)
		values (@account, @principal, @key, '', @at)
		on conflict (account_id, principal, key) do update
			set request_hash = '', status = null, answer = null, created_at = @at
			where i.created_at < @forget or (i.status is null and i.created_at < @abandoned)`, args)
	if err != nil || tag.RowsAffected() > 0 {
		return nil, err
	}
	rows, err := s.db.Query(ctx, `-- SELECT idempotency
		select request_hash, status, answer from idempotency where account_id = @account and principal = @principal and key = @key`, args)
	if err != nil {
		return nil, err
	}
	record, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByName[idempotency.Record])
	if errors.Is(err, pgx.ErrNoRows) {
		// The first was abandoned between the two statements.
		return nil, apierror.Wrap(apierror.Conflict, err, "the first request with this Idempotency-Key has just failed; try again")
	}
	return record, err
}

// Finish implements idempotency.Store.
func (s *IdempotencyStore) Finish(ctx context.Context, k idempotency.Key, began time.Time, r idempotency.Record) error {
	_, err := s.db.Exec(ctx, `-- UPDATE idempotency
		update idempotency set request_hash = @hash, status = @status, answer = @answer
		where account_id = @account and principal = @principal and key = @key and created_at = @began`,
		keyArgs(k, pg.Args{"began": began, "hash": r.RequestHash, "status": r.Status, "answer": r.Answer}))
	return err
}

// Abandon implements idempotency.Store.
func (s *IdempotencyStore) Abandon(ctx context.Context, k idempotency.Key, began time.Time) error {
	_, err := s.db.Exec(ctx, `-- DELETE idempotency
		delete from idempotency where account_id = @account and principal = @principal and key = @key and created_at = @began`,
		keyArgs(k, pg.Args{"began": began}))
	return err
}

func keyArgs(k idempotency.Key, more pg.Args) pg.Args {
	more["account"], more["principal"], more["key"] = k.Account, k.Principal.String(), k.Key
	return more
}
