package httpapi

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/ratelimit"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/oidc"
)

// Signing in with an identity provider is a walk of the browser: here, to the provider, and back here, where it gets the cookie of a
// session in cookie mode. The page that it goes on to asks for an access token with that cookie. So no token is ever in a URL.

var errNoProvider = apierror.New(apierror.NotFound, "signing in with an identity provider is not set up here; sign in with a password")

func (s *Server) beginSignIn(w http.ResponseWriter, r *http.Request) error {
	if s.options.Provider == nil {
		return errNoProvider
	}
	return s.tellOf(w, r, s.begin(w, r))
}

func (s *Server) begin(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	returnTo := cmp.Or(q.text("returnTo", 500), "/")
	if !oidc.LocalPath(returnTo) {
		q.refuse("returnTo", "must be a path of this installation, such as /drifts, of at most 500 characters")
	}
	if err := q.err(); err != nil {
		return err
	}
	// The browser does not send it when it comes back, from another site.
	refresh := ""
	if old, err := r.Cookie(s.cookies.name()); err == nil && strings.HasPrefix(old.Value, "dsr_") && len(old.Value) <= 100 {
		refresh = old.Value
	}
	address, pending, err := s.options.Provider.Begin(r.Context(), returnTo, refresh)
	if err != nil {
		s.identity.CountProviderSignIn(r.Context(), err)
		return err
	}
	s.cookies.pending(w, pending, int(oidc.PendingFor.Seconds()))
	redirect(w, address)
	return nil
}

func (s *Server) finishSignIn(w http.ResponseWriter, r *http.Request) error {
	if s.options.Provider == nil {
		return errNoProvider
	}
	if err := s.limits.loginFrom(r); err != nil {
		return s.tellOf(w, r, err)
	}
	returnTo, err := s.signInWithProvider(w, r)
	s.identity.CountProviderSignIn(r.Context(), err)
	if err != nil {
		return s.tellOf(w, r, err)
	}
	redirect(w, strings.TrimSuffix(s.options.PublicURL, "/")+returnTo)
	return nil
}

func (s *Server) signInWithProvider(w http.ResponseWriter, r *http.Request) (returnTo string, err error) {
	// Providers add parameters of their own, which every client has to ignore (RFC 6749, section 4.1.2).
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", apierror.Wrap(apierror.Invalid, err, "the query string is malformed")
	}
	cookie := ""
	if kept, err := r.Cookie(s.cookies.pendingName()); err == nil {
		cookie = kept.Value
	}
	person, pending, err := s.options.Provider.Finish(r.Context(), query, cookie)
	if pending != nil { // It is used up, whatever comes of it.
		s.cookies.pending(w, "", -1)
	}
	if err != nil {
		return "", err
	}
	from := identity.Origin{Network: ratelimit.Network(client(r)), UserAgent: r.UserAgent()}
	tokens, _, err := s.identity.SignInWithProvider(r.Context(), *person, from)
	if err != nil {
		return "", err
	}
	if pending.Refresh != "" { // The cookie of the session before is replaced, so no one could end that session.
		if _, err := s.identity.Logout(r.Context(), pending.Refresh); err != nil {
			return "", err
		}
	}
	s.cookies.set(w, tokens)
	return pending.Return, nil
}

// tellOf sends a browser to the page that people sign in on, with a word for why they are not signed in. Anyone else gets the error.
func (s *Server) tellOf(w http.ResponseWriter, r *http.Request, err error) error {
	if err == nil || s.options.Console == nil || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return err
	}
	address := strings.TrimSuffix(s.options.PublicURL, "/") + "/sign-in?error=" + signInProblem(rest.ErrorOf(r.Context(), err))
	if id := telemetry.TraceID(r.Context()); id != "" {
		address += "&trace=" + id
	}
	rest.Elsewhere(w, r, err, address)
	return nil
}

// signInProblem is a word for why a sign-in failed, which the page knows. It is one of these alone: the words of the error, some of which come
// through the browser, are for the log.
func signInProblem(err *apierror.Error) string {
	switch {
	case errors.Is(err, oidc.ErrNoPending):
		return "expired"
	case errors.Is(err, oidc.ErrState), errors.Is(err, oidc.ErrMixUp):
		return "other_browser"
	case err.Reason == apierror.Deactivated:
		return "deactivated"
	}
	switch err.Kind { //nolint:exhaustive // The others say nothing to a person.
	case apierror.Forbidden:
		return "not_allowed"
	case apierror.Unauthenticated:
		return "not_confirmed"
	case apierror.RateLimited:
		return "limited"
	case apierror.Unavailable, apierror.Timeout:
		return "unavailable"
	}
	return "failed"
}

// endSessionURL is where to sign out at the identity provider that opened a session; empty when there is no such place.
func (s *Server) endSessionURL(issuer string) string {
	if s.options.Provider == nil || issuer == "" {
		return ""
	}
	return s.options.Provider.EndSession(issuer)
}

// redirect sends a browser elsewhere, without a body. The next page does not learn where it came from, which has a code in it.
func redirect(w http.ResponseWriter, address string) {
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}
