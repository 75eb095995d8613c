package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// userColumns are the columns of identity.User.
const userColumns = "u.id, u.account_id, u.email, u.name, u.role, u.is_active, u.created_at, u.last_login_at, " +
	"u.password_hash is not null as has_password"

// Credentials implements identity.Store.
func (s *IdentityStore) Credentials(ctx context.Context, email string) (*identity.Credentials, error) {
	return one[identity.Credentials](ctx, s.db, noUser, `-- SELECT app_user
		select `+userColumns+`, u.password_hash from app_user u where lower(u.email) = lower(@email)`,
		pg.Args{"email": email})
}

// Users implements identity.Store.
func (s *IdentityStore) Users(ctx context.Context, account uuid.UUID, r list.Range) (list.Part[identity.User], error) {
	type row struct {
		identity.User
		listed
	}
	return readPart(ctx, s.db, listing{
		name: "app_user", table: "app_user", alias: "u", oldestFirst: true,
		columns: `u.id, u.account_id, left(u.email, 320) as email, left(u.name, 200) as name, u.role, u.is_active, u.created_at, u.last_login_at,
			u.password_hash is not null as has_password`,
	}, r, pg.Args{"account": account}, func(row row) (identity.User, listed) { return row.User, row.listed })
}

// InsertUser implements identity.Tx.
func (t identityTx) InsertUser(ctx context.Context, u identity.User) error {
	_, err := t.tx.Exec(ctx, `-- INSERT app_user
		insert into app_user (id, account_id, email, name, role, is_active, created_at, updated_at)
		values (@id, @account, @email, @name, @role, @active, @created, @created)`,
		pg.Args{
			"id": u.ID, "account": u.AccountID, "email": u.Email, "name": u.Name, "role": u.Role, "active": u.IsActive, "created": u.CreatedAt,
		})
	return emailTaken(err)
}

// LockUsers implements identity.ActorTx.
func (t auditTx) LockUsers(ctx context.Context, account uuid.UUID, ids ...uuid.UUID) ([]identity.User, error) {
	return pg.Collect[identity.User](ctx, t.tx, `-- SELECT app_user
		select `+userColumns+` from app_user u where u.account_id = @account and u.id = any(@ids) order by u.id for update`,
		pg.Args{"account": account, "ids": ids})
}

// LockAdmins implements identity.Tx.
func (t identityTx) LockAdmins(ctx context.Context, account uuid.UUID, ids ...uuid.UUID) ([]identity.User, error) {
	return pg.Collect[identity.User](ctx, t.tx, `-- SELECT app_user
		select `+userColumns+` from app_user u
		where u.account_id = @account and (u.id = any(@ids) or (u.role = 'admin' and u.is_active)) order by u.id for update`,
		pg.Args{"account": account, "ids": ids})
}

// SaveUser implements identity.Tx.
func (t identityTx) SaveUser(ctx context.Context, u identity.User, at time.Time) error {
	_, err := t.tx.Exec(ctx, `-- UPDATE app_user
		update app_user set email = @email, name = @name, role = @role, is_active = @active, updated_at = @at where id = @id`,
		pg.Args{"id": u.ID, "email": u.Email, "name": u.Name, "role": u.Role, "active": u.IsActive, "at": at})
	return emailTaken(err)
}

// SetPassword implements identity.Tx.
func (t identityTx) SetPassword(ctx context.Context, user uuid.UUID, oldHash, newHash string, at time.Time) error {
	return change(ctx, t.tx, noUser, `-- UPDATE app_user
		update app_user set password_hash = @new, updated_at = @at
		where id = @id and is_active and (@old = '' or password_hash = @old)`,
		pg.Args{"id": user, "old": oldHash, "new": newHash, "at": at})
}

// NoteSignIn implements identity.Tx.
func (t identityTx) NoteSignIn(ctx context.Context, user uuid.UUID, hash string, at time.Time) error {
	return change(ctx, t.tx, noUser, `-- UPDATE app_user
		update app_user set last_login_at = @at where id = @id and is_active and password_hash = @hash`,
		pg.Args{"id": user, "hash": hash, "at": at})
}

// Preferences implements identity.Store.
func (s *IdentityStore) Preferences(ctx context.Context, user uuid.UUID) (map[string]any, error) {
	return pg.Scalar[map[string]any](ctx, s.db, "-- SELECT app_user\nselect preferences from app_user where id = @user",
		pg.Args{"user": user})
}

// Preferences implements identity.Tx.
func (t identityTx) Preferences(ctx context.Context, user uuid.UUID) (map[string]any, error) {
	return pg.Scalar[map[string]any](ctx, t.tx, "-- SELECT app_user\nselect preferences from app_user where id = @user",
		pg.Args{"user": user})
}

// SavePreferences implements identity.Tx.
func (t identityTx) SavePreferences(ctx context.Context, user uuid.UUID, preferences map[string]any) error {
	return exec(ctx, t.tx, "-- UPDATE app_user\nupdate app_user set preferences = @preferences where id = @user",
		pg.Args{"user": user, "preferences": preferences})
}

func emailTaken(err error) error {
	return taken(err, "app_user_email_key", "there is a user with this email already")
}
