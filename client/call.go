package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// maxResponse bounds what is read of a response, in bytes.
const maxResponse = 256 << 20

// request is a call before its first attempt.
type request struct {
	method, path string
	query        url.Values
	body         body // nil when there is none
	idempotency  string
	// repeatable says that a second attempt does no harm after one whose outcome is unknown.
	repeatable bool
	// open says that the call needs no credentials, and must not wait for them.
	open bool
	// guarded says that a 401 may be about the body, so that another token would not help.
	guarded bool
}

// body is what a request sends, as often as it takes.
type body interface {
	// open returns the body from its start. moved is called while it is read.
	open(moved func()) io.ReadCloser
	// failed returns why the body cannot be read, when that is so.
	failed() error
	// set adds the headers that belong to the body.
	set(h http.Header)
}

// jsonBody is a body in memory.
type jsonBody []byte

func (b jsonBody) open(func()) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }
func (jsonBody) failed() error               { return nil }
func (jsonBody) set(h http.Header)           { h.Set("Content-Type", "application/json") }

type idempotencyKey struct{}

// WithIdempotencyKey makes the POST of a call use this Idempotency-Key instead of a generated one, so that the
// same call of a later run of the program has no second effect. With an empty key it sends none, and the call is not
// repeated when its outcome is unknown.
func WithIdempotencyKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, idempotencyKey{}, key)
}

// get reads something.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (data T, err error) {
	err = c.send(ctx, request{method: http.MethodGet, path: path, query: query, repeatable: true}, &data)
	return data, err
}

// post writes something, with an Idempotency-Key, so that it can be repeated.
func post[T any](ctx context.Context, c *Client, path string, in any) (data T, err error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return data, fmt.Errorf("encode the request: %w", err)
	}
	r := keyed(ctx, path)
	r.body = jsonBody(raw)
	err = c.send(ctx, r, &data)
	return data, err
}

// patch changes something. Done twice, it says the same.
func patch[T any](ctx context.Context, c *Client, path string, change any) (data T, err error) {
	raw, err := json.Marshal(change)
	if err != nil {
		return data, fmt.Errorf("encode the request: %w", err)
	}
	err = c.send(ctx, request{method: http.MethodPatch, path: path, body: jsonBody(raw), repeatable: true}, &data)
	return data, err
}

func keyed(ctx context.Context, path string) request {
	key, given := ctx.Value(idempotencyKey{}).(string)
	if !given {
		key = rand.Text()
	}
	return request{method: http.MethodPost, path: path, idempotency: key, repeatable: key != ""}
}

// send sends a request, again where that may help, and reads the data of the response into data, a pointer or nil.
func (c *Client) send(ctx context.Context, r request, data any) error {
	pauses := c.retry.pauses()
	refused := "" // the token that was not accepted
	for try := 1; ; try++ {
		final, err := c.authorized(ctx, r, &refused, data)
		if final {
			return err
		}
		if r.body != nil && r.body.failed() != nil {
			return r.body.failed()
		}
		if ctx.Err() != nil || try >= c.retry.Tries || !r.worthRepeating(err) {
			return err
		}
		pause := pauses.NextBackOff()
		if e, ok := errors.AsType[*Error](err); ok && e.RetryAfter > 0 {
			if pause = e.RetryAfter; pause > c.retry.LongestWait {
				return err
			}
		}
		if end, ok := ctx.Deadline(); ok && time.Until(end) < pause {
			return err // It says more than the end of the context.
		}
		if wait(ctx, pause) != nil {
			return err
		}
	}
}

// wait waits unless ctx ends before.
func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// worthRepeating reports whether another attempt is safe and may have another result.
func (r request) worthRepeating(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok { // No response came.
		return r.repeatable && !errors.Is(err, errNotOurs) && !errors.Is(err, errPartial)
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return r.repeatable || e.Status == http.StatusTooManyRequests // What is refused for its number did nothing.
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return r.repeatable
	case http.StatusConflict: // The first attempt is still under way, and says when to ask again.
		return r.idempotency != "" && e.RetryAfter > 0
	}
	return false
}

// authorized makes one attempt, and a second one at once when the token was refused and can be replaced. It is final when
// there is nothing to repeat: a success, or no token, for which enough was tried.
func (c *Client) authorized(ctx context.Context, r request, refused *string, data any) (final bool, err error) {
	for {
		token := ""
		if !r.open {
			if token, err = c.token(ctx, *refused); err != nil {
				return true, err
			}
		}
		err = c.attempt(ctx, r, token, data)
		if !refuses(err) || r.open || r.guarded || *refused != "" || !c.renewable(token) {
			return err == nil, err
		}
		if e, ok := errors.AsType[*Error](err); ok && e.Reason == reasonStale {
			if c.session.email == "" {
				return true, err // The user has to sign in.
			}
			c.session.outdate(token)
		}
		*refused = token
	}
}

// errNotOurs is the error for a response that does not come from DriftSentry.
var errNotOurs = errors.New("the response is not DriftSentry's: is the address that of its API?")

// errPartial is the error for a response that ended in its middle, after some of it was given away.
var errPartial = errors.New("not all of the response came")

// sink takes the body of a response while it comes. It is the data of a call whose response is not read into memory.
type sink func(body io.Reader) error

// moving tells when something was read.
type moving struct {
	io.Reader
	moved func()
}

// Read implements io.Reader.
func (m *moving) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.moved()
	return n, err
}

// attempt sends the request once. It stops when nothing has moved for the client's timeout.
func (c *Client) attempt(ctx context.Context, r request, token string, data any) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slow := fmt.Errorf("%s %s: no response within %s: %w", r.method, r.path, c.timeout, context.DeadlineExceeded)
	timer := time.AfterFunc(c.timeout, func() { cancel(slow) })
	defer timer.Stop()
	req, err := c.request(ctx, r, token, func() { timer.Reset(c.timeout) })
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return cause(ctx, slow, err)
	}
	defer res.Body.Close()
	if into, ok := data.(sink); ok && res.StatusCode == http.StatusOK {
		if err := into(&moving{res.Body, func() { timer.Reset(c.timeout) }}); err != nil {
			return fmt.Errorf("%w: %w", errPartial, cause(ctx, slow, err))
		}
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxResponse+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the response: %w", cause(ctx, slow, err))
	case len(text) > maxResponse:
		return fmt.Errorf("%w (over %d MiB)", errNotOurs, maxResponse>>20)
	case res.StatusCode < 200 || res.StatusCode >= 300:
		return responseError(res, text)
	}
	envelope := struct {
		Data any `json:"data"`
	}{data}
	if err := json.Unmarshal(text, &envelope); err != nil {
		return fmt.Errorf("%w (%w)", errNotOurs, err)
	}
	return nil
}

// cause returns slow for a request that the client abandoned; the request's own error says only that it was cancelled.
func cause(ctx context.Context, slow, err error) error {
	if errors.Is(context.Cause(ctx), slow) {
		return slow
	}
	return err
}

func (c *Client) request(ctx context.Context, r request, token string, moved func()) (*http.Request, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	c.setHeaders(ctx, req.Header, token)
	if r.body != nil {
		r.body.set(req.Header)
		req.Body, req.ContentLength = r.body.open(moved), -1
		req.GetBody = func() (io.ReadCloser, error) { return r.body.open(moved), nil }
		if b, ok := r.body.(jsonBody); ok {
			req.ContentLength = int64(len(b))
		}
	}
	if r.idempotency != "" {
		req.Header.Set("Idempotency-Key", r.idempotency)
	}
	return req, nil
}

// setHeaders sets what requests and handshakes have in common.
func (c *Client) setHeaders(ctx context.Context, h http.Header, token string) {
	h.Set("User-Agent", c.agent)
	for _, set := range c.headers {
		set(ctx, h)
	}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
}
