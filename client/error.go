package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Code says what went wrong, for programs. Each code has one HTTP status.
type Code string

// The codes.
const (
	CodeValidation           Code = "VALIDATION_ERROR"
	CodeAuth                 Code = "AUTH_ERROR"
	CodeForbidden            Code = "FORBIDDEN"
	CodeNotFound             Code = "NOT_FOUND"
	CodeMethodNotAllowed     Code = "METHOD_NOT_ALLOWED"
	CodeConflict             Code = "CONFLICT"
	CodePayloadTooLarge      Code = "PAYLOAD_TOO_LARGE"
	CodeUnsupportedMediaType Code = "UNSUPPORTED_MEDIA_TYPE"
	CodeHeadersTooLarge      Code = "HEADERS_TOO_LARGE"
	CodeRateLimit            Code = "RATE_LIMIT_EXCEEDED"
	CodeInternal             Code = "INTERNAL_SERVER_ERROR"
	CodeUnavailable          Code = "SERVICE_UNAVAILABLE"
	CodeTimeout              Code = "TIMEOUT"
)

// reasonStale is the Reason of a session whose sign-in is too long ago for a request.
const reasonStale = "stale"

// Error is a response that is not a success. Use errors.As (or errors.AsType) to get it, or HasCode.
type Error struct {
	Status  int  // the HTTP status; 0 for an error that came over a socket
	Code    Code // empty when it was not DriftSentry that responded, but a proxy before it
	Message string
	// Fields names what is wrong in the request, for CodeValidation.
	Fields []FieldError
	// Reason says why credentials are refused (expired, revoked, …), for CodeAuth of servers that tell.
	Reason string
	// TraceID leads operators to what happened. It is empty when a proxy responded.
	TraceID string
	// RetryAfter is how long the server asks to wait; 0 when it does not.
	RetryAfter time.Duration
}

// FieldError is what is wrong with one field or parameter.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Status != 0 {
		fmt.Fprintf(&b, "%d ", e.Status)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, "%s: ", e.Code)
	}
	b.WriteString(e.Message)
	if e.TraceID != "" {
		fmt.Fprintf(&b, " (trace %s)", e.TraceID)
	}
	return b.String()
}

// HasCode reports whether err is, or wraps, an Error with this code.
func HasCode(err error, code Code) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

// refuses reports whether the server does not accept who we are.
func refuses(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusUnauthorized
}

// responseError reads a response that is not a success.
func responseError(res *http.Response, body []byte) *Error {
	var envelope struct {
		Error struct {
			Code    Code   `json:"code"`
			Message string `json:"message"`
			TraceID string `json:"traceId"`
			Details struct {
				Errors []FieldError `json:"errors"`
				Reason string       `json:"reason"`
			} `json:"details"`
		} `json:"error"`
	}
	e := &Error{Status: res.StatusCode, TraceID: res.Header.Get("X-Correlation-ID"), RetryAfter: retryAfter(res.Header)}
	if json.Unmarshal(body, &envelope) == nil && envelope.Error.Code != "" {
		in := envelope.Error
		e.Code, e.Message, e.TraceID, e.Fields, e.Reason = in.Code, in.Message, in.TraceID, in.Details.Errors, in.Details.Reason
		return e
	}
	e.Message = http.StatusText(res.StatusCode)
	if to := res.Header.Get("Location"); to != "" {
		e.Message += ": the service is at another address: " + to
	}
	return e
}

// retryAfter reads Retry-After, which has seconds or a date.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 86400)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
