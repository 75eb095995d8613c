package identity

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/token"
)

var (
	errInactive    = apierror.New(apierror.Conflict, "the user is deactivated; activate the user first")
	errOwnPassword = apierror.New(apierror.Conflict, "change your own password with the current one, at POST /api/v1/auth/password")
)

// IssueSetup makes another setup token for a user. The older ones are void.
func (s *Service) IssueSetup(ctx context.Context, p Principal, id uuid.UUID) (User, Setup, error) {
	var user User
	var setup Setup
	err := s.store.InTx(ctx, "user.setup_token", func(ctx context.Context, tx Tx) error {
		by, locked, err := s.act(ctx, tx, p, Admin, id)
		if err != nil {
			return err
		}
		var found bool
		switch user, found = locked[id]; {
		case !found:
			return errNoUser
		case !user.IsActive:
			return errInactive
		case id == p.UserID: // A session that was stolen must not become a password.
			return errOwnPassword
		}
		switch provided, err := tx.HasIdentity(ctx, id); {
		case err != nil:
			return err
		case provided:
			return errProvidedPassword
		}
		if err := tx.SpendSetupTokens(ctx, id, s.now()); err != nil {
			return err
		}
		if setup, err = s.issueSetup(ctx, tx, user, p.UserID); err != nil {
			return err
		}
		return s.record(ctx, tx, p.AccountID, by, actionSetupIssued, user.Email, "a setup token was made", map[string]any{"user": id, "session": p.SessionID})
	})
	return user, setup, err
}

// SecretHolds reports whether an API key or a setup token is still good for something.
func (s *Service) SecretHolds(ctx context.Context, secret string) (bool, error) {
	var holds bool
	var err error
	if id, ok := s.apiKeys.Recognise(secret); ok {
		var key *KeyState
		if key, err = s.store.Key(ctx, id); err == nil {
			holds = !key.Revoked && (key.ExpiresAt == nil || s.now().Before(*key.ExpiresAt))
		}
	} else {
		var setup *SetupToken
		if setup, err = s.store.SetupToken(ctx, token.Hash(secret)); err == nil {
			holds = setup.open(s.now())
		}
	}
	if apierror.Is(err, apierror.NotFound) {
		return false, nil
	}
	return holds, err
}
