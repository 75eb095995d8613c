package postgres

import (
	"context"
	"time"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// IdentityStore is package identity's database.
type IdentityStore struct{ db *pg.DB }

var _ identity.Store = (*IdentityStore)(nil)

// NewIdentityStore makes the store on a pool.
func NewIdentityStore(db *pg.DB) *IdentityStore { return &IdentityStore{db} }

// InTx implements identity.Store.
func (s *IdentityStore) InTx(ctx context.Context, name string, fn func(ctx context.Context, tx identity.Tx) error) error {
	return s.db.InTx(ctx, name, func(ctx context.Context, tx *pg.Tx) error { return fn(ctx, identityTx{auditTx{tx}}) })
}

// The messages that callers see if a row does not exist.
const (
	noAccount      = "there is no such account"
	noUser         = "there is no such user"
	noSession      = "there is no such session"
	noRefreshToken = "there is no such refresh token"
	noSetupToken   = "there is no such setup token"
	noKey          = "there is no such API key"
)

// identityTx is a transaction of the store.
type identityTx struct{ auditTx }

// HideValues implements identity.Tx.
func (t identityTx) HideValues(ctx context.Context, name string, hide bool) (identity.Account, error) {
	account, err := one[identity.Account](ctx, t.tx, noAccount, `-- UPDATE account
		update account set hide_values = @hide where name = @name returning id, name`, pg.Args{"name": name, "hide": hide})
	if err != nil {
		return identity.Account{}, err
	}
	return *account, nil
}

// EnsureAccount implements identity.Tx.
func (t identityTx) EnsureAccount(ctx context.Context, name string, at time.Time) (identity.Account, error) {
	args := pg.Args{"id": uid.New(), "name": name, "at": at}
	// This waits for a concurrent transaction that makes the same account; the query below then sees that account.
	if _, err := t.tx.Exec(ctx, `-- INSERT account
		insert into account (id, name, created_at) values (@id, @name, @at) on conflict (name) do nothing`, args); err != nil {
		return identity.Account{}, err
	}
	account, err := one[identity.Account](ctx, t.tx, noAccount, "-- SELECT account\nselect id, name from account where name = @name", args)
	if err != nil {
		return identity.Account{}, err
	}
	_, err = t.tx.Exec(ctx, `-- INSERT account_stream
		insert into account_stream (account_id) values (@id) on conflict do nothing`, pg.Args{"id": account.ID})
	return *account, err
}
