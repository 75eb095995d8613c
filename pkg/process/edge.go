package process

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/driftsentry/driftsentry/pkg/health"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// Edge is what every request passes before it comes to its route, and the routes that every service has. From the outside
// in: the client's address behind trusted proxies; who the caller is, as far as that can be told without I/O; telemetry,
// which continues the trace of a known caller; the headers of every response; the deadline.
type Edge struct {
	Telemetry interface {
		HTTP(options telemetry.HTTPOptions) func(http.Handler) http.Handler
	}
	Health *health.Reporter
	// Metrics are served at /metrics; nil serves them elsewhere, or not at all.
	Metrics http.Handler
	// Proxies are the networks whose X-Forwarded-For is believed.
	Proxies []string
	Timeout time.Duration
}

// Edge is the edge of this process.
func (p *Process) Edge() Edge {
	e := Edge{Telemetry: p.tel, Health: p.Health, Proxies: p.config.Proxies(), Timeout: p.config.RequestTimeout}
	if p.config.MetricsOnPublicPort() {
		e.Metrics = p.tel.MetricsHandler()
	}
	return e
}

// Caller is what a service knows about who calls.
type Caller struct {
	// Recognise leaves in the request's context who it may be; nil leaves nothing.
	Recognise func(http.Handler) http.Handler
	// Trusted reports whether the caller's trace may be continued.
	Trusted func(*http.Request) bool
	// Panic responds to a request whose handler panicked.
	Panic func(http.ResponseWriter, *http.Request, error)
	// Origins are the pages that may call, by CORS.
	Origins []string
}

// Router has the edge and the routes of health and metrics. The service adds its own.
func (e Edge) Router(c Caller) chi.Router {
	r := chi.NewRouter()
	r.Use(middleware.ClientIPFromRemoteAddr)
	if len(e.Proxies) > 0 {
		r.Use(middleware.ClientIPFromXFF(e.Proxies...))
	}
	if c.Recognise != nil {
		r.Use(c.Recognise)
	}
	r.Use(
		e.Telemetry.HTTP(telemetry.HTTPOptions{
			Trusted: c.Trusted, Quiet: quiet, Panic: c.Panic,
			ClientAddress: func(r *http.Request) string { return middleware.GetClientIP(r.Context()) },
		}),
		rest.SecurityHeaders,
		rest.EndAmbiguous,
		rest.CORS(c.Origins),
		rest.Deadline(e.Timeout),
	)
	r.NotFound(rest.NotFound)
	r.MethodNotAllowed(rest.MethodNotAllowed)

	r.Get("/health/live", e.Health.Live)
	r.Get("/health/ready", e.Health.Ready)
	r.Get("/health/detailed", e.Health.Detailed)
	if e.Metrics != nil {
		r.Method(http.MethodGet, "/metrics", e.Metrics)
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
