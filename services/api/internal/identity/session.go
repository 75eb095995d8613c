package identity

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

// Tokens are the tokens of a session.
type Tokens struct {
	Access    string
	Refresh   string
	ExpiresIn int // seconds, of the access token
	// RefreshExpiresAt is when the session ends unless it is refreshed before.
	RefreshExpiresAt time.Time
}

// refreshGrace is how long a spent refresh token still works: a second tab may have read it just before, and a response may
// be lost on its way. It counts from the first use, so it is no way to keep an old token.
const refreshGrace = 30 * time.Second

// maxUserAgent is how much of a client's name is kept, in characters.
const maxUserAgent = 200

var (
	// One message for every reason, so that a caller does not learn which emails have an account.
	errSignIn = apierror.Refuse(apierror.WrongCredentials, "the email or the password is wrong")
	// The reason is that of the session, if there is one.
	errRefresh = apierror.Refuse(apierror.Unknown, refreshOver)
)

// CheckSignIn says what is wrong with the form of an email and a password.
func CheckSignIn(email, password string) error {
	var in input
	in.email(email)
	in.password("password", password)
	return in.err()
}

const refreshOver = "the refresh token is not valid; sign in again"

// over says why the token opens nothing at this time; nil when it does.
func (t *RefreshToken) over(now time.Time, maxAge time.Duration) error {
	if reason := apierror.From(t.SessionState.over(now, maxAge)); reason != nil {
		return apierror.Refuse(reason.Reason, refreshOver)
	}
	if !now.Before(t.ExpiresAt) {
		return apierror.Refuse(apierror.Expired, refreshOver)
	}
	return nil
}

// Login opens a session.
func (s *Service) Login(ctx context.Context, email, password string, from Origin) (Tokens, User, error) {
	if err := CheckSignIn(email, password); err != nil {
		return Tokens{}, User{}, err
	}
	tokens, user, err := s.login(ctx, email, password, from)
	switch {
	case err == nil:
		s.logins.Add(ctx, 1, loginAccepted)
	case apierror.Is(err, apierror.Unauthenticated):
		s.logins.Add(ctx, 1, loginRefused)
	}
	return tokens, user, err
}

func (s *Service) login(ctx context.Context, email, password string, from Origin) (Tokens, User, error) {
	known, err := s.store.Credentials(ctx, email)
	if err != nil && !apierror.Is(err, apierror.NotFound) {
		return Tokens{}, User{}, err
	}
	if known == nil {
		known = &Credentials{}
	}
	if err := s.admit(ctx, email, known.ID, from); err != nil {
		return Tokens{}, User{}, err
	}
	hash := known.PasswordHash
	if !known.IsActive {
		hash = nil
	}
	// The same work for an unknown user, for a wrong password and for a right one.
	ok, err := s.passwords.matches(ctx, password, hash)
	if err != nil {
		return Tokens{}, User{}, err
	}
	if !ok {
		if err := s.countFailure(ctx, email, known.User, from); err != nil {
			return Tokens{}, User{}, err
		}
		return Tokens{}, User{}, errSignIn
	}

	user := known.User
	var tokens Tokens
	err = s.store.InTx(ctx, "auth.login", func(ctx context.Context, tx Tx) error {
		now := s.now()
		// It also prevents a sign-in with a password that is being changed, or of a user who is being deactivated.
		if err := tx.NoteSignIn(ctx, user.ID, *hash, now); err != nil {
			return err
		}
		if err := tx.NoteNetwork(ctx, user.ID, from.Network.String(), now); err != nil {
			return err
		}
		session := Session{ID: uid.New(), CreatedAt: now, ExpiresAt: s.sessionEnd(now, now), UserAgent: shownAgent(from.UserAgent)}
		if err := tx.InsertSession(ctx, user.ID, session); err != nil {
			return err
		}
		if tokens, err = s.issue(ctx, tx, user, session); err != nil {
			return err
		}
		return s.record(ctx, tx, user.AccountID, user.actor(), actionSignedIn, user.Email, "signed in", map[string]any{"session": session.ID})
	})
	if apierror.Is(err, apierror.NotFound) {
		return Tokens{}, User{}, errSignIn
	}
	return tokens, user, err
}

// shownAgent is what a client said of itself, in one line of bounded length.
func shownAgent(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, name)
	if runes := []rune(name); len(runes) > maxUserAgent {
		name = string(runes[:maxUserAgent])
	}
	return name
}

// sessionEnd is when a session that is used now ends unless it is used again.
func (s *Service) sessionEnd(created, now time.Time) time.Time {
	idle, last := now.Add(s.refreshExpiry), created.Add(s.sessionMaxAge)
	if idle.Before(last) {
		return idle
	}
	return last
}

// issue makes the next tokens of a session.
func (s *Service) issue(ctx context.Context, tx Tx, u User, session Session) (Tokens, error) {
	refresh, now := token.NewOpaque(token.RefreshPrefix), s.now()
	until := s.sessionEnd(session.CreatedAt, now)
	if err := tx.InsertRefreshToken(ctx, token.Hash(refresh), session.ID, now, until); err != nil {
		return Tokens{}, err
	}
	access, err := s.access.Sign(u.ID, u.AccountID, session.ID)
	return Tokens{Access: access, Refresh: refresh, ExpiresIn: int(s.access.TTL().Seconds()), RefreshExpiresAt: until}, err
}

// Refresh exchanges a refresh token for the session's next tokens. If a token is used a second time, and not just after the
// first, two parties have it, so its session ends.
func (s *Service) Refresh(ctx context.Context, refresh string) (Tokens, error) {
	var in input
	in.token("refreshToken", refresh)
	if err := in.err(); err != nil {
		return Tokens{}, err
	}
	var tokens Tokens
	var reused uuid.UUID
	var refused error // not returned from the transaction, which must commit the revocation
	err := s.store.InTx(ctx, "auth.refresh", func(ctx context.Context, tx Tx) error {
		tokens, reused, refused = Tokens{}, uuid.Nil, nil
		now, hash := s.now(), token.Hash(refresh)
		old, err := tx.LockRefreshToken(ctx, hash)
		if err != nil {
			return err
		}
		refused = old.over(now, s.sessionMaxAge)
		if refused != nil {
			return nil //nolint:nilerr // It commits.
		}
		switch {
		case old.SpentFor == nil:
			if err := tx.SpendRefreshToken(ctx, hash); err != nil {
				return err
			}
		case *old.SpentFor >= refreshGrace:
			refused, reused = apierror.Refuse(apierror.Revoked, refreshOver), old.ID
			_, err := s.end(ctx, tx, &old.SessionState, TokenReuse, audit.System)
			return err
		}
		if err := tx.ExtendSession(ctx, old.ID, now, s.sessionEnd(old.CreatedAt, now)); err != nil {
			return err
		}
		tokens, err = s.issue(ctx, tx, old.User, old.Session)
		return err
	})
	if apierror.Is(err, apierror.NotFound) {
		return Tokens{}, errRefresh
	}
	if err == nil {
		s.sessions.Forget(reused)
		err = refused
	}
	return tokens, err
}

// end revokes a session of the user, and says so in the audit trail. It is false when there is none, or it was revoked before.
func (s *Service) end(ctx context.Context, tx Tx, session *SessionState, why Reason, by audit.Actor) (bool, error) {
	ended, err := tx.RevokeSession(ctx, session.ID, session.User.ID, why, s.now())
	if err != nil || !ended {
		return false, err
	}
	return true, s.record(ctx, tx, session.User.AccountID, by, actionSessionRevoked, session.User.Email, "a session was ended",
		map[string]any{"session": session.ID, "reason": why})
}

// Logout ends the session of a refresh token, and names the identity provider that opened it, if one did. An unknown token is not an
// error: there is no session to end.
func (s *Service) Logout(ctx context.Context, refresh string) (issuer string, err error) {
	var in input
	in.token("refreshToken", refresh)
	if err := in.err(); err != nil {
		return "", err
	}
	var session uuid.UUID
	err = s.store.InTx(ctx, "auth.logout", func(ctx context.Context, tx Tx) error {
		t, err := tx.LockRefreshToken(ctx, token.Hash(refresh))
		if err != nil {
			return err
		}
		session, issuer = t.ID, t.Issuer
		_, err = s.end(ctx, tx, &t.SessionState, SignedOut, t.User.actor())
		return err
	})
	s.sessions.Forget(session)
	if apierror.Is(err, apierror.NotFound) {
		return "", nil
	}
	return issuer, err
}
