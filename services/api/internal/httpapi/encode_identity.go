package httpapi

import (
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

type userBody struct {
	ID          uuid.UUID     `json:"id"`
	Email       string        `json:"email"`
	Name        string        `json:"name"`
	Role        identity.Role `json:"role"`
	IsActive    bool          `json:"isActive"`
	CreatedAt   rest.Time     `json:"createdAt"`
	LastLoginAt *rest.Time    `json:"lastLoginAt"`
}

func newUserBody(u identity.User) userBody {
	return userBody{u.ID, u.Email, u.Name, u.Role, u.IsActive, rest.Time(u.CreatedAt), rest.TimePtr(u.LastLoginAt)}
}

// createdUserBody is a new user with the one-time token that sets the first password.
type createdUserBody struct {
	SetupToken          string    `json:"setupToken"`
	SetupTokenExpiresAt rest.Time `json:"setupTokenExpiresAt"`
	User                userBody  `json:"user"`
}

type tokensBody struct {
	AccessToken  string    `json:"accessToken"`
	RefreshToken string    `json:"refreshToken,omitempty"` // not in cookie mode
	ExpiresIn    int       `json:"expiresIn"`
	User         *selfBody `json:"user,omitempty"` // after a login
}

type selfBody struct {
	ID    uuid.UUID     `json:"id"`
	Email string        `json:"email"`
	Name  string        `json:"name"`
	Role  identity.Role `json:"role"`
}

func newTokensBody(t identity.Tokens, user *selfBody) tokensBody {
	return tokensBody{t.Access, t.Refresh, t.ExpiresIn, user}
}

type meBody struct {
	Account     accountBody    `json:"account"`
	Session     sessionBody    `json:"session"`
	User        userBody       `json:"user"`
	Preferences map[string]any `json:"preferences"`
}

type accountBody struct {
	ID   uuid.UUID `json:"id"`
	Name string    `json:"name"`
}

type sessionBody struct {
	CreatedAt rest.Time `json:"createdAt"`
	ExpiresAt rest.Time `json:"expiresAt"`
	ID        uuid.UUID `json:"id"`
}

func newMeBody(p *identity.Profile) meBody {
	return meBody{
		accountBody{p.Account.ID, p.Account.Name},
		sessionBody{rest.Time(p.CreatedAt), rest.Time(p.ExpiresAt), p.ID},
		newUserBody(p.User),
		p.Preferences,
	}
}

// openSessionBody is a session in the list of its user.
type openSessionBody struct {
	ID         uuid.UUID  `json:"id"`
	CreatedAt  rest.Time  `json:"createdAt"`
	LastUsedAt *rest.Time `json:"lastUsedAt"`
	ExpiresAt  rest.Time  `json:"expiresAt"`
	UserAgent  string     `json:"userAgent"`
	Current    bool       `json:"current"`
}

func newOpenSessionBody(s identity.Session, current uuid.UUID) openSessionBody {
	return openSessionBody{
		s.ID, rest.Time(s.CreatedAt), rest.TimePtr(s.LastUsedAt), rest.Time(s.ExpiresAt), s.UserAgent, s.ID == current,
	}
}

// endedBody says how many sessions were ended.
type endedBody struct {
	Ended int `json:"ended"`
}

// signedOutBody says where to sign out at the identity provider, too.
type signedOutBody struct {
	EndSessionURL string `json:"endSessionUrl"`
}

type trustBody struct {
	ID         uuid.UUID         `json:"id"`
	Name       string            `json:"name"`
	Issuer     string            `json:"issuer"`
	Audience   string            `json:"audience"`
	Subject    string            `json:"subject"`
	Claims     map[string]string `json:"claims"`
	Workspaces []string          `json:"workspaces"` // null: every workspace
	CreatedAt  rest.Time         `json:"createdAt"`
	CreatedBy  string            `json:"createdBy"`
	LastUsedAt *rest.Time        `json:"lastUsedAt"`
}

func newTrustBody(t identity.Trust) trustBody {
	return trustBody{
		t.ID, t.Name, t.Issuer, t.Audience, t.Subject, t.Claims, t.Workspaces, rest.Time(t.CreatedAt), t.CreatedBy, rest.TimePtr(t.LastUsedAt),
	}
}

type keyBody struct {
	ID         uuid.UUID  `json:"id"`
	Name       string     `json:"name"`
	Scope      string     `json:"scope"`
	Prefix     string     `json:"prefix"`
	CreatedAt  rest.Time  `json:"createdAt"`
	ExpiresAt  *rest.Time `json:"expiresAt"`
	LastUsedAt *rest.Time `json:"lastUsedAt"`
	CreatedBy  string     `json:"createdBy"`
	Workspaces []string   `json:"workspaces"` // null: every workspace
}

func newKeyBody(k identity.APIKey) keyBody {
	return keyBody{
		k.ID, k.Name, k.Scope, k.Prefix, rest.Time(k.CreatedAt), rest.TimePtr(k.ExpiresAt), rest.TimePtr(k.LastUsedAt), k.CreatedBy, k.Workspaces,
	}
}

// createdKeyBody is a new API key. The key itself is shown this once.
type createdKeyBody struct {
	APIKey keyBody `json:"apiKey"`
	Key    string  `json:"key"`
}
