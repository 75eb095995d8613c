package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// OpenSession is one of the caller's sessions, as the server lists them.
type OpenSession struct {
	ID         string    `json:"id"`
	CreatedAt  time.Time `json:"createdAt"`
	LastUsedAt time.Time `json:"lastUsedAt,omitzero"` // when it was last refreshed; zero when it was not
	ExpiresAt  time.Time `json:"expiresAt"`
	UserAgent  string    `json:"userAgent"` // what the client called itself at sign-in
	Current    bool      `json:"current"`   // whether it is that of this client
}

// ListSessions returns a page of the caller's open sessions, oldest first.
func (c *Client) ListSessions(ctx context.Context, p Page) (List[OpenSession], error) {
	return list[OpenSession](ctx, c, "/api/v1/auth/sessions", url.Values{}, p)
}

// Sessions returns all open sessions of the caller.
func (c *Client) Sessions(ctx context.Context) iter.Seq2[OpenSession, error] {
	return all(func(p Page) (List[OpenSession], error) { return c.ListSessions(ctx, p) })
}

// EndSession ends one of the caller's sessions; its sockets end within ten seconds. One that is not open is CodeNotFound, also
// when an earlier attempt of the same call has ended it and its response was lost.
func (c *Client) EndSession(ctx context.Context, id string) error {
	return c.send(ctx, request{method: http.MethodDelete, path: "/api/v1/auth/sessions/" + url.PathEscape(id), repeatable: true}, nil)
}

// EndOtherSessions ends the caller's sessions but that of this client, and counts them.
func (c *Client) EndOtherSessions(ctx context.Context) (int, error) {
	return c.endSessions(ctx, "/api/v1/auth/sessions")
}

func (c *Client) endSessions(ctx context.Context, path string) (int, error) {
	var data struct {
		Ended int `json:"ended"`
	}
	err := c.send(ctx, request{method: http.MethodDelete, path: path, repeatable: true}, &data)
	return data.Ended, err
}
