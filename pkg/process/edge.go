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
// in: the client's address behind trusted proxies; who the caller is, as far as that is known without I/O; telemetry,
// which continues the trace of a known caller; the headers of every response; the deadline.
type Edge struct {
	Telemetry interface {
		HTTP(options telemetry.HTTPOptions) func(http.Handler) http.Handler
		ExpectRoutes(routes chi.Routes, quiet func(*http.Request) bool, outcomes map[string]int)
	}
	Health *health.Probes
	// Metrics are served at /metrics; nil serves them elsewhere, or not at all.
	Metrics http.Handler
	// Proxies are the networks whose X-Forwarded-For is trusted.
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

// Caller is what a service knows about its callers.
type Caller struct {
	// Recognise stores the likely caller in the request's context; nil stores nothing.
	Recognise func(http.Handler) http.Handler
	// Trusted reports whether the caller's trace may be continued.
	Trusted func(*http.Request) bool
	// Panic responds to a request whose handler panicked.
	Panic func(http.ResponseWriter, *http.Request, error)
	// Origins are the pages that may call, by CORS.
	Origins []string
}

// Router has the edge, the routes of health and metrics, and those that the service adds.
func (e Edge) Router(c Caller, add func(chi.Router)) chi.Router {
	r := chi.NewRouter()
	r.Use(middleware.ClientIPFromRemoteAddr)
	if len(e.Proxies) > 0 {
		r.Use(forwarded, middleware.ClientIPFromXFF(e.Proxies...))
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
		refuse,
	)
	r.Use(middleware.GetHead)
	r.NotFound(rest.NotFound)
	r.MethodNotAllowed(rest.MethodNotAllowed)

	for path, probe := range map[string]http.HandlerFunc{
		"/health/live": e.Health.Live, "/health/ready": e.Health.Ready, "/health/detailed": e.Health.Detailed,
	} {
		r.Get(path, probe)
		r.Head(path, probe)
	}
	if e.Metrics != nil {
		r.Method(http.MethodGet, "/metrics", e.Metrics)
	}
	add(r)
	e.Telemetry.ExpectRoutes(r, quiet, rest.Outcomes())
	return r
}

// quiet selects the requests that are repeated every few seconds and would hide all others in the log.
func quiet(r *http.Request) bool {
	switch r.URL.Path {
	case "/health/live", "/health/ready", "/health/detailed", "/metrics":
		return true
	}
	return false
}
