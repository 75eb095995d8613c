package postgres

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/token"
)

// Active reports whether the session of these claims holds and its user is active.
func (s *Store) Active(ctx context.Context, c token.Claims) (bool, error) {
	return pg.Scalar[bool](ctx, s.DB, `-- SELECT session
		select exists (
			select from session s join app_user u on u.id = s.user_id
			where s.id = @session and u.id = @user and u.account_id = @account
			  and s.revoked_at is null and s.expires_at > now() and u.is_active)`,
		pg.Args{"session": c.SessionID, "user": c.UserID, "account": c.AccountID})
}

// Ended returns those of the sessions that are no longer valid: revoked, expired, deleted, or of a user who was
// deactivated.
func (s *Store) Ended(ctx context.Context, sessions []uuid.UUID) ([]uuid.UUID, error) {
	return pg.Scalars[uuid.UUID](ctx, s.DB, `-- SELECT session
		select asked.id
		from unnest(@sessions::uuid[]) as asked (id)
		where not exists (
			select from session s join app_user u on u.id = s.user_id
			where s.id = asked.id and s.revoked_at is null and s.expires_at > now() and u.is_active)`,
		pg.Args{"sessions": sessions})
}
