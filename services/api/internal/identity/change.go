package identity

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

// setupExpiry is how long a new user has to set the first password: over a weekend.
const setupExpiry = 72 * time.Hour

var (
	errSetup           = apierror.Refuse(apierror.Unknown, "the setup token is not valid; ask an admin for another")
	errEmailChanged    = apierror.New(apierror.Conflict, "the email has just been changed; try again in some seconds")
	errCurrentPassword = apierror.Refuse(apierror.WrongCredentials, "the current password is wrong")
)

// SetupPassword sets a password with the one-time token that an admin passed on. All sessions of the user end.
func (s *Service) SetupPassword(ctx context.Context, setup, password string) error {
	var in input
	in.token("token", setup)
	in.password("newPassword", password)
	if err := in.err(); err != nil {
		return err
	}
	// Before the hash is computed, which is expensive.
	known, err := s.store.SetupToken(ctx, token.Hash(setup))
	if apierror.Is(err, apierror.NotFound) {
		return errSetup
	}
	if err != nil {
		return err
	}
	if !known.open(s.now()) {
		return errSetup
	}
	in.newPassword("newPassword", password, known.User.Email)
	if err := in.err(); err != nil {
		return err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	err = s.store.InTx(ctx, "auth.password", func(ctx context.Context, tx Tx) error {
		if err := s.changePassword(ctx, tx, known.User, known.User.actor(), uuid.Nil, "", hash); err != nil {
			return err
		}
		return tx.UseSetupToken(ctx, token.Hash(setup), s.now())
	})
	s.sessions.Clear()
	if apierror.Is(err, apierror.NotFound) {
		return errSetup
	}
	return err
}

// open reports whether the token can still set a password.
func (t *SetupToken) open(now time.Time) bool {
	return !t.Used && t.User.IsActive && now.Before(t.ExpiresAt)
}

// ChangePassword changes the principal's password. The other sessions of the user end, and so do the setup tokens. A wrong current password
// counts as a failed sign-in: who has stolen a session may guess it.
func (s *Service) ChangePassword(ctx context.Context, p Principal, current, password string, from Origin) error {
	var in input
	in.password("currentPassword", current)
	in.newPassword("newPassword", password, p.Email)
	if err := in.err(); err != nil {
		return err
	}
	known, err := s.store.Credentials(ctx, p.Email)
	if apierror.Is(err, apierror.NotFound) || err == nil && known.ID != p.UserID {
		return errEmailChanged
	}
	if err != nil {
		return err
	}
	if ok, err := s.passwords.matches(ctx, current, known.PasswordHash); err != nil || !ok {
		if err == nil {
			err = s.countFailure(ctx, p.Email, known.User, from)
		}
		if err == nil {
			err = errCurrentPassword
		}
		return err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	err = s.store.InTx(ctx, "auth.password", func(ctx context.Context, tx Tx) error {
		by, _, err := s.act(ctx, tx, p, Viewer)
		if err != nil {
			return err
		}
		if err := s.changePassword(ctx, tx, known.User, by, p.SessionID, *known.PasswordHash, hash); err != nil {
			return err
		}
		return tx.SpendSetupTokens(ctx, p.UserID, s.now())
	})
	s.sessions.Clear()
	if apierror.Is(err, apierror.NotFound) {
		return errCurrentPassword
	}
	return err
}

// changePassword sets the hash, ends the user's sessions but one, and says so in the audit trail.
func (s *Service) changePassword(ctx context.Context, tx Tx, u User, by audit.Actor, keep uuid.UUID, oldHash, newHash string) error {
	now := s.now()
	if err := tx.SetPassword(ctx, u.ID, oldHash, newHash, now); err != nil {
		return err
	}
	ended, err := tx.RevokeSessions(ctx, u.ID, keep, PasswordChanged, now)
	if err != nil {
		return err
	}
	return s.record(ctx, tx, u.AccountID, by, actionPasswordChanged, u.Email, "the password was changed", map[string]any{"sessionsEnded": ended})
}
