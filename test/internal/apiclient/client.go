// Package apiclient calls DriftSentry's REST API as a program of its users would.
package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Client calls the API at Base, as the owner of Token unless that is empty.
type Client struct {
	Base  string // http://127.0.0.1:3001
	Token string // an access token or an API key
}

// Error is an answer that is no success.
type Error struct {
	Status  int
	Code    string
	Message string
	TraceID string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%d %s: %s (trace %s)", e.Status, e.Code, e.Message, e.TraceID)
}

// Session is what signing in gives.
type Session struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	ExpiresIn    int    `json:"expiresIn"` // seconds
}

// exchange is bounded: the API's own REQUEST_TIMEOUT is 30 s.
var exchange = http.Client{Timeout: time.Minute}

// SignIn opens a session.
func (c Client) SignIn(ctx context.Context, email, password string) (Session, error) {
	var s Session
	err := c.Post(ctx, "/api/v1/auth/login", map[string]string{"email": email, "password": password}, &s)
	return s, err
}

// Refresh exchanges a session's refresh token for a new pair.
func (c Client) Refresh(ctx context.Context, refreshToken string) (Session, error) {
	var s Session
	err := c.Post(ctx, "/api/v1/auth/refresh", map[string]string{"refreshToken": refreshToken}, &s)
	return s, err
}

// Post sends body as JSON and reads the answer's data into data, unless that is nil. Headers are name, value, name,
// value. An answer that is no success is an *Error.
func (c Client) Post(ctx context.Context, path string, body, data any, headers ...string) error {
	raw, ok := body.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Base+path, bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := exchange.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return decode(res, data)
}

func decode(res *http.Response, data any) error {
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	var envelope struct {
		Data  json.RawMessage `json:"data"`
		Error struct {
			Code, Message, TraceID string
		} `json:"error"`
	}
	if err := json.Unmarshal(raw, &envelope); err != nil {
		return &Error{Status: res.StatusCode, Code: "?", Message: "the answer is not JSON", TraceID: res.Header.Get("X-Correlation-ID")}
	}
	if res.StatusCode >= 300 {
		e := envelope.Error
		return &Error{Status: res.StatusCode, Code: e.Code, Message: e.Message, TraceID: e.TraceID}
	}
	if data == nil {
		return nil
	}
	if err := json.Unmarshal(envelope.Data, data); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}
