package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// APIKey is a key for CI, without its secret.
type APIKey struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Scope      string    `json:"scope"`
	Prefix     string    `json:"prefix"` // the first characters, to recognise it
	CreatedAt  time.Time `json:"createdAt"`
	ExpiresAt  time.Time `json:"expiresAt,omitzero"` // zero when it does not expire
	LastUsedAt time.Time `json:"lastUsedAt,omitzero"`
	CreatedBy  string    `json:"createdBy"` // an email
	// Workspaces are the names and globs that the key is limited to; empty is every workspace.
	Workspaces []string `json:"workspaces"`
}

// ScopeIngest lets a key send plans and report drifts. It is the only scope.
const ScopeIngest = "ingest"

// NewAPIKey is a key that is to be made.
type NewAPIKey struct {
	Name      string    `json:"name"`
	Scope     string    `json:"scope"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"` // zero for a key that does not expire
	// Workspaces limits the key to these names and globs, in which * is any text without a slash; empty is every workspace.
	Workspaces []string `json:"workspaces,omitempty"`
}

// CreatedAPIKey is a new key. Key is shown once.
type CreatedAPIKey struct {
	APIKey APIKey `json:"apiKey"`
	Key    string `json:"key"` // ds_…
}

// ListAPIKeys returns a page of the account's keys, oldest first.
func (c *Client) ListAPIKeys(ctx context.Context, p Page) (List[APIKey], error) {
	return list[APIKey](ctx, c, "/api/v1/api-keys", url.Values{}, p)
}

// APIKeys returns all keys of the account.
func (c *Client) APIKeys(ctx context.Context) iter.Seq2[APIKey, error] {
	return all(func(p Page) (List[APIKey], error) { return c.ListAPIKeys(ctx, p) })
}

// CreateAPIKey makes a key.
func (c *Client) CreateAPIKey(ctx context.Context, k NewAPIKey) (CreatedAPIKey, error) {
	return post[CreatedAPIKey](ctx, c, "/api/v1/api-keys", k)
}

// DeleteAPIKey revokes a key. One that does not exist is CodeNotFound, also when an earlier attempt of the same call has
// deleted it and its response was lost.
func (c *Client) DeleteAPIKey(ctx context.Context, id string) error {
	return c.send(ctx, request{method: http.MethodDelete, path: "/api/v1/api-keys/" + url.PathEscape(id), repeatable: true}, nil)
}
