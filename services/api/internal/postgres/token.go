package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// InsertRefreshToken implements identity.Tx.
func (t identityTx) InsertRefreshToken(ctx context.Context, hash []byte, session uuid.UUID, at, until time.Time) error {
	return exec(ctx, t.tx, `-- INSERT refresh_token
		insert into refresh_token (hash, session_id, created_at, expires_at) values (@hash, @session, @at, @until)`,
		pg.Args{"hash": hash, "session": session, "at": at, "until": until})
}

// LockRefreshToken implements identity.Tx.
func (t identityTx) LockRefreshToken(ctx context.Context, hash []byte) (*identity.RefreshToken, error) {
	type tokenRow struct {
		sessionRow
		TokenExpiresAt time.Time
		SpentFor       *time.Duration
	}
	row, err := one[tokenRow](ctx, t.tx, noRefreshToken, `-- SELECT refresh_token
		select r.expires_at as token_expires_at, clock_timestamp() - r.spent_at as spent_for, `+sessionColumns+`
		from refresh_token r join session s on s.id = r.session_id
			join app_user u on u.id = s.user_id join account a on a.id = u.account_id
		where r.hash = @hash for update of r, s`, pg.Args{"hash": hash})
	if err != nil {
		return nil, err
	}
	return &identity.RefreshToken{ExpiresAt: row.TokenExpiresAt, SpentFor: row.SpentFor, SessionState: row.state()}, nil
}

// SpendRefreshToken implements identity.Tx.
func (t identityTx) SpendRefreshToken(ctx context.Context, hash []byte) error {
	return change(ctx, t.tx, noRefreshToken, `-- UPDATE refresh_token
		update refresh_token set spent_at = clock_timestamp() where hash = @hash and spent_at is null`, pg.Args{"hash": hash})
}

// InsertSetupToken implements identity.Tx.
func (t identityTx) InsertSetupToken(ctx context.Context, hash []byte, user, by uuid.UUID, until time.Time) error {
	return exec(ctx, t.tx, `-- INSERT setup_token
		insert into setup_token (hash, user_id, created_by, expires_at) values (@hash, @user, nullif(@by, '00000000-0000-0000-0000-000000000000'::uuid), @until)`,
		pg.Args{"hash": hash, "user": user, "by": by, "until": until})
}

// SetupToken implements identity.Store.
func (s *IdentityStore) SetupToken(ctx context.Context, hash []byte) (*identity.SetupToken, error) {
	type tokenRow struct {
		identity.User
		TokenExpiresAt time.Time
		Used           bool
	}
	row, err := one[tokenRow](ctx, s.db, noSetupToken, `-- SELECT setup_token
		select t.expires_at as token_expires_at, t.used_at is not null as used, `+userColumns+`
		from setup_token t join app_user u on u.id = t.user_id where t.hash = @hash`, pg.Args{"hash": hash})
	if err != nil {
		return nil, err
	}
	return &identity.SetupToken{User: row.User, ExpiresAt: row.TokenExpiresAt, Used: row.Used}, nil
}

// UseSetupToken implements identity.Tx.
func (t identityTx) UseSetupToken(ctx context.Context, hash []byte, at time.Time) error {
	args := pg.Args{"hash": hash, "at": at}
	if err := change(ctx, t.tx, noSetupToken, `-- UPDATE setup_token
		update setup_token set used_at = @at where hash = @hash and used_at is null and expires_at > @at`, args); err != nil {
		return err
	}
	return exec(ctx, t.tx, `-- UPDATE setup_token
		update setup_token set used_at = @at
		where user_id = (select user_id from setup_token where hash = @hash) and used_at is null`, args)
}

// SpendSetupTokens implements identity.Tx.
func (t identityTx) SpendSetupTokens(ctx context.Context, user uuid.UUID, at time.Time) error {
	return exec(ctx, t.tx, `-- UPDATE setup_token
		update setup_token set used_at = @at where user_id = @user and used_at is null`, pg.Args{"user": user, "at": at})
}

// SpendSetupTokensBy implements identity.Tx.
func (t identityTx) SpendSetupTokensBy(ctx context.Context, account, by uuid.UUID, at time.Time) error {
	return exec(ctx, t.tx, `-- UPDATE setup_token
		update setup_token t set used_at = @at from app_user u
		where u.id = t.user_id and u.account_id = @account and t.created_by = @by and t.used_at is null`,
		pg.Args{"account": account, "by": by, "at": at})
}
