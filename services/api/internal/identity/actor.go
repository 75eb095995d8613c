package identity

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

// What a request was allowed to do was decided with what a cache remembers, for some seconds. Whatever changes users, roles,
// keys or sessions therefore looks at its actor again, in the transaction of the change: who was demoted, deactivated or signed
// out a moment ago, on another replica, changes nothing. The actor's row stays locked, so that the two can't pass each other.

// ActorTx is what a transaction needs in which an actor is looked at again.
type ActorTx interface {
	// LockUsers locks those of the users that the account has, until the end. All lock in the same order.
	LockUsers(ctx context.Context, account uuid.UUID, ids ...uuid.UUID) ([]User, error)
	// SessionOpen reports whether the session is the user's, and neither revoked nor expired by the database's clock.
	SessionOpen(ctx context.Context, id, user uuid.UUID) (bool, error)
}

// Act locks the actor until the end of a transaction of another package, and says who acts. It fails unless the actor still has the
// role.
func (s *Service) Act(ctx context.Context, tx ActorTx, p Principal, need Role) (audit.Actor, error) {
	users, err := tx.LockUsers(ctx, p.AccountID, p.UserID)
	if err != nil {
		return audit.Actor{}, err
	}
	by, _, err := s.confirm(ctx, tx, p, need, users)
	return by, err
}

// act locks the actor, and others of the account, until the end of the transaction. It fails unless the actor still has the
// role. A user who is not of the account is not among those that it returns.
func (s *Service) act(ctx context.Context, tx ActorTx, p Principal, need Role, others ...uuid.UUID) (audit.Actor, map[uuid.UUID]User, error) {
	users, err := tx.LockUsers(ctx, p.AccountID, append(others, p.UserID)...)
	if err != nil {
		return audit.Actor{}, nil, err
	}
	return s.confirm(ctx, tx, p, need, users)
}

// confirm says who acts, and gives the locked users by their ids.
func (s *Service) confirm(ctx context.Context, tx ActorTx, p Principal, need Role, users []User) (audit.Actor, map[uuid.UUID]User, error) {
	locked := make(map[uuid.UUID]User, len(users))
	for _, u := range users {
		locked[u.ID] = u
	}
	actor, found := locked[p.UserID]
	// A statement of its own: that of the locks has waited, and may have seen the session as it was before.
	open, err := tx.SessionOpen(ctx, p.SessionID, p.UserID)
	switch {
	case err != nil:
		return audit.Actor{}, nil, err
	case !found || !actor.IsActive:
		s.sessions.Forget(p.SessionID)
		return audit.Actor{}, nil, errDeactivated
	case !open:
		s.sessions.Forget(p.SessionID)
		return audit.Actor{}, nil, errSessionRevoked
	case !actor.Role.AtLeast(need):
		s.sessions.Forget(p.SessionID)
		return audit.Actor{}, nil, apierror.Newf(apierror.Forbidden, "this needs the role %s", need)
	}
	return actor.actor(), locked, nil
}

// administers reports whether the user can act as an admin, which takes a password to sign in with.
func (u User) administers() bool { return u.IsActive && u.Role == Admin && u.HasPassword }
