package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

const keyColumns = "k.id, k.name, k.scope, k.prefix, k.created_at, u.email as created_by, k.expires_at, k.last_used_at, k.workspaces"

// Key implements identity.Store.
func (s *IdentityStore) Key(ctx context.Context, id uuid.UUID) (*identity.KeyState, error) {
	return one[identity.KeyState](ctx, s.db, noKey, `-- SELECT api_key
		select account_id, name, hash, revoked_at is not null as revoked, expires_at, last_used_at, workspaces from api_key where id = @id`,
		pg.Args{"id": id})
}

// TouchKey implements identity.Store.
func (s *IdentityStore) TouchKey(ctx context.Context, id uuid.UUID, at time.Time) error {
	return exec(ctx, s.db, "-- UPDATE api_key\nupdate api_key set last_used_at = @at where id = @id", pg.Args{"id": id, "at": at})
}

// Keys implements identity.Store.
func (s *IdentityStore) Keys(ctx context.Context, account uuid.UUID, r list.Range) (list.Part[identity.APIKey], error) {
	type row struct {
		identity.APIKey
		listed
	}
	return readPart(ctx, s.db, listing{
		name: "api_key", table: "api_key", alias: "k", join: " join app_user u on u.id = k.created_by", filter: " and k.revoked_at is null", oldestFirst: true,
		columns: `k.id, left(k.name, 200) as name, k.scope, left(k.prefix, 64) as prefix, k.created_at, left(u.email, 320) as created_by,
			k.expires_at, k.last_used_at, k.workspaces`,
	}, r, pg.Args{"account": account}, func(row row) (identity.APIKey, listed) { return row.APIKey, row.listed })
}

// InsertKey implements identity.Tx.
func (t identityTx) InsertKey(ctx context.Context, k identity.APIKey, account, by uuid.UUID, hash []byte) error {
	return exec(ctx, t.tx, `-- INSERT api_key
		insert into api_key (id, account_id, name, scope, prefix, hash, created_by, created_at, expires_at, workspaces)
		values (@id, @account, @name, @scope, @prefix, @hash, @by, @created, @expires, @workspaces)`,
		pg.Args{
			"id": k.ID, "account": account, "name": k.Name, "scope": k.Scope, "prefix": k.Prefix, "hash": hash, "by": by,
			"created": k.CreatedAt, "expires": k.ExpiresAt, "workspaces": k.Workspaces,
		})
}

// RevokeKey implements identity.Tx.
func (t identityTx) RevokeKey(ctx context.Context, account, id uuid.UUID, at time.Time) (*identity.APIKey, error) {
	return one[identity.APIKey](ctx, t.tx, noKey, `-- UPDATE api_key
		update api_key k set revoked_at = @at from app_user u
		where k.id = @id and k.account_id = @account and k.revoked_at is null and u.id = k.created_by
		returning `+keyColumns, pg.Args{"account": account, "id": id, "at": at})
}

// RevokeKeysOf implements identity.Tx.
func (t identityTx) RevokeKeysOf(ctx context.Context, account, user uuid.UUID, at time.Time) ([]identity.APIKey, error) {
	return pg.Collect[identity.APIKey](ctx, t.tx, `-- UPDATE api_key
		update api_key k set revoked_at = @at from app_user u
		where k.created_by = @user and k.account_id = @account and k.revoked_at is null and u.id = k.created_by
		returning `+keyColumns, pg.Args{"account": account, "user": user, "at": at})
}

// HandKeysOver implements identity.Tx.
func (t identityTx) HandKeysOver(ctx context.Context, account, user, to uuid.UUID) ([]identity.APIKey, error) {
	return pg.Collect[identity.APIKey](ctx, t.tx, `-- UPDATE api_key
		update api_key k set created_by = @to from app_user u
		where k.created_by = @user and k.account_id = @account and k.revoked_at is null and u.id = @to
		returning `+keyColumns, pg.Args{"account": account, "user": user, "to": to})
}
