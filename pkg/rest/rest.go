// Package rest is the shared part of both services' HTTP edges: the envelope, the one table that turns an error into a
// status, strict decoding, and the middleware of every response.
package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// Time prints like every time in our responses: RFC 3339, UTC, milliseconds.
type Time = event.Time

// TimePtr is Time for a time that may be missing.
func TimePtr(t *time.Time) *Time { return (*Time)(t) }

// StatusClientClosedRequest is the status, in logs and metrics only, of a request whose client disconnected.
const StatusClientClosedRequest = 499

// The one place where an error becomes a status.
var statuses = map[apierror.Kind]int{
	apierror.Internal:         http.StatusInternalServerError,
	apierror.Invalid:          http.StatusBadRequest,
	apierror.Unauthenticated:  http.StatusUnauthorized,
	apierror.Forbidden:        http.StatusForbidden,
	apierror.NotFound:         http.StatusNotFound,
	apierror.MethodNotAllowed: http.StatusMethodNotAllowed,
	apierror.Conflict:         http.StatusConflict,
	apierror.TooLarge:         http.StatusRequestEntityTooLarge,
	apierror.UnsupportedMedia: http.StatusUnsupportedMediaType,
	apierror.RateLimited:      http.StatusTooManyRequests,
	apierror.Unavailable:      http.StatusServiceUnavailable,
	apierror.Timeout:          http.StatusGatewayTimeout,
	apierror.Canceled:         StatusClientClosedRequest,
	apierror.HeadersTooLarge:  http.StatusRequestHeaderFieldsTooLarge,
}

// Status is the HTTP status of a kind.
func Status(kind apierror.Kind) int { return statuses[kind] }

type failure struct {
	Success bool        `json:"success"`
	Error   failureBody `json:"error"`
}

type failureBody struct {
	Code      string   `json:"code"`
	Message   string   `json:"message"`
	Details   *details `json:"details"`
	TraceID   string   `json:"traceId"`
	Timestamp Time     `json:"timestamp"`
}

// details has what is wrong with fields, or why credentials are refused.
type details struct {
	Errors []apierror.Field `json:"errors,omitempty"`
	Reason apierror.Reason  `json:"reason,omitempty"`
}

// Page is the data of a list.
type Page[T any] struct {
	Items      []T        `json:"items"`
	Pagination Pagination `json:"pagination"`
}

// MaxResponse is the most that a response may have, in bytes. A list ends its page before that, and its cursor leads on.
const MaxResponse = 4 << 20

// Pagination is the place of a page in its list.
type Pagination struct {
	Total      int  `json:"total"`
	Page       int  `json:"page"`
	PageSize   int  `json:"pageSize"`
	TotalPages int  `json:"totalPages"`
	HasMore    bool `json:"hasMore"`
	// NextCursor is what the list goes on after; nil on the last page, and in a list without cursors.
	NextCursor *string `json:"nextCursor"`
}

// NewPage makes the data of page number page of a list that has total items.
func NewPage[T any](items []T, total, page, size int) Page[T] {
	if items == nil {
		items = []T{}
	}
	p := NewPagination(total, page, size)
	p.HasMore = page < p.TotalPages
	return Page[T]{items, p}
}

// NewPagination is the place of page number page; the caller says whether there is more.
func NewPagination(total, page, size int) Pagination {
	return Pagination{Total: total, Page: page, PageSize: size, TotalPages: (total + size - 1) / size}
}

// Handler responds to a request or returns an error.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP makes a Handler an http.Handler whose errors become responses.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h(w, r); err != nil {
		Error(w, r, err)
	}
}

// How long a client is asked to wait if the error does not say so.
const defaultRetryAfter = 2 * time.Second

// ErrorOf is the meaning of err for the request of this context. If the deadline passed, the server ended the context,
// not the client. A disconnected client explains every other failure at that time.
func ErrorOf(ctx context.Context, err error) *apierror.Error {
	f := apierror.From(err)
	if f.Kind == apierror.Internal && ctx.Err() != nil {
		return apierror.From(ctx.Err())
	}
	return f
}

// Error responds with the error envelope, and informs telemetry, which writes the one log line of the request and sends
// unexpected errors to Sentry.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	f := ErrorOf(r.Context(), err)
	telemetry.SetError(r.Context(), f.Kind.Code(), err, f.Kind == apierror.Internal)
	if retry := retryAfter(f); retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((retry+time.Second-1)/time.Second)))
	}
	body := failure{Error: failureBody{
		Code: f.Kind.Code(), Message: f.Message,
		TraceID: telemetry.TraceID(r.Context()), Timestamp: Time(time.Now()),
	}}
	if len(f.Fields) > 0 {
		body.Error.Details = &details{Errors: f.Fields}
	}
	if f.Kind == apierror.Unauthenticated {
		reason := cmp.Or(f.Reason, apierror.Unknown)
		body.Error.Details = &details{Reason: reason}
		w.Header().Set("WWW-Authenticate", challenge(reason))
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err) // Strings and a time: this can't fail.
	}
	Raw(w, Status(f.Kind), encoded)
}

// Elsewhere sends a browser to a page that shows the error, and informs telemetry as Error does.
func Elsewhere(w http.ResponseWriter, r *http.Request, err error, address string) {
	f := ErrorOf(r.Context(), err)
	telemetry.SetError(r.Context(), f.Kind.Code(), err, f.Kind == apierror.Internal)
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

// challenge is that of RFC 6750, section 3: without an error when no token was refused. The token of a sign-in that is too long ago is
// good, and not enough: RFC 9470, section 3.
func challenge(reason apierror.Reason) string {
	if reason == apierror.Missing || reason == apierror.WrongCredentials {
		return "Bearer"
	}
	problem := "invalid_token"
	if reason == apierror.Stale {
		problem = "insufficient_user_authentication"
	}
	return `Bearer error="` + problem + `", error_description="` + string(reason) + `"`
}

func retryAfter(f *apierror.Error) time.Duration {
	if f.RetryAfter == 0 && (f.Kind == apierror.Unavailable || f.Kind == apierror.RateLimited) {
		return defaultRetryAfter
	}
	return f.RetryAfter
}

// NotFound responds to a path without a route.
func NotFound(w http.ResponseWriter, r *http.Request) {
	Error(w, r, apierror.New(apierror.NotFound, "this path does not exist"))
}

// MethodNotAllowed responds to a path that has other methods, and names them, as RFC 9110 requires. chi does so only in
// its own handler. It also comes here with a method that it does not know, whatever the path: where no method is allowed, there is nothing.
func MethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	routes := chi.RouteContext(r.Context()).Routes
	var allowed []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodPost, http.MethodPut} {
		asked := method
		if method == http.MethodHead {
			asked = http.MethodGet // The router takes HEAD wherever it takes GET.
		}
		if routes.Match(chi.NewRouteContext(), asked, cmp.Or(r.URL.RawPath, r.URL.Path)) {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		NotFound(w, r)
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	Error(w, r, apierror.New(apierror.MethodNotAllowed, "this path does not support this method"))
}

// Panic responds after a panic; it is the telemetry middleware's hook.
func Panic(w http.ResponseWriter, r *http.Request, err error) { Error(w, r, err) }
