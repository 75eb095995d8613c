package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// call is what is known of who makes a request: at first what its credential says, later what the database does.
type call struct {
	credential identity.Credential
	refused    error // why the credential is not one; nil when it is
	principal  identity.Principal
}

type callKey struct{}

func callOf(r *http.Request) *call {
	c, _ := r.Context().Value(callKey{}).(*call)
	return c
}

// known reports whether the caller has a credential that was found to be good without I/O.
func (c *call) known() bool { return c.refused == nil && c.credential.Proven() }

var errNoCredential = apierror.Refuse(apierror.Missing, "sign in: the Authorization header has no bearer token")

var errNotBearer = apierror.Refuse(apierror.Unknown, "the Authorization header has no bearer token")

// recognise tells who calls, before the request has a span and without I/O, so that a known caller's trace is continued
// and a stranger's is not.
func (s *Server) recognise(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{refused: errNoCredential}
		if r.Header.Get("Authorization") != "" {
			c.refused = errNotBearer
		}
		if bearer, ok := bearerToken(r); ok {
			c.credential, c.refused = s.identity.Recognise(bearer)
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
	})
}

func bearerToken(r *http.Request) (string, bool) {
	scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(value), ok && strings.EqualFold(scheme, "Bearer")
}

// authenticate gives the principal, as the database knows it.
func (s *Server) authenticate(r *http.Request) (identity.Principal, error) {
	c := callOf(r)
	p, err := identity.Principal{}, c.refused
	if err == nil {
		p, err = s.identity.Authenticate(r.Context(), c.credential)
	}
	if err != nil {
		return p, err
	}
	c.principal = p
	telemetry.SetUser(r.Context(), p.ID().String(), p.AccountID.String(), p.Actor().Role)
	trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("driftsentry.account.id", p.AccountID.String()))
	return p, nil
}

// allows says why a principal may not call a route; nil when it may.
func (a access) allows(p identity.Principal) error {
	switch {
	case p.IsKey() && !a.keys:
		return apierror.New(apierror.Forbidden, "an API key, or a token of CI, may only send plans, report drifts, and say who changed them")
	case !p.IsKey() && !p.Role.AtLeast(a.role):
		return apierror.Newf(apierror.Forbidden, "this needs the role %s", a.role)
	}
	return nil
}

// endpoint is a route with all that stands before its handler.
func (s *Server) endpoint(rt route) http.Handler {
	handler := rt.handler
	if rt.input == plain {
		handler = withoutQuery(handler)
	}
	if rt.method == http.MethodPost && !rt.access.open {
		handler = s.once(rt.access, handler)
	}
	whole := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.admit(w, r, rt, handler); err != nil {
			if !rt.access.open && apierror.Is(err, apierror.Unauthenticated) && w.Header().Get("WWW-Authenticate") == "" {
				// It ended after the caller was let in.
				w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			}
			rest.Error(w, r, err)
			s.remember(r, err)
		}
	})
	if rt.method == http.MethodGet {
		return compressed(whole)
	}
	return whole
}

// withoutQuery refuses every query parameter: one that is ignored would let the caller believe that it works.
func withoutQuery(handler rest.Handler) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.RawQuery != "" {
			if err := newQuery(r).err(); err != nil {
				return err
			}
		}
		return handler(w, r)
	}
}

// admit lets a request through to its handler, or says why not.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, rt route, handler rest.Handler) error {
	if rt.access.open {
		if err := s.limits.stranger(r); err != nil {
			return err
		}
		return handler(w, r)
	}
	p, err := s.authenticate(r)
	if apierror.Is(err, apierror.Unauthenticated) {
		if limited := s.limits.refuse(r); limited != nil {
			return limited
		}
	}
	if err != nil {
		return err
	}
	if err := s.limits.principal(p); err != nil {
		return err
	}
	if err := rt.access.allows(p); err != nil {
		return err
	}
	if within := s.options.RecentSignIn; rt.access.recent && within > 0 && time.Since(p.SignedInAt) > within {
		return apierror.Refuse(apierror.Stale, "this needs a sign-in within the last "+within.String()+"; sign in again")
	}
	s.recheck(r, rt.access)
	return handler(w, r)
}
