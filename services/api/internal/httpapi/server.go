// Package httpapi is the api service's edge: the routes, who may call them, and the translation between HTTP and the
// domain. Nothing here knows Postgres.
//
// A request passes, from the outside in: the client's address behind trusted proxies; who the caller is, as far as that
// can be told without I/O; telemetry, which continues the trace of a known caller; the headers of every response, CORS and
// the deadline; and then its route, which looks up whether the caller still holds, counts it against the limits, and
// gives a repeated POST the stored response.
package httpapi

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/driftsentry/driftsentry/pkg/health"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/idempotency"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/insight"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
)

// Options is what a server is made of.
type Options struct {
	Identity    *identity.Service
	Drifts      *drift.Service
	Audit       *audit.Trail
	Insight     *insight.Service
	Monitor     *monitor.Monitor
	Idempotency *idempotency.Keeper

	Health *health.Reporter
	// Metrics are served at /metrics; nil serves them elsewhere, or not at all.
	Metrics http.Handler

	Telemetry Telemetry
	// Replica names this process among its like.
	Replica string

	RequestTimeout time.Duration
	CORSOrigins    []string
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []string
	Limits         Limits
}

// Telemetry is what the edge reports to.
type Telemetry interface {
	HTTP(options telemetry.HTTPOptions) func(http.Handler) http.Handler
	Logger() *slog.Logger
}

// Server serves the HTTP requests.
type Server struct {
	options Options
	log     *slog.Logger
	limits  *limits
	errors  *errorLog

	identity *identity.Service
	drifts   *drift.Service
	uploads  *uploads
}

// New makes the server.
func New(o Options) *Server {
	return &Server{
		options: o, log: o.Telemetry.Logger(), limits: newLimits(o.Limits), errors: newErrorLog(o.Replica),
		identity: o.Identity, drifts: o.Drifts, uploads: newUploads(),
	}
}

// Handler is the whole edge.
func (s *Server) Handler() http.Handler { return s.router() }

func (s *Server) router() chi.Router {
	r := chi.NewRouter()
	r.Use(middleware.ClientIPFromRemoteAddr)
	if len(s.options.TrustedProxies) > 0 {
		r.Use(middleware.ClientIPFromXFF(s.options.TrustedProxies...))
	}
	r.Use(
		s.recognise,
		s.options.Telemetry.HTTP(telemetry.HTTPOptions{
			Trusted: func(r *http.Request) bool { return callOf(r).known() },
			Quiet:   quiet, Panic: s.panicked,
			ClientAddress: func(r *http.Request) string { return middleware.GetClientIP(r.Context()) },
		}),
		rest.SecurityHeaders,
		rest.EndAmbiguous,
		rest.CORS(s.options.CORSOrigins),
		rest.Deadline(s.options.RequestTimeout),
	)
	r.NotFound(rest.NotFound)
	r.MethodNotAllowed(rest.MethodNotAllowed)

	r.Get("/health/live", s.options.Health.Live)
	r.Get("/health/ready", s.options.Health.Ready)
	r.Get("/health/detailed", s.options.Health.Detailed)
	if s.options.Metrics != nil {
		r.Method(http.MethodGet, "/metrics", s.options.Metrics)
	}
	for _, rt := range s.routes() {
		r.Method(rt.method, prefix+rt.pattern, s.endpoint(rt))
	}
	return r
}

// quiet picks what asks again every few seconds and would drown everything else.
func quiet(r *http.Request) bool {
	switch r.URL.Path {
	case "/health/live", "/health/ready", "/health/detailed", "/metrics":
		return true
	}
	return false
}
