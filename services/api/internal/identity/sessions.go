package identity

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

var errNoSession = apierror.New(apierror.NotFound, "there is no such open session")

// Sessions is a part of the principal's open sessions, oldest first.
func (s *Service) Sessions(ctx context.Context, p Principal, r list.Range) (list.Part[Session], error) {
	now := s.now()
	return s.store.Sessions(ctx, p.AccountID, p.UserID, now, now.Add(-s.sessionMaxAge), r)
}

// EndSession ends one of the principal's sessions, also one that has expired by this replica's clock: by that of another it may go on.
func (s *Service) EndSession(ctx context.Context, p Principal, id uuid.UUID) error {
	err := s.store.InTx(ctx, "session.end", func(ctx context.Context, tx Tx) error {
		by, locked, err := s.act(ctx, tx, p, Viewer)
		if err != nil {
			return err
		}
		ended, err := s.end(ctx, tx, &SessionState{Session: Session{ID: id}, User: locked[p.UserID]}, SignedOut, by)
		if err == nil && !ended {
			return errNoSession
		}
		return err
	})
	s.sessions.Forget(id)
	return err
}

// EndOtherSessions ends the principal's sessions but the present one, and counts them.
func (s *Service) EndOtherSessions(ctx context.Context, p Principal) (int, error) {
	return s.endAll(ctx, p, Viewer, p.UserID, p.SessionID, SignedOut)
}

// EndUserSessions ends the sessions of any user of the account, and counts them.
func (s *Service) EndUserSessions(ctx context.Context, p Principal, id uuid.UUID) (int, error) {
	return s.endAll(ctx, p, Admin, id, uuid.Nil, EndedByAdmin)
}

func (s *Service) endAll(ctx context.Context, p Principal, need Role, user, keep uuid.UUID, why Reason) (ended int, err error) {
	err = s.store.InTx(ctx, "session.end_all", func(ctx context.Context, tx Tx) error {
		by, locked, err := s.act(ctx, tx, p, need, user)
		if err != nil {
			return err
		}
		target, found := locked[user]
		if !found {
			return errNoUser
		}
		if ended, err = tx.RevokeSessions(ctx, user, keep, why, s.now()); err != nil {
			return err
		}
		return s.record(ctx, tx, p.AccountID, by, actionSessionRevoked, target.Email, "sessions were ended",
			map[string]any{"user": user, "sessionsEnded": ended, "reason": why})
	})
	s.sessions.Clear()
	return ended, err
}
