// Package apierror is the one error type that crosses package boundaries with a meaning. Its zero kind is Internal, so
// an unclassified error can never leak: the edge shows a caller only an Error's Message and Fields, and only for the
// other kinds.
package apierror

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind says what went wrong in the caller's terms. The edge maps it to a status (package rest).
type Kind uint8

// The kinds. Internal is the zero value on purpose.
const (
	Internal Kind = iota
	Invalid
	Unauthenticated
	Forbidden
	NotFound
	MethodNotAllowed
	Conflict
	TooLarge
	UnsupportedMedia
	RateLimited
	Unavailable
	Timeout
	// Canceled: the caller went away before the response. Outside the SLO.
	Canceled
	HeadersTooLarge
)

var codes = [...]string{
	Internal:         "INTERNAL_SERVER_ERROR",
	Invalid:          "VALIDATION_ERROR",
	Unauthenticated:  "AUTH_ERROR",
	Forbidden:        "FORBIDDEN",
	NotFound:         "NOT_FOUND",
	MethodNotAllowed: "METHOD_NOT_ALLOWED",
	Conflict:         "CONFLICT",
	TooLarge:         "PAYLOAD_TOO_LARGE",
	UnsupportedMedia: "UNSUPPORTED_MEDIA_TYPE",
	RateLimited:      "RATE_LIMIT_EXCEEDED",
	Unavailable:      "SERVICE_UNAVAILABLE",
	Timeout:          "TIMEOUT",
	Canceled:         "CLIENT_CLOSED_REQUEST",
	HeadersTooLarge:  "HEADERS_TOO_LARGE",
}

// Code is the error code that clients see.
func (k Kind) Code() string { return codes[k] }

func (k Kind) String() string { return k.Code() }

// Field is one problem with one field of the input.
type Field struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Reason says why credentials are refused. Clients see it.
type Reason string

// The reasons.
const (
	// Missing: nothing was sent.
	Missing Reason = "missing"
	// Unknown: we did not make it, or do not know it any more.
	Unknown Reason = "invalid"
	Expired Reason = "expired"
	// Revoked: the session has ended, or the key was revoked.
	Revoked Reason = "revoked"
	// Deactivated: the user was deactivated.
	Deactivated Reason = "deactivated"
	// Stale: the sign-in is too long ago for what was asked.
	Stale Reason = "stale"
	// WrongCredentials: the email or the password is wrong.
	WrongCredentials Reason = "credentials"
)

// Error is an error with a meaning for the caller. Message is safe to show; Err, the cause, is for logs only.
type Error struct {
	Kind       Kind
	Message    string
	Fields     []Field
	Reason     Reason        // for Unauthenticated
	RetryAfter time.Duration // when to try again; zero lets the edge choose for RateLimited and Unavailable
	Err        error
}

// New makes an Error of this kind with a message that the caller may see.
func New(kind Kind, message string) *Error { return &Error{Kind: kind, Message: message} }

// Refuse makes the Error of credentials that are refused.
func Refuse(reason Reason, message string) *Error {
	return &Error{Kind: Unauthenticated, Reason: reason, Message: message}
}

// Newf is New with a format.
func Newf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives err a kind and a message that the caller may see; err itself is only logged.
func Wrap(kind Kind, err error, message string) *Error {
	return &Error{Kind: kind, Message: message, Err: err}
}

// InvalidField is the common case of bad input: one field, one problem.
func InvalidField(field, format string, args ...any) *Error {
	return InvalidFields(Field{Field: field, Message: fmt.Sprintf(format, args...)})
}

// InvalidFields reports every problem of an input at once.
func InvalidFields(fields ...Field) *Error {
	message := "the request has invalid fields"
	if len(fields) == 1 {
		message = fields[0].Field + ": " + fields[0].Message
	}
	return &Error{Kind: Invalid, Message: message, Fields: fields}
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// From finds the Error in err's chain. An error without one is Canceled or Timeout if a context ended, else Internal.
// It returns nil for nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Wrap(Canceled, err, "the client closed the request")
	case errors.Is(err, context.DeadlineExceeded):
		return Wrap(Timeout, err, "the request took too long")
	}
	return Wrap(Internal, err, "an unexpected error occurred")
}

// Is reports whether err is, or wraps, an Error of this kind.
func Is(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}
