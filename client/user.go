package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Role says what a user may do.
type Role string

// The roles. A viewer reads; an engineer also sends plans and decides; an admin also manages users and keys.
const (
	Viewer   Role = "viewer"
	Engineer Role = "engineer"
	Admin    Role = "admin"
)

// User is a person of the account.
type User struct {
	ID          string    `json:"id"`
	Email       string    `json:"email"`
	Name        string    `json:"name"`
	Role        Role      `json:"role"`
	IsActive    bool      `json:"isActive"`
	CreatedAt   time.Time `json:"createdAt"`
	LastLoginAt time.Time `json:"lastLoginAt,omitzero"`
}

// Me is the caller.
type Me struct {
	User    User `json:"user"`
	Account struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"account"`
	Session struct {
		ID        string    `json:"id"`
		CreatedAt time.Time `json:"createdAt"`
		ExpiresAt time.Time `json:"expiresAt"` // unless it is refreshed before
	} `json:"session"`
	// Preferences are what the caller's clients keep: texts, numbers and booleans.
	Preferences map[string]any `json:"preferences"`
}

// Me returns the caller, the account and the session.
func (c *Client) Me(ctx context.Context) (Me, error) { return get[Me](ctx, c, "/api/v1/users/me", nil) }

// MyChange names what changes of the caller; a nil name stays. Preferences that are not named stay too, and a value of nil
// removes one.
type MyChange struct {
	Name        *string        `json:"name,omitempty"`
	Preferences map[string]any `json:"preferences,omitempty"`
}

// UpdateMe changes the caller's name and preferences.
func (c *Client) UpdateMe(ctx context.Context, change MyChange) (Me, error) {
	return patch[Me](ctx, c, "/api/v1/users/me", change)
}

// ListUsers returns a page of the account's users, oldest first.
func (c *Client) ListUsers(ctx context.Context, p Page) (List[User], error) {
	return list[User](ctx, c, "/api/v1/users", url.Values{}, p)
}

// Users returns all users of the account.
func (c *Client) Users(ctx context.Context) iter.Seq2[User, error] {
	return all(func(p Page) (List[User], error) { return c.ListUsers(ctx, p) })
}

// NewUser is a user that is to be made.
type NewUser struct {
	Email string `json:"email"`
	Name  string `json:"name"`
	Role  Role   `json:"role"`
}

// CreatedUser is a new user, with the token for SetPassword. It is shown once: pass it on.
type CreatedUser struct {
	User                User      `json:"user"`
	SetupToken          string    `json:"setupToken"`
	SetupTokenExpiresAt time.Time `json:"setupTokenExpiresAt"`
}

// CreateUser makes a user. An email that is taken is CodeConflict.
func (c *Client) CreateUser(ctx context.Context, u NewUser) (CreatedUser, error) {
	return post[CreatedUser](ctx, c, "/api/v1/users", u)
}

// UserChange names what changes; nil fields stay.
type UserChange struct {
	Email    *string `json:"email,omitempty"`
	Name     *string `json:"name,omitempty"`
	Role     *Role   `json:"role,omitempty"`
	IsActive *bool   `json:"isActive,omitempty"`
	// HandOverTo is the id of another admin, who gets the API keys of a user that is deactivated, or is an admin no more. Without it they end.
	HandOverTo *string `json:"handOverTo,omitempty"`
}

// UpdateUser changes a user. The account's last active admin stays one: CodeConflict.
func (c *Client) UpdateUser(ctx context.Context, id string, change UserChange) (User, error) {
	return patch[User](ctx, c, "/api/v1/users/"+url.PathEscape(id), change)
}

// CreateSetupToken makes another token for SetPassword, for a user who lost the first one or forgot the password. The older ones
// are void. It is shown once.
func (c *Client) CreateSetupToken(ctx context.Context, id string) (CreatedUser, error) {
	return post[CreatedUser](ctx, c, "/api/v1/users/"+url.PathEscape(id)+"/setup-token", struct{}{})
}

// EndUserSessions signs a user out everywhere, and counts the sessions.
func (c *Client) EndUserSessions(ctx context.Context, id string) (int, error) {
	return c.endSessions(ctx, "/api/v1/users/"+url.PathEscape(id)+"/sessions")
}

// SetPassword sets the first password of a user, who has the setup token that an admin passed on. No credentials are needed.
func (c *Client) SetPassword(ctx context.Context, setupToken, newPassword string) error {
	return c.secret(ctx, "/api/v1/auth/password", map[string]string{"token": setupToken, "newPassword": newPassword}, nil)
}

// ChangePassword changes the caller's password. The caller's other sessions end.
func (c *Client) ChangePassword(ctx context.Context, current, next string) error {
	raw, err := json.Marshal(map[string]string{"currentPassword": current, "newPassword": next})
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	return c.send(ctx, request{method: http.MethodPost, path: "/api/v1/auth/password", body: jsonBody(raw), guarded: true}, nil)
}
