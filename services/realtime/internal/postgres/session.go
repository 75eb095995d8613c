package postgres

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/token"
)

// Role is the role of the user of these claims, and why their session is not valid; the reason is empty when it is.
func (s *Store) Role(ctx context.Context, c token.Claims) (role string, over apierror.Reason, err error) {
	type state struct {
		Role                        string
		Deactivated, Revoked, Ended bool
	}
	found, err := pg.Collect[state](ctx, s.DB, `-- SELECT session
		select u.role, not u.is_active as deactivated, s.revoked_at is not null as revoked, s.expires_at <= now() as ended
		from session s join app_user u on u.id = s.user_id
		where s.id = @session and u.id = @user and u.account_id = @account`,
		pg.Args{"session": c.SessionID, "user": c.UserID, "account": c.AccountID})
	switch {
	case err != nil:
		return "", "", err
	case len(found) == 0:
		return "", apierror.Revoked, nil
	case found[0].Deactivated:
		return "", apierror.Deactivated, nil
	case found[0].Revoked:
		return "", apierror.Revoked, nil
	case found[0].Ended:
		return "", apierror.Expired, nil
	}
	return found[0].Role, "", nil
}

// Changed gives those of the sessions whose user has another role than the one that is known, with it. It is empty for a session that is no
// longer valid: revoked, expired, deleted, or of a user who was deactivated.
func (s *Store) Changed(ctx context.Context, known map[uuid.UUID]string) (map[uuid.UUID]string, error) {
	type session struct {
		ID   uuid.UUID
		Role string
	}
	var ids []uuid.UUID
	var roles []string
	for id, role := range known {
		ids, roles = append(ids, id), append(roles, role)
	}
	rows, err := pg.Collect[session](ctx, s.DB, `-- SELECT session
		select known.id, coalesce(valid.role, '') as role
		from unnest(@sessions::uuid[], @roles::text[]) as known (id, role)
		left join (
			select s.id, u.role from session s join app_user u on u.id = s.user_id
			where s.id = any(@sessions::uuid[]) and s.revoked_at is null and s.expires_at > now() and u.is_active
		) valid using (id)
		where valid.role is distinct from known.role`,
		pg.Args{"sessions": ids, "roles": roles})
	changed := make(map[uuid.UUID]string, len(rows))
	for _, row := range rows {
		changed[row.ID] = row.Role
	}
	return changed, err
}
