package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// AccountNamed implements identity.Tx.
func (t identityTx) AccountNamed(ctx context.Context, name string) (*identity.Account, error) {
	return one[identity.Account](ctx, t.tx, noAccount, "-- SELECT account\nselect id, name from account where name = @name", pg.Args{"name": name})
}

// UserWithIdentity implements identity.Tx.
func (t identityTx) UserWithIdentity(ctx context.Context, issuer, subject string) (uuid.UUID, error) {
	args := pg.Args{"issuer": issuer, "subject": subject}
	// A row that is not there yet cannot be locked.
	if err := exec(ctx, t.tx, "-- SELECT user_identity\nselect pg_advisory_xact_lock(hashtextextended(@issuer::text || ' ' || @subject::text, 0))", args); err != nil {
		return uuid.Nil, err
	}
	type row struct{ UserID uuid.UUID }
	found, err := one[row](ctx, t.tx, noUser, `-- SELECT user_identity
		select user_id from user_identity where issuer = @issuer and subject = @subject`, args)
	if err != nil {
		return uuid.Nil, err
	}
	return found.UserID, nil
}

// UserWithEmail implements identity.Tx.
func (t identityTx) UserWithEmail(ctx context.Context, email string) (*identity.User, error) {
	return one[identity.User](ctx, t.tx, noUser, "-- SELECT app_user\nselect "+userColumns+" from app_user u where lower(u.email) = lower(@email)", pg.Args{"email": email})
}

// HasIdentity implements identity.Tx.
func (t identityTx) HasIdentity(ctx context.Context, user uuid.UUID) (bool, error) {
	return pg.Scalar[bool](ctx, t.tx, "-- SELECT user_identity\nselect exists (select from user_identity where user_id = @user)", pg.Args{"user": user})
}

// NoteProviderSignIn implements identity.Tx.
func (t identityTx) NoteProviderSignIn(ctx context.Context, issuer, subject string, user uuid.UUID, at time.Time) error {
	args := pg.Args{"issuer": issuer, "subject": subject, "user": user, "at": at}
	if err := exec(ctx, t.tx, `-- INSERT user_identity
		insert into user_identity (issuer, subject, user_id, created_at, last_login_at) values (@issuer, @subject, @user, @at, @at)
		on conflict (issuer, subject) do update set last_login_at = excluded.last_login_at`, args); err != nil {
		return err
	}
	return change(ctx, t.tx, noUser, "-- UPDATE app_user\nupdate app_user set last_login_at = @at where id = @user and is_active", args)
}
