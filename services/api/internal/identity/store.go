package identity

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// Store is the database. A missing row is apierror.NotFound.
type Store interface {
	// InTx runs fn in a transaction named for its span. On a deadlock fn runs again, so it must change nothing outside.
	InTx(ctx context.Context, name string, fn func(ctx context.Context, tx Tx) error) error

	Lookups
	Lists
	FailureStore
}

// Lookups find one row by a value that the caller has.
type Lookups interface {
	Session(ctx context.Context, id uuid.UUID) (*SessionState, error)
	Key(ctx context.Context, id uuid.UUID) (*KeyState, error)
	Credentials(ctx context.Context, email string) (*Credentials, error)
	SetupToken(ctx context.Context, hash []byte) (*SetupToken, error)
	Preferences(ctx context.Context, user uuid.UUID) (map[string]any, error)
	// TouchKey records that a key was used.
	TouchKey(ctx context.Context, id uuid.UUID, at time.Time) error
	// AllTrusts are those of all accounts, oldest first.
	AllTrusts(ctx context.Context) ([]Trust, error)
	// TouchTrust records that a token was accepted.
	TouchTrust(ctx context.Context, id uuid.UUID, at time.Time) error
}

// Lists are in the order of creation. They do not follow the stream.
type Lists interface {
	Users(ctx context.Context, account uuid.UUID, r list.Range) (list.Part[User], error)
	Keys(ctx context.Context, account uuid.UUID, r list.Range) (list.Part[APIKey], error)
	Trusts(ctx context.Context, account uuid.UUID, r list.Range) (list.Part[Trust], error)
	// Sessions are those of a user that are open at this time and began after oldest.
	Sessions(ctx context.Context, account, user uuid.UUID, at, oldest time.Time, r list.Range) (list.Part[Session], error)
}

// Tx is a transaction. Locks are taken in the order of its parts: users, sessions with their tokens, keys, channels.
type Tx interface {
	ActorTx
	UserTx
	ProviderTx
	SessionTx
	RefreshTokenTx
	SetupTokenTx
	KeyTx
	TrustTx
	ChannelTx
	audit.Writer
}

// UserTx changes accounts and users.
type UserTx interface {
	// EnsureAccount returns the account of that name. If it does not exist, it is made with its stream.
	EnsureAccount(ctx context.Context, name string, at time.Time) (Account, error)
	// HideValues says for an account whether its values are stored. It fails with apierror.NotFound when there is none of that name.
	HideValues(ctx context.Context, name string, hide bool) (Account, error)
	// InsertUser fails with apierror.Conflict when the email is taken.
	InsertUser(ctx context.Context, u User) error
	// LockAdmins is LockUsers with all active admins of the account.
	LockAdmins(ctx context.Context, account uuid.UUID, ids ...uuid.UUID) ([]User, error)
	// SaveUser fails with apierror.Conflict when the email is taken.
	SaveUser(ctx context.Context, u User, at time.Time) error
	// SetPassword fails with apierror.NotFound when the user is not active, or when the old hash, unless empty, is no
	// longer the user's.
	SetPassword(ctx context.Context, user uuid.UUID, oldHash, newHash string, at time.Time) error
	Preferences(ctx context.Context, user uuid.UUID) (map[string]any, error)
	SavePreferences(ctx context.Context, user uuid.UUID, preferences map[string]any) error
}

// ProviderTx knows users by what they are at an identity provider.
type ProviderTx interface {
	AccountNamed(ctx context.Context, name string) (*Account, error)
	// UserWithIdentity keeps other sign-ins of the person away until the end, also when there is no such user yet.
	UserWithIdentity(ctx context.Context, issuer, subject string) (uuid.UUID, error)
	UserWithEmail(ctx context.Context, email string) (*User, error)
	// HasIdentity reports whether the user signs in with a provider.
	HasIdentity(ctx context.Context, user uuid.UUID) (bool, error)
	// NoteProviderSignIn notes that the person signed in as the user, from now on the only one who can.
	NoteProviderSignIn(ctx context.Context, issuer, subject string, user uuid.UUID, at time.Time) error
}

// SessionTx changes sessions.
type SessionTx interface {
	// NoteSignIn locks the user until the end; apierror.NotFound when the user is not active or has another password
	// now.
	NoteSignIn(ctx context.Context, user uuid.UUID, hash string, at time.Time) error
	// NoteNetwork notes that the user signed in from a network.
	NoteNetwork(ctx context.Context, user uuid.UUID, network string, at time.Time) error
	InsertSession(ctx context.Context, user uuid.UUID, s Session) error
	// ExtendSession records a refresh.
	ExtendSession(ctx context.Context, id uuid.UUID, at, until time.Time) error
	// RevokeSession ends a session of the user, expired or not. It is false when there is none, or it was revoked before.
	RevokeSession(ctx context.Context, id, user uuid.UUID, why Reason, at time.Time) (bool, error)
	// RevokeSessions ends the user's sessions but one, expired or not, and counts those that were open.
	RevokeSessions(ctx context.Context, user, except uuid.UUID, why Reason, at time.Time) (int, error)
}

// RefreshTokenTx changes refresh tokens, each of which is good for one use.
type RefreshTokenTx interface {
	InsertRefreshToken(ctx context.Context, hash []byte, session uuid.UUID, at, until time.Time) error
	// LockRefreshToken keeps other transactions away from the token and its session.
	LockRefreshToken(ctx context.Context, hash []byte) (*RefreshToken, error)
	SpendRefreshToken(ctx context.Context, hash []byte) error
}

// SetupTokenTx changes setup tokens. Each token can be used once.
type SetupTokenTx interface {
	// InsertSetupToken stores a token that someone made, an operator when by is uuid.Nil.
	InsertSetupToken(ctx context.Context, hash []byte, user, by uuid.UUID, until time.Time) error
	// UseSetupToken invalidates this token and every other of its user; apierror.NotFound when it was used, or has
	// expired.
	UseSetupToken(ctx context.Context, hash []byte, at time.Time) error
	// SpendSetupTokens invalidates every setup token of the user.
	SpendSetupTokens(ctx context.Context, user uuid.UUID, at time.Time) error
	// SpendSetupTokensBy invalidates every setup token that the admin made, for users of the account.
	SpendSetupTokensBy(ctx context.Context, account, by uuid.UUID, at time.Time) error
}

// KeyTx changes API keys.
type KeyTx interface {
	InsertKey(ctx context.Context, k APIKey, account, by uuid.UUID, hash []byte) error
	RevokeKey(ctx context.Context, account, id uuid.UUID, at time.Time) (*APIKey, error)
	// RevokeKeysOf revokes the keys that a user made, and returns them.
	RevokeKeysOf(ctx context.Context, account, user uuid.UUID, at time.Time) ([]APIKey, error)
	// HandKeysOver makes the keys that a user made another's, and returns them.
	HandKeysOver(ctx context.Context, account, user, to uuid.UUID) ([]APIKey, error)
}

// TrustTx changes the trust in tokens of CI.
type TrustTx interface {
	// InsertTrust fails with apierror.Conflict when the audience is another account's.
	InsertTrust(ctx context.Context, t Trust, by uuid.UUID) error
	CountTrusts(ctx context.Context, account uuid.UUID) (int, error)
	DeleteTrust(ctx context.Context, account, id uuid.UUID) (*Trust, error)
}

// ChannelTx changes the channels of notifications with their makers, and returns the names of those it changes.
type ChannelTx interface {
	// TurnChannelsOff turns off those that a user made.
	TurnChannelsOff(ctx context.Context, account, user uuid.UUID, at time.Time) ([]string, error)
	// HandChannelsOver makes those that a user made another's.
	HandChannelsOver(ctx context.Context, account, user, to uuid.UUID) ([]string, error)
}

// Account is a tenant. No account sees the data of another.
type Account struct {
	ID   uuid.UUID
	Name string
}

// User is a person of an account.
type User struct {
	ID          uuid.UUID
	AccountID   uuid.UUID
	Email       string
	Name        string
	Role        Role
	IsActive    bool
	CreatedAt   time.Time
	LastLoginAt *time.Time
	HasPassword bool
}

// Credentials are a user and the hash of the password, nil before the first one is set.
type Credentials struct {
	User
	PasswordHash *string
}

// Session is what a user opens by signing in.
type Session struct {
	ID         uuid.UUID
	CreatedAt  time.Time
	ExpiresAt  time.Time
	LastUsedAt *time.Time // when it was last refreshed, if it was
	UserAgent  string     // what the client said of itself at sign-in
	Issuer     string     // the identity provider that the user signed in with, empty for a password
}

// SessionState is a session and its user.
type SessionState struct {
	Session
	Revoked bool
	User    User
	Account Account
}

// RefreshToken is a refresh token as it is stored.
type RefreshToken struct {
	ExpiresAt time.Time
	// SpentFor is how long ago it was spent, by the clock of the database: two replicas may spend it, each with a clock of its own.
	SpentFor *time.Duration
	SessionState
}

// SetupToken is a token that sets a first password, as it is stored.
type SetupToken struct {
	User      User
	ExpiresAt time.Time
	Used      bool
}

// APIKey is an API key without the key itself.
type APIKey struct {
	ID         uuid.UUID
	Name       string
	Scope      string
	Prefix     string // its first characters
	CreatedAt  time.Time
	CreatedBy  string   // an email
	Workspaces []string // globs; nil is every workspace
	ExpiresAt  *time.Time
	LastUsedAt *time.Time
}

// KeyState is an API key as requests are checked against it.
type KeyState struct {
	AccountID  uuid.UUID
	Name       string
	Hash       []byte
	Workspaces []string
	Revoked    bool
	ExpiresAt  *time.Time
	LastUsedAt *time.Time
}

// Reason says why a session was revoked.
type Reason string

// The reasons.
const (
	SignedOut       Reason = "logout"
	TokenReuse      Reason = "token_reuse"
	PasswordChanged Reason = "password_changed"
	Deactivated     Reason = "deactivated"
	EndedByAdmin    Reason = "admin"
)
