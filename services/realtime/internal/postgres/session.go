package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/token"
)

// Active reports whether the session of these claims holds and its user is active.
func (s *Store) Active(ctx context.Context, c token.Claims) (bool, error) {
	rows, err := s.db.Query(ctx, `-- SELECT session
		select exists (
			select from session s join app_user u on u.id = s.user_id
			where s.id = @session and u.id = @user and u.account_id = @account
			  and s.revoked_at is null and s.expires_at > now() and u.is_active)`,
		pgx.NamedArgs{"session": c.SessionID, "user": c.UserID, "account": c.AccountID})
	if err != nil {
		return false, fmt.Errorf("select the session: %w", err)
	}
	active, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	if err != nil {
		return false, fmt.Errorf("select the session: %w", pg.Translate(err))
	}
	return active, nil
}

// Ended returns those of the sessions that are no longer valid: revoked, expired, deleted, or of a user who was
// deactivated.
func (s *Store) Ended(ctx context.Context, sessions []uuid.UUID) ([]uuid.UUID, error) {
	rows, err := s.db.Query(ctx, `-- SELECT session
		select asked.id
		from unnest(@sessions::uuid[]) as asked (id)
		where not exists (
			select from session s join app_user u on u.id = s.user_id
			where s.id = asked.id and s.revoked_at is null and s.expires_at > now() and u.is_active)`,
		pgx.NamedArgs{"sessions": sessions})
	if err != nil {
		return nil, fmt.Errorf("select the sessions that ended: %w", err)
	}
	ended, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("select the sessions that ended: %w", pg.Translate(err))
	}
	return ended, nil
}
