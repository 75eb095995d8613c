package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Option configures a client.
type Option func(*Client) error

// WithAPIKey lets the client act as the owner of an API key (ds_…). A key may send plans and report drifts, and nothing
// else.
func WithAPIKey(key string) Option {
	return func(c *Client) error {
		if key == "" {
			return errors.New("the API key is empty")
		}
		c.apiKey = key
		return nil
	}
}

// WithTokenSource lets the client act as a job of CI, with the tokens that its host issues: source is called for each attempt of a
// call. An account must trust such tokens (see CreateTrust). They may do what an API key may.
func WithTokenSource(source func(ctx context.Context) (string, error)) Option {
	return func(c *Client) error {
		if source == nil {
			return errors.New("the source of tokens is nil")
		}
		c.source = source
		return nil
	}
}

// WithPassword lets the client act as a person. It signs in with the first call, refreshes the session while it lasts, and
// signs in again when it has ended.
func WithPassword(email, password string) Option {
	return func(c *Client) error {
		if email == "" || password == "" {
			return errors.New("email and password must not be empty")
		}
		c.session.email, c.session.password = email, password
		return nil
	}
}

// WithSession continues a stored session (see OnSession). Without a refresh token, the client can use the access
// token until it expires.
func WithSession(s Session) Option {
	return func(c *Client) error {
		if s.AccessToken == "" && s.RefreshToken == "" {
			return errors.New("the session has no token")
		}
		c.session.keep(s, time.Now())
		return nil
	}
}

// OnSession calls a function with each new pair of tokens, so that a program can keep it for its next start. A refresh token
// works once: keep the new one before anything else. The function is called by one goroutine at a time.
func OnSession(keep func(Session)) Option {
	return func(c *Client) error {
		c.session.changed = keep
		return nil
	}
}

// WithRealtime names the realtime service where it has an address of its own, such as http://127.0.0.1:3002. Otherwise
// the sockets go to the address of the API, as they do behind an edge.
func WithRealtime(base string) Option {
	return func(c *Client) (err error) {
		c.realtime, err = address(base)
		return err
	}
}

// WithHTTPClient sends requests and the sockets' handshakes through h: for proxies, certificates or instrumentation. Its
// Timeout and CheckRedirect are not used.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) error {
		if h == nil {
			return errors.New("the HTTP client is nil")
		}
		c.http = h
		return nil
	}
}

// WithHeaders calls set before each request and each handshake, with the context of the call. It is the place for trace
// propagation; with OpenTelemetry:
//
//	client.WithHeaders(func(ctx context.Context, h http.Header) {
//		otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(h))
//	})
func WithHeaders(set func(ctx context.Context, h http.Header)) Option {
	return func(c *Client) error {
		c.headers = append(c.headers, set)
		return nil
	}
}

// WithUserAgent names the program in the User-Agent header.
func WithUserAgent(name string) Option {
	return func(c *Client) error {
		c.agent = name
		return nil
	}
}

// WithTimeout bounds one attempt, and the opening of a socket; a minute is the default. While the body of an upload goes out,
// the time starts again with each part of it. The context of a call bounds all of its attempts.
func WithTimeout(d time.Duration) Option {
	return func(c *Client) error {
		if d <= 0 {
			return errors.New("the timeout must be positive")
		}
		c.timeout = d
		return nil
	}
}

// WithRetry changes how often a call is repeated, and the pauses between the attempts. A stream uses the pauses without a limit
// on the attempts.
func WithRetry(r Retry) Option {
	return func(c *Client) error {
		c.retry = r.filled()
		return nil
	}
}

// Retry says how calls are repeated. A zero field has the default in brackets.
type Retry struct {
	Tries int           // number of attempts [4]; 1 repeats nothing
	First time.Duration // the pause after the first attempt, on average [500 ms]; it doubles
	Last  time.Duration // the longest pause, on average [30 s]
	// LongestWait bounds a pause that the server asks for with Retry-After [1 min]. When it asks for more, the call fails at
	// once, with Error.RetryAfter.
	LongestWait time.Duration
}

func (r Retry) filled() Retry {
	if r.Tries < 1 {
		r.Tries = 4
	}
	if r.First <= 0 {
		r.First = 500 * time.Millisecond
	}
	if r.Last <= 0 {
		r.Last = 30 * time.Second
	}
	if r.LongestWait <= 0 {
		r.LongestWait = time.Minute
	}
	return r
}

// pauses returns the pauses between attempts, each between a half and one and a half of its average, so that clients that
// failed together do not come back together.
func (r Retry) pauses() *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{InitialInterval: r.First, MaxInterval: max(r.First, r.Last), Multiplier: 2, RandomizationFactor: 0.5}
	b.Reset()
	return b
}
