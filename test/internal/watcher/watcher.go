// Package watcher follows an account's events over the WebSocket, as a user's program should: it prolongs its token
// before that expires, comes back with its cursor whenever the connection ends, and so misses nothing.
//
//	signing in ──▶ connecting ──welcome, ack──▶ following
//	    ▲              ▲                            │
//	    └──401, 4401───┴── pause, with the cursor ◀─┘ anything else
package watcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/coder/websocket"

	"github.com/driftsentry/driftsentry/test/internal/apiclient"
)

const (
	subprotocol = "driftsentry.v1"
	// maxFrame bounds what we accept; events are far smaller.
	maxFrame = 1 << 20
	// The pause before the next attempt doubles from the first to the last.
	firstPause = 500 * time.Millisecond
	lastPause  = 10 * time.Second
	// statusUnauthorized is the close code for a token that expired or was revoked.
	statusUnauthorized = websocket.StatusCode(4401)
)

// Watcher says whom to follow and what to do with what comes.
type Watcher struct {
	API       apiclient.Client // without a token
	SocketURL string           // ws://127.0.0.1:3002/ws
	Email     string
	Password  string
	Topics    []string

	// Event gets each event once, in order.
	Event func(Frame)
	// Note gets a line on what happens to the connection. Nil is silent.
	Note func(string)
	// Ready is called each time the subscription holds. Nil is fine.
	Ready func()

	session apiclient.Session
	renewal time.Time // when the token is to be prolonged
	cursor  string    // up to which we have everything
	seen    int64     // the position of the last event
	pauses  backoff.ExponentialBackOff
}

// Frame is what the server sends, each kind with its own part of the fields.
type Frame struct {
	Type        string          `json:"type"`
	ID          string          `json:"id"`
	Cursor      string          `json:"cursor"`
	HeartbeatMS int             `json:"heartbeatMs"`
	Topics      []string        `json:"topics"`
	Position    int64           `json:"position"`
	Event       json.RawMessage `json:"event"`
	Reason      string          `json:"reason"`
	AfterMS     int             `json:"afterMs"`
	Code        string          `json:"code"`
	Message     string          `json:"message"`
	TraceID     string          `json:"traceId"`
}

// request is what we send.
type request struct {
	Type   string   `json:"type"`
	ID     string   `json:"id"`
	Topics []string `json:"topics,omitempty"`
	After  string   `json:"after,omitempty"`
	Token  string   `json:"token,omitempty"`
}

// ErrSignIn says that email and password are not accepted: there is no use in going on.
var ErrSignIn = errors.New("the sign-in is not accepted")

// Run follows until ctx ends, which is no error.
func (w *Watcher) Run(ctx context.Context) error {
	if w.Note == nil {
		w.Note = func(string) {}
	}
	if w.Ready == nil {
		w.Ready = func() {}
	}
	w.pauses = backoff.ExponentialBackOff{InitialInterval: firstPause, MaxInterval: lastPause, Multiplier: 2, RandomizationFactor: 0.5}
	for {
		err := w.connect(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // whatever broke off did so because it was told to
		}
		switch {
		case errors.Is(err, ErrSignIn):
			return err
		case unauthorized(err):
			w.session = apiclient.Session{} // Sign in anew.
		}
		pause := w.nextPause(err)
		w.Note(fmt.Sprintf("%v: again in %s", err, pause.Round(100*time.Millisecond)))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// leaving is a connection's end that the server announced.
type leaving struct{ back time.Time }

func (leaving) Error() string { return "the server restarts" }

func (w *Watcher) nextPause(err error) time.Duration {
	if l, ok := errors.AsType[leaving](err); ok {
		return max(time.Until(l.back), 0)
	}
	return w.pauses.NextBackOff()
}

func unauthorized(err error) bool {
	if websocket.CloseStatus(err) == statusUnauthorized {
		return true
	}
	e, ok := errors.AsType[*apiclient.Error](err)
	return ok && e.Status == http.StatusUnauthorized
}

// connect signs in when there is no session, opens a socket and follows it to its end.
func (w *Watcher) connect(ctx context.Context) error {
	if err := w.authenticate(ctx); err != nil {
		return err
	}
	heard := make(chan struct{}, 1)
	//nolint:bodyclose // after the upgrade it is the socket, and a refusal's is read and closed by the library
	conn, res, err := websocket.Dial(ctx, w.SocketURL, &websocket.DialOptions{
		Subprotocols: []string{subprotocol},
		HTTPHeader:   http.Header{"Authorization": {"Bearer " + w.session.AccessToken}},
		OnPingReceived: func(context.Context, []byte) bool {
			poke(heard)
			return true
		},
	})
	if err != nil {
		if res != nil && res.StatusCode == http.StatusUnauthorized {
			return &apiclient.Error{Status: res.StatusCode, Code: "AUTH_ERROR", Message: "the socket refused the token", TraceID: res.Header.Get("X-Correlation-ID")}
		}
		if e, ok := errors.AsType[*net.OpError](err); ok {
			err = e // The libraries above it tell the address twice more.
		}
		return fmt.Errorf("no connection: %w", err)
	}
	defer func() { _ = conn.CloseNow() }() // After a regular end there is nothing to close.
	conn.SetReadLimit(maxFrame)
	return w.follow(ctx, conn, heard)
}

// authenticate makes sure of a session whose token still holds.
func (w *Watcher) authenticate(ctx context.Context) error {
	if w.session.AccessToken != "" && time.Now().Before(w.renewal) {
		return nil
	}
	if w.session.RefreshToken != "" {
		if s, err := w.API.Refresh(ctx, w.session.RefreshToken); err == nil {
			w.keep(s)
			return nil
		}
		// It may have been spent although no answer came. Sent twice, it would revoke the session.
		w.session.RefreshToken = ""
	}
	s, err := w.API.SignIn(ctx, w.Email, w.Password)
	if unauthorized(err) {
		return fmt.Errorf("%w: %w", ErrSignIn, err)
	}
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	w.keep(s)
	return nil
}

// keep plans to prolong the session when three quarters of its token's life are over.
func (w *Watcher) keep(s apiclient.Session) {
	w.session = s
	w.renewal = time.Now().Add(time.Duration(s.ExpiresIn) * time.Second * 3 / 4)
}

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
