package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Session is a pair of tokens. The refresh token works once, and for half a minute longer: each refresh gives another.
type Session struct {
	AccessToken  string    `json:"accessToken"`
	RefreshToken string    `json:"refreshToken"`
	ExpiresAt    time.Time `json:"expiresAt,omitzero"` // of the access token; zero when it is not known
}

// session is the state of a person's sign-in, shared by all calls and streams of a client.
//
//	(nothing) ──sign in──▶ fresh ──3/4 of the token's life, or 401──▶ due ──refresh──▶ fresh
//	    ▲                                                              │
//	    └────────────── with a password: the session has ended ◀───────┘
type session struct {
	email, password string
	changed         func(Session)
	turn            chan struct{} // held by the one call that renews

	mu      sync.Mutex
	current Session
	renewAt time.Time // zero: renew only after a refusal
}

// enabled reports whether the client acts as a person.
func (s *session) enabled() bool {
	if s.email != "" {
		return true
	}
	current, _ := s.get()
	return current.AccessToken != "" || current.RefreshToken != ""
}

func (s *session) get() (current Session, renewAt time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current, s.renewAt
}

// keep takes new tokens, which are due when three quarters of their life are over.
func (s *session) keep(fresh Session, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.renewAt = fresh, time.Time{}
	if !fresh.ExpiresAt.IsZero() {
		s.renewAt = now.Add(fresh.ExpiresAt.Sub(now) * 3 / 4)
	}
}

// outdate forgets the refresh token beside this access token, so that the next renewal signs in.
func (s *session) outdate(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.AccessToken == token {
		s.current.RefreshToken = ""
	}
}

// usable returns the access token unless it is missing, due or refused.
func (s *session) usable(refused string) (token string, ok bool) {
	current, renewAt := s.get()
	due := !renewAt.IsZero() && !time.Now().Before(renewAt)
	return current.AccessToken, current.AccessToken != "" && current.AccessToken != refused && !due
}

// token returns the credentials of a call: the API key, or a valid access token. refused is a token that the server did not
// accept. If several calls find that the session must be renewed, one does it and the others wait. It is empty for a client
// without credentials.
func (c *Client) token(ctx context.Context, refused string) (string, error) {
	s := &c.session
	if c.source != nil {
		return c.source(ctx)
	}
	if c.apiKey != "" || !s.enabled() {
		return c.apiKey, nil
	}
	if token, ok := s.usable(refused); ok {
		return token, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if token, ok := s.usable(refused); ok {
		return token, nil // Another call has renewed it.
	}
	fresh, err := c.renew(ctx)
	if err == nil {
		return fresh.AccessToken, nil
	}
	current, _ := s.get()
	if holds := current.AccessToken != "" && time.Now().Before(current.ExpiresAt); holds && !refuses(err) && current.AccessToken != refused {
		return current.AccessToken, nil // It was only due, and the API cannot be reached.
	}
	return "", err
}

// renewable reports whether a token that was refused can be replaced. A sign-in that is itself refused cannot.
func (c *Client) renewable(token string) bool {
	current, _ := c.session.get()
	return token != "" && c.apiKey == "" && (c.session.email != "" || current.RefreshToken != "" || current.AccessToken != token)
}

// SignIn opens a session with the client's email and password, and uses it from now on. Calling it is not needed: every
// call does so when there is no session. It reports a wrong password early.
func (c *Client) SignIn(ctx context.Context) (Session, error) {
	select {
	case c.session.turn <- struct{}{}:
		defer func() { <-c.session.turn }()
	case <-ctx.Done():
		return Session{}, context.Cause(ctx)
	}
	return c.signIn(ctx)
}

// AccessToken returns a valid access token, for connections that the client does not make itself. It signs in or refreshes the
// session if necessary. A client with an API key returns the key.
func (c *Client) AccessToken(ctx context.Context) (string, error) { return c.token(ctx, "") }

// SignOut ends the session on the server; its sockets end within ten seconds. A client with a password can be used again
// afterwards: the next call signs in.
func (c *Client) SignOut(ctx context.Context) error {
	current, _ := c.session.get()
	if current.RefreshToken == "" {
		return nil
	}
	if err := c.secret(ctx, "/api/v1/auth/logout", map[string]string{"refreshToken": current.RefreshToken}, nil); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	c.session.keep(Session{}, time.Now())
	return nil
}

// refreshPatience bounds a refresh, which does not end with the call that needed it: its response is the only copy of the
// next refresh token.
const refreshPatience = 10 * time.Second

// renew refreshes the session, or opens another one. The caller has the turn.
func (c *Client) renew(ctx context.Context) (Session, error) {
	s := &c.session
	current, _ := s.get()
	if current.RefreshToken != "" {
		refreshCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshPatience)
		defer cancel()
		var data tokens
		err := c.secret(refreshCtx, "/api/v1/auth/refresh", map[string]string{"refreshToken": current.RefreshToken}, &data)
		if err == nil {
			return c.opened(data), nil
		}
		if s.email == "" || !refuses(err) {
			return Session{}, fmt.Errorf("refresh the session: %w", err)
		}
	}
	if s.email == "" {
		return Session{}, fmt.Errorf("the session has no refresh token: %w", &Error{
			Status: http.StatusUnauthorized, Code: CodeAuth, Message: "the access token has expired or was revoked",
		})
	}
	return c.signIn(ctx)
}

func (c *Client) signIn(ctx context.Context) (Session, error) {
	var data tokens
	err := c.secret(ctx, "/api/v1/auth/login", map[string]string{"email": c.session.email, "password": c.session.password}, &data)
	if err != nil {
		return Session{}, fmt.Errorf("sign in: %w", err)
	}
	return c.opened(data), nil
}

// tokens is what a sign-in and a refresh give.
type tokens struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	ExpiresIn    int    `json:"expiresIn"` // seconds
}

func (c *Client) opened(data tokens) Session {
	now := time.Now()
	fresh := Session{data.AccessToken, data.RefreshToken, now.Add(time.Duration(data.ExpiresIn) * time.Second)}
	c.session.keep(fresh, now)
	if c.session.changed != nil {
		c.session.changed(fresh)
	}
	return fresh
}

// secret posts to /auth/, where the server keeps no responses: an Idempotency-Key would have no effect. A repeated sign-in
// is another session, a repeated refresh is what the grace of the server is for, and the others say the same again.
func (c *Client) secret(ctx context.Context, path string, in, data any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	return c.send(ctx, request{method: http.MethodPost, path: path, body: jsonBody(raw), open: true, repeatable: true}, data)
}
