// Package httpapi is the api service's edge: the routes, who may call them, and the translation between HTTP and the
// domain. Nothing here knows Postgres.
//
// A request passes process.Edge, and then its route, which looks up whether the caller still holds, counts it against the
// limits, and gives a repeated POST the stored response.
package httpapi

import (
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/browser"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/idempotency"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/insight"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
	"github.com/driftsentry/driftsentry/services/api/internal/oidc"
)

// Options is what a server is made of.
type Options struct {
	Edge process.Edge

	Identity    *identity.Service
	Drifts      *drift.Service
	Audit       *audit.Trail
	Insight     *insight.Service
	Monitor     *monitor.Monitor
	Notify      *notify.Service
	Idempotency *idempotency.Keeper

	Logger *slog.Logger
	// Replica names this process among its like, and Version the build, on which responses depend.
	Replica, Version string
	// TraceURL is where people look at a trace, with {traceId} in it; empty when there is no such place.
	TraceURL string

	// JWKS is the set of the keys whose access tokens are accepted.
	JWKS []byte

	CORSOrigins []string
	// PublicURL is where people reach the installation; empty when that is not known.
	PublicURL string
	Limits    Limits
	// RecentSignIn is how long ago a user may have signed in who changes users or makes keys; zero is any time.
	RecentSignIn time.Duration
	// Provider signs people in with an identity provider; nil without one.
	Provider *oidc.Provider
	// Console is the page that people use; nil serves none.
	Console *ConsoleOptions
	// Browser takes what the console measures.
	Browser *browser.Service
	// InsecureCookies is for plain HTTP in development.
	InsecureCookies bool
}

// Server serves the HTTP requests.
type Server struct {
	options Options
	log     *slog.Logger
	limits  *limits
	errors  *errorLog
	cookies *refreshCookies

	identity *identity.Service
	drifts   *drift.Service
	uploads  *uploads
	exports  *exports

	recheckAfter time.Duration
	spanNames    browser.Names
}

// New makes the server.
func New(o Options) *Server {
	s := &Server{
		options: o, log: o.Logger, limits: newLimits(o.Limits), errors: newErrorLog(o.Replica), cookies: newRefreshCookies(o.InsecureCookies),
		identity: o.Identity, drifts: o.Drifts, uploads: newUploads(), exports: newExports(),
		recheckAfter: recheckAfter,
	}
	s.spanNames = spanNamesOf(s.routes())
	return s
}

// Handler is the whole edge.
func (s *Server) Handler() http.Handler { return s.router() }

func (s *Server) router() chi.Router {
	return s.options.Edge.Router(process.Caller{
		Recognise: s.recognise, Trusted: func(r *http.Request) bool { return callOf(r).known() },
		Panic: s.panicked, Origins: s.options.CORSOrigins,
	}, func(r chi.Router) {
		for _, rt := range s.routes() {
			r.Method(rt.method, prefix+rt.pattern, s.endpoint(rt))
		}
		for _, rt := range slices.Concat(s.outside(), s.pages()) {
			r.Method(rt.method, rt.pattern, s.endpoint(rt))
		}
	})
}
