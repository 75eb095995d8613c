package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Trust says which tokens that a host of CI issues to its jobs may be used in the place of an API key.
type Trust struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Issuer   string `json:"issuer"`   // such as https://token.actions.githubusercontent.com
	Audience string `json:"audience"` // belongs to one account alone
	Subject  string `json:"subject"`  // a glob: * is any text without a slash, ** any text
	// Claims are globs of other claims by their names, which must all match.
	Claims map[string]string `json:"claims"`
	// Workspaces are the names and globs that the tokens are limited to; empty is every workspace.
	Workspaces []string  `json:"workspaces"`
	CreatedAt  time.Time `json:"createdAt"`
	CreatedBy  string    `json:"createdBy"` // an email
	LastUsedAt time.Time `json:"lastUsedAt,omitzero"`
}

// NewTrust is a trust that is to be made.
type NewTrust struct {
	Name       string            `json:"name"`
	Issuer     string            `json:"issuer"`
	Audience   string            `json:"audience"`
	Subject    string            `json:"subject"`
	Claims     map[string]string `json:"claims,omitempty"`
	Workspaces []string          `json:"workspaces,omitempty"`
}

// ListTrusts returns a page of the account's trusts, oldest first.
func (c *Client) ListTrusts(ctx context.Context, p Page) (List[Trust], error) {
	return list[Trust](ctx, c, "/api/v1/trusts", url.Values{}, p)
}

// Trusts returns all trusts of the account.
func (c *Client) Trusts(ctx context.Context) iter.Seq2[Trust, error] {
	return all(func(p Page) (List[Trust], error) { return c.ListTrusts(ctx, p) })
}

// CreateTrust makes a trust.
func (c *Client) CreateTrust(ctx context.Context, t NewTrust) (Trust, error) {
	return post[Trust](ctx, c, "/api/v1/trusts", t)
}

// DeleteTrust ends a trust. One that does not exist is CodeNotFound, also when an earlier attempt of the same call has deleted it and
// its response was lost.
func (c *Client) DeleteTrust(ctx context.Context, id string) error {
	return c.send(ctx, request{method: http.MethodDelete, path: "/api/v1/trusts/" + url.PathEscape(id), repeatable: true}, nil)
}
