package identity

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

// ProviderConfig says what a person may do here who signs in with the identity provider.
type ProviderConfig struct {
	// Account is the name of the account whose people the provider knows.
	Account string
	// Roles are the roles by the values of the role claim; the highest one holds. With "*", everyone has at least that one.
	Roles map[string]Role
	// RoleClaim names the claim, for messages.
	RoleClaim string
	// Domains are those of the emails that may sign in; empty is all.
	Domains []string
	// UnverifiedEmail also takes emails that the provider does not call verified.
	UnverifiedEmail bool
	// LinkByEmail lets a person be the user who has the same, verified email already.
	LinkByEmail bool
}

// Person is who signs in, as the identity provider proved it.
type Person struct {
	Issuer, Subject string
	Email           string
	EmailVerified   bool
	Name            string
	// Roles are the values of the role claim.
	Roles []string
	// SignedInAt is when the person proved to be so at the provider; zero is now.
	SignedInAt time.Time
}

// maxSubject is the longest subject that OpenID Connect allows, in bytes.
const maxSubject = 255

var (
	errNoProvider  = apierror.New(apierror.NotFound, "signing in with an identity provider is not set up here")
	errNoSubject   = apierror.New(apierror.Forbidden, "the identity provider gave no valid subject for you; ask its administrator")
	errLinkRefused = apierror.New(apierror.Forbidden,
		"there is a user with your email already, who signs in with a password; ask an admin to change that user's email, or the operator to set OIDC_LINK_BY_EMAIL")
	errOtherIdentity = apierror.New(apierror.Forbidden, "the user with your email is another person at the identity provider; ask an admin to change that user's email")
	errOtherAccount  = apierror.New(apierror.Forbidden, "you are a user of another account than that of the identity provider; ask the operator to look at OIDC_ACCOUNT")
	errLastDemoted   = apierror.New(apierror.Forbidden,
		"the identity provider no longer gives you the role admin, but you are the account's last active admin with a password; make another admin first")
	errProvidedPassword = apierror.New(apierror.Conflict, "the user signs in with the identity provider, and has no password")
)

// Outcomes of an attempt to sign in with the identity provider.
var (
	providerAccepted = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "accepted")))
	providerRefused  = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "refused")))
	providerFailed   = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "failed")))
)

// CountProviderSignIn counts an attempt by its end: refused for what the person or the browser sent, or failed for another reason.
func (s *Service) CountProviderSignIn(ctx context.Context, err error) {
	outcome := providerAccepted
	switch e := apierror.From(err); {
	case e == nil:
	case slices.Contains([]apierror.Kind{apierror.Invalid, apierror.Unauthenticated, apierror.Forbidden}, e.Kind):
		outcome = providerRefused
	case e.Kind == apierror.Canceled, e.Kind == apierror.RateLimited, e.Kind == apierror.NotFound:
		return
	default:
		outcome = providerFailed
	}
	s.providerLogins.Add(ctx, 1, outcome)
}

// SignInWithProvider opens a session for a person whom the identity provider knows. The person becomes a user with the first
// sign-in. The role is the one that the provider says, at each sign-in.
func (s *Service) SignInWithProvider(ctx context.Context, person Person, from Origin) (Tokens, User, error) {
	if s.provider == nil {
		return Tokens{}, User{}, errNoProvider
	}
	role, err := s.provider.admit(&person)
	if err != nil {
		return Tokens{}, User{}, err
	}
	var tokens Tokens
	var user User
	err = s.store.InTx(ctx, "auth.provider", func(ctx context.Context, tx Tx) error {
		account, err := tx.AccountNamed(ctx, s.provider.Account)
		if apierror.Is(err, apierror.NotFound) {
			return apierror.Wrap(apierror.Unavailable, err, "signing in with the identity provider does not work: the operator has to create the account that OIDC_ACCOUNT names")
		}
		if err != nil {
			return err
		}
		if user, err = s.userOf(ctx, tx, account.ID, person, role); err != nil {
			return err
		}
		if user, err = s.takeRole(ctx, tx, user, role, person.Issuer); err != nil {
			return err
		}
		now := s.now()
		if err := tx.NoteProviderSignIn(ctx, person.Issuer, person.Subject, user.ID, now); err != nil {
			return err
		}
		if err := tx.NoteNetwork(ctx, user.ID, from.Network.String(), now); err != nil {
			return err
		}
		began := now
		if !person.SignedInAt.IsZero() && person.SignedInAt.Before(now) {
			began = person.SignedInAt.UTC().Truncate(time.Microsecond)
		}
		session := Session{ID: uid.New(), CreatedAt: began, ExpiresAt: s.sessionEnd(began, now), UserAgent: shownAgent(from.UserAgent), Issuer: person.Issuer}
		if err := tx.InsertSession(ctx, user.ID, session); err != nil {
			return err
		}
		if tokens, err = s.issue(ctx, tx, user, session); err != nil {
			return err
		}
		return s.record(ctx, tx, user.AccountID, user.actor(), actionSignedIn, user.Email, "signed in with the identity provider",
			map[string]any{"session": session.ID, "issuer": person.Issuer})
	})
	if err == nil {
		s.sessions.Clear() // The role may be another one now.
		s.keys.Clear()
	}
	return tokens, user, err
}

// admit says which role a person has, and makes a name for one who has none; an error tells the person why there is no access.
func (c *ProviderConfig) admit(p *Person) (Role, error) {
	var in input
	if p.Subject == "" || len(p.Subject) > maxSubject || strings.ContainsRune(p.Subject, 0) {
		return "", errNoSubject
	}
	in.email(p.Email)
	if in.err() != nil {
		return "", apierror.New(apierror.Forbidden, "the identity provider gave no valid email for you; its administrator has to add the claim email")
	}
	if !p.EmailVerified && !c.UnverifiedEmail {
		return "", apierror.New(apierror.Forbidden, "your email is not verified at the identity provider; verify it there and sign in again")
	}
	_, domain, _ := strings.Cut(p.Email, "@")
	if len(c.Domains) > 0 && !slices.ContainsFunc(c.Domains, func(d string) bool { return strings.EqualFold(d, domain) }) {
		return "", apierror.Newf(apierror.Forbidden, "emails of %s may not sign in here; sign in with another one at the identity provider", domain)
	}
	role := c.Roles["*"]
	for _, value := range p.Roles {
		if mapped, ok := c.Roles[value]; ok && value != "*" && mapped.AtLeast(role) {
			role = mapped
		}
	}
	if role == "" {
		return "", apierror.Newf(apierror.Forbidden,
			"you have no role here: no value of the claim %q of the identity provider is one that OIDC_ROLES names; ask its administrator for access", c.RoleClaim)
	}
	in.text("name", p.Name, maxName)
	if in.err() != nil {
		p.Name = p.Email
	}
	return role, nil
}

// userOf is the person's user, locked, who is made with the first sign-in.
func (s *Service) userOf(ctx context.Context, tx Tx, account uuid.UUID, p Person, role Role) (User, error) {
	id, err := tx.UserWithIdentity(ctx, p.Issuer, p.Subject)
	switch {
	case err == nil:
		return s.lockOwn(ctx, tx, account, id, errOtherAccount)
	case !apierror.Is(err, apierror.NotFound):
		return User{}, err
	}
	known, err := tx.UserWithEmail(ctx, p.Email)
	switch {
	case apierror.Is(err, apierror.NotFound):
		return s.insertUser(ctx, tx, account, audit.System, p.Email, p.Name, role)
	case err != nil:
		return User{}, err
	}
	// An email alone proves nothing, unless the operator says that the provider's are as good as ours.
	if !s.provider.LinkByEmail || !p.EmailVerified || known.AccountID != account {
		return User{}, errLinkRefused
	}
	user, err := s.lockOwn(ctx, tx, account, known.ID, errLinkRefused)
	if err != nil {
		return User{}, err
	}
	provided, err := tx.HasIdentity(ctx, user.ID)
	switch {
	case err != nil:
		return User{}, err
	case provided:
		return User{}, errOtherIdentity
	case !strings.EqualFold(user.Email, p.Email): // It changed before the lock.
		return User{}, errLinkRefused
	}
	if err := tx.SpendSetupTokens(ctx, user.ID, s.now()); err != nil {
		return User{}, err
	}
	return user, s.record(ctx, tx, account, audit.System, actionUserUpdated, user.Email, "the user was linked to the identity provider",
		map[string]any{"user": user.ID, "issuer": p.Issuer})
}

// lockOwn locks a user of the account, who must be active.
func (s *Service) lockOwn(ctx context.Context, tx Tx, account, id uuid.UUID, other error) (User, error) {
	users, err := tx.LockUsers(ctx, account, id)
	switch {
	case err != nil:
		return User{}, err
	case len(users) == 0:
		return User{}, other
	case !users[0].IsActive:
		return User{}, errDeactivated
	}
	return users[0], nil
}

// takeRole gives the user the role that the provider says. What belongs to an admin ends with that role.
func (s *Service) takeRole(ctx context.Context, tx Tx, u User, role Role, issuer string) (User, error) {
	if u.Role == role {
		return u, nil
	}
	before := u
	u.Role = role
	// Who locks them in another order loses a deadlock, and begins again.
	admins, err := tx.LockAdmins(ctx, u.AccountID, u.ID)
	if err != nil {
		return u, err
	}
	another := func(a User) bool { return a.ID != u.ID && a.administers() }
	if before.administers() && !u.administers() && !slices.ContainsFunc(admins, another) {
		return u, errLastDemoted
	}
	if err := tx.SaveUser(ctx, u, s.now()); err != nil {
		return u, err
	}
	metadata := map[string]any{"user": u.ID, "role": role, "issuer": issuer}
	if before.Role == Admin {
		if err := tx.SpendSetupTokensBy(ctx, u.AccountID, u.ID, s.now()); err != nil {
			return u, err
		}
		if metadata["apiKeysEnded"], err = s.endKeys(ctx, tx, audit.System, u, admins, nil); err != nil {
			return u, err
		}
		if err := s.endChannels(ctx, tx, audit.System, u, nil); err != nil {
			return u, err
		}
	}
	return u, s.record(ctx, tx, u.AccountID, audit.System, actionUserUpdated, u.Email, "the identity provider gave another role", metadata)
}

// RoleMap reads the roles by the values of the role claim, "value=role" each. Without any, the values are the roles' own names.
func RoleMap(list []string) (map[string]Role, error) {
	if len(list) == 0 {
		return map[string]Role{string(Viewer): Viewer, string(Engineer): Engineer, string(Admin): Admin}, nil
	}
	mapped := make(map[string]Role, len(list))
	for _, item := range list {
		at := strings.LastIndex(item, "=") // A value may have the sign, too.
		if at < 1 || !Role(strings.TrimSpace(item[at+1:])).Valid() {
			return nil, errors.New("must be a comma-separated list such as platform-admins=admin,sre=engineer,*=viewer; the roles are viewer, engineer and admin")
		}
		mapped[strings.TrimSpace(item[:at])] = Role(strings.TrimSpace(item[at+1:]))
	}
	return mapped, nil
}
