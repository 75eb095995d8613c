package identity

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/token"
)

// Credential is the proof of identity in a request, made by us. It may no longer be valid.
type Credential struct {
	claims token.Claims
	key    uuid.UUID // zero for an access token
	hash   []byte    // of the API key
	// ci is a token of CI, which proves nothing until proven.
	ci     *CIToken
	proven bool
}

// Proven reports whether the credential was found to be good without I/O. That of CI may need the keys of its issuer first.
func (c Credential) Proven() bool { return c.ci == nil || c.proven }

// Why a caller is refused. The texts reveal only what the caller knows.
var (
	errUnknownCredential = apierror.Refuse(apierror.Unknown, "the token is unknown")
	errExpired           = apierror.Refuse(apierror.Expired, "the access token has expired; refresh it")
	errSessionExpired    = apierror.Refuse(apierror.Expired, "the session has ended; sign in again")
	errSessionRevoked    = apierror.Refuse(apierror.Revoked, "the session has ended; sign in again")
	errDeactivated       = apierror.Refuse(apierror.Deactivated, "the user is deactivated")
	errKeyUnknown        = apierror.Refuse(apierror.Unknown, "the API key is no longer valid")
	errKeyExpired        = apierror.Refuse(apierror.Expired, "the API key is no longer valid")
	errKeyRevoked        = apierror.Refuse(apierror.Revoked, "the API key is no longer valid")
)

// Recognise reports, without I/O, whether an access token or an API key is ours and has not expired. What looks like a token of CI
// gives a credential that may not be proven.
func (s *Service) Recognise(bearer string) (Credential, error) {
	if strings.HasPrefix(bearer, token.APIKeyPrefix) {
		id, ok := s.apiKeys.Recognise(bearer)
		if !ok {
			return Credential{}, errUnknownCredential
		}
		return Credential{key: id, hash: token.Hash(bearer)}, nil
	}
	claims, err := s.access.Verify(bearer)
	switch {
	case errors.Is(err, token.ErrExpired):
		return Credential{}, errExpired
	case err != nil:
		return s.recogniseCI(bearer)
	}
	return Credential{claims: claims}, nil
}

// Authenticate returns the principal of these credentials, from the database or from a cache that lasts some seconds.
func (s *Service) Authenticate(ctx context.Context, c Credential) (Principal, error) {
	switch {
	case c.key != uuid.Nil:
		return s.authenticateKey(ctx, c)
	case c.ci != nil:
		return s.authenticateCI(ctx, c)
	}
	state, err := s.sessions.Load(ctx, c.claims.SessionID, s.store.Session)
	if apierror.Is(err, apierror.NotFound) {
		return Principal{}, errSessionRevoked
	}
	if err != nil {
		return Principal{}, err
	}
	u := state.User
	if u.ID != c.claims.UserID || u.AccountID != c.claims.AccountID {
		return Principal{}, errUnknownCredential
	}
	if err := state.over(s.now(), s.sessionMaxAge); err != nil {
		return Principal{}, err
	}
	return Principal{AccountID: u.AccountID, UserID: u.ID, SessionID: state.ID, Email: u.Email, Role: u.Role, SignedInAt: state.CreatedAt}, nil
}

// Reauthenticate is Authenticate without the cache, for what a few seconds are too long.
func (s *Service) Reauthenticate(ctx context.Context, c Credential) (Principal, error) {
	switch {
	case c.key != uuid.Nil:
		s.keys.Forget(c.key)
	case c.ci != nil:
		s.trusts.forget()
	default:
		s.sessions.Forget(c.claims.SessionID)
	}
	return s.Authenticate(ctx, c)
}

// over says why the session is not valid at this time; nil when it is.
func (s *SessionState) over(now time.Time, maxAge time.Duration) error {
	switch {
	case !s.User.IsActive:
		return errDeactivated
	case s.Revoked:
		return errSessionRevoked
	case !now.Before(s.ExpiresAt), !now.Before(s.CreatedAt.Add(maxAge)):
		return errSessionExpired
	}
	return nil
}

// keyTouch is the precision of a key's last use.
const keyTouch = time.Minute

func (s *Service) authenticateKey(ctx context.Context, c Credential) (Principal, error) {
	key, err := s.keys.Load(ctx, c.key, s.loadKey)
	if apierror.Is(err, apierror.NotFound) {
		return Principal{}, errKeyUnknown
	}
	if err != nil {
		return Principal{}, err
	}
	switch {
	case subtle.ConstantTimeCompare(key.Hash, c.hash) != 1:
		return Principal{}, errKeyUnknown
	case key.Revoked:
		return Principal{}, errKeyRevoked
	case key.ExpiresAt != nil && !s.now().Before(*key.ExpiresAt):
		return Principal{}, errKeyExpired
	}
	return Principal{AccountID: key.AccountID, KeyID: c.key, KeyName: key.Name, Workspaces: key.Workspaces}, nil
}

// loadKey looks a key up and records its use.
func (s *Service) loadKey(ctx context.Context, id uuid.UUID) (*KeyState, error) {
	key, err := s.store.Key(ctx, id)
	if err != nil {
		return nil, err
	}
	if now := s.now(); !key.Revoked && (key.LastUsedAt == nil || now.Sub(*key.LastUsedAt) >= keyTouch) {
		if err := s.store.TouchKey(ctx, id, now); err != nil {
			return nil, err
		}
	}
	return key, nil
}
