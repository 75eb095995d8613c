package client

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// The close codes of the server that the standard does not have.
const (
	statusUnauthorized = websocket.StatusCode(4401) // the token expired or was revoked, or the user signed out
	statusRole         = websocket.StatusCode(4403) // the user's role has changed
	statusTooSlow      = websocket.StatusCode(4408)
	statusTooMany      = websocket.StatusCode(4429)
)

// CloseError is the end of a connection that the server gave a reason for.
type CloseError struct {
	Code   int // docs/api/asyncapi.yaml lists them
	Reason string
}

func (e *CloseError) Error() string {
	text := map[websocket.StatusCode]string{
		websocket.StatusGoingAway: "it is going away", websocket.StatusServiceRestart: "it restarts", statusUnauthorized: "the token has expired or was revoked",
		statusRole: "the user's role has changed", statusTooSlow: "events were not read fast enough", statusTooMany: "too many messages",
	}[websocket.StatusCode(e.Code)]
	if text == "" {
		text = e.Reason
	}
	return fmt.Sprintf("the server closed the connection with %d: %s", e.Code, text)
}

// leaving is the end of a connection that the server announced, with the time to come back.
type leaving struct{ back time.Time }

func (*leaving) Error() string { return "the server restarts" }

// errSilent is the end of a connection over which nothing is heard.
var errSilent = errors.New("nothing was heard for two heartbeats")

// stopped is an error of the program's own, which ends the stream.
type stopped struct{ error }

func (s stopped) Unwrap() error { return s.error }

// closed turns the end of reading into what the close frame said.
func closed(err error) error {
	frame, ok := errors.AsType[websocket.CloseError](err)
	switch {
	case !ok:
		return fmt.Errorf("the connection broke: %w", err)
	case frame.Code == statusUnauthorized:
		return &Error{Status: http.StatusUnauthorized, Code: CodeAuth, Message: "the token of the connection has expired or was revoked", Reason: frame.Reason}
	}
	return &CloseError{Code: int(frame.Code), Reason: frame.Reason}
}

// mayRecover reports whether connecting again may help.
func mayRecover(err error) bool {
	if errors.As(err, new(stopped)) || errors.Is(err, errLeft) {
		return false
	}
	if e, ok := errors.AsType[*CloseError](err); ok {
		switch websocket.StatusCode(e.Code) {
		case websocket.StatusProtocolError, websocket.StatusUnsupportedData, websocket.StatusInvalidFramePayloadData,
			websocket.StatusPolicyViolation, websocket.StatusMessageTooBig:
			return false // We are wrong, and would be again.
		default:
			return true
		}
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return true
	}
	switch e.Code {
	case CodeValidation, CodeForbidden, CodeConflict:
		return false
	case CodeRateLimit, CodeInternal, CodeUnavailable, CodeTimeout, CodeAuth:
		return true
	default: // It was not DriftSentry that responded, or the address is wrong.
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError
	}
}
