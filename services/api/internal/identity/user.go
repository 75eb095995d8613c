package identity

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// Setup is a one-time token that sets a first password.
type Setup struct {
	Token     string
	ExpiresAt time.Time
}

// Users is a part of the account's users, oldest first.
func (s *Service) Users(ctx context.Context, p Principal, r list.Range) (list.Part[User], error) {
	return s.store.Users(ctx, p.AccountID, r)
}

// CreateUser makes a user without a password, and the token that sets it.
func (s *Service) CreateUser(ctx context.Context, p Principal, email, name string, role Role) (User, Setup, error) {
	if err := checkUser(email, name, role); err != nil {
		return User{}, Setup{}, err
	}
	var user User
	var setup Setup
	err := s.store.InTx(ctx, "user.create", func(ctx context.Context, tx Tx) error {
		by, _, err := s.act(ctx, tx, p, Admin)
		if err != nil {
			return err
		}
		if user, err = s.insertUser(ctx, tx, p.AccountID, by, email, name, role); err != nil {
			return err
		}
		setup, err = s.issueSetup(ctx, tx, user, p.UserID)
		return err
	})
	return user, setup, err
}

func checkUser(email, name string, role Role) error {
	var in input
	in.email(email)
	in.text("name", name, maxName)
	in.role(role)
	return in.err()
}

func (s *Service) insertUser(ctx context.Context, tx Tx, account uuid.UUID, by audit.Actor, email, name string, role Role) (User, error) {
	u := User{ID: uid.New(), AccountID: account, Email: email, Name: name, Role: role, IsActive: true, CreatedAt: s.now()}
	if err := tx.InsertUser(ctx, u); err != nil {
		return User{}, err
	}
	return u, s.record(ctx, tx, account, by, actionUserCreated, u.Email, "the user was created", map[string]any{"user": u.ID, "role": role})
}

func (s *Service) issueSetup(ctx context.Context, tx Tx, u User, by uuid.UUID) (Setup, error) {
	setup := Setup{Token: token.NewOpaque(token.SetupPrefix), ExpiresAt: s.now().Add(setupExpiry)}
	return setup, tx.InsertSetupToken(ctx, token.Hash(setup.Token), u.ID, by, setup.ExpiresAt)
}

// UserChange has the new values of a user; nil means unchanged.
type UserChange struct {
	Email    *string
	Name     *string
	Role     *Role
	IsActive *bool
	// HandOverTo is another admin, who gets the API keys and the channels that the user made. Without it, deactivating the user, or a
	// role that is not admin any more, revokes the keys and turns the channels off.
	HandOverTo *uuid.UUID
}

var (
	errNoUser    = apierror.New(apierror.NotFound, "there is no such user")
	errLastAdmin = apierror.New(apierror.Conflict, "the account needs an active admin with a password, and this is the last one")
)

// UpdateUser changes a user. A deactivated user loses all sessions. Who is deactivated, or an admin no more, loses the API keys: only an
// admin may make one, and who made it knows it. Their channels are turned off: only they may know where these lead. A setup token is void when its user is deactivated,
// or has another email: it was sent to the old one. So are those that an admin made who is one no more: who made a token has seen it.
func (s *Service) UpdateUser(ctx context.Context, p Principal, id uuid.UUID, change UserChange) (User, error) {
	if err := change.check(); err != nil {
		return User{}, err
	}
	var user User
	err := s.store.InTx(ctx, "user.update", func(ctx context.Context, tx Tx) error {
		// With all admins, so that of two who remove each other at once one stays.
		users, err := tx.LockAdmins(ctx, p.AccountID, id, p.UserID)
		if err != nil {
			return err
		}
		by, locked, err := s.confirm(ctx, tx, p, Admin, users)
		if err != nil {
			return err
		}
		before, found := locked[id]
		if !found {
			return errNoUser
		}
		user = before
		metadata := change.apply(&user)
		metadata["user"] = user.ID
		locked[id] = user
		if before.administers() && !slices.ContainsFunc(slices.Collect(maps.Values(locked)), User.administers) {
			return errLastAdmin
		}
		if err := tx.SaveUser(ctx, user, s.now()); err != nil {
			return err
		}
		if !user.IsActive || user.Email != before.Email {
			if err := tx.SpendSetupTokens(ctx, id, s.now()); err != nil {
				return err
			}
		}
		if !user.IsActive || user.Role != Admin {
			if err := tx.SpendSetupTokensBy(ctx, p.AccountID, id, s.now()); err != nil {
				return err
			}
		}
		if !user.IsActive {
			ended, err := tx.RevokeSessions(ctx, id, uuid.Nil, Deactivated, s.now())
			if err != nil {
				return err
			}
			metadata["sessionsEnded"] = ended
		}
		if !user.IsActive || before.Role == Admin && user.Role != Admin || change.HandOverTo != nil {
			keys, err := s.endKeys(ctx, tx, by, user, users, change.HandOverTo)
			if err != nil {
				return err
			}
			if err := s.endChannels(ctx, tx, by, user, change.HandOverTo); err != nil {
				return err
			}
			if change.HandOverTo == nil {
				metadata["apiKeysEnded"] = keys
			} else {
				metadata["apiKeysHandedOver"] = keys
			}
		}
		return s.record(ctx, tx, p.AccountID, by, actionUserUpdated, user.Email, "the user was changed", metadata)
	})
	s.sessions.Clear()
	s.keys.Clear()
	return user, err
}

func (c UserChange) check() error {
	var in input
	if c == (UserChange{}) {
		return apierror.New(apierror.Invalid, "the body has no field to change")
	}
	if c.HandOverTo != nil && (c.IsActive == nil || *c.IsActive) && (c.Role == nil || *c.Role == Admin) {
		in.refuse("handOverTo", "belongs to isActive: false, or to a role that is not admin")
	}
	if c.Email != nil {
		in.email(*c.Email)
	}
	if c.Name != nil {
		in.text("name", *c.Name, maxName)
	}
	if c.Role != nil {
		in.role(*c.Role)
	}
	return in.err()
}

// apply changes the user, and returns the changes.
func (c UserChange) apply(u *User) map[string]any {
	changed := map[string]any{}
	if c.Email != nil && *c.Email != u.Email {
		changed["email"], u.Email = *c.Email, *c.Email
	}
	if c.Name != nil && *c.Name != u.Name {
		changed["name"], u.Name = *c.Name, *c.Name
	}
	if c.Role != nil && *c.Role != u.Role {
		changed["role"], u.Role = *c.Role, *c.Role
	}
	if c.IsActive != nil && *c.IsActive != u.IsActive {
		changed["isActive"], u.IsActive = *c.IsActive, *c.IsActive
	}
	return changed
}
