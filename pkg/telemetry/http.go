package telemetry

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/server"
)

// HTTPOptions fit the middleware to a service. All are optional.
type HTTPOptions = server.Options

// HTTP is the middleware that gives a request its span, its correlation
// headers, its access line and metrics, and that recovers from panics. With chi
// it belongs first in the root router's Use: from outside the router the route
// is not to be seen.
//
// WebSockets do not: they would be timed until they close. Start and end a span
// around their handshake instead.
func (t *Telemetry) HTTP(options HTTPOptions) func(http.Handler) http.Handler {
	return server.Middleware(server.Signals{
		Spans: t.spans, Meters: t.metrics.Provider, Instruments: t.instruments, Logger: t.logger,
		Sentry: t.sentry, Report: t.Report, SlowRequest: t.cfg.SlowRequest, LatencyObjective: t.cfg.LatencyObjective,
		Flight: t.flight, Profiles: t.profiles,
	}, options)
}

// ExpectRoutes makes the series that rules read of each route, at 0, so that
// the first errors of a route raise an alert. Call it when the router has its
// routes. Requests that are quiet have no series; outcomes are the codes of
// errors with their statuses.
func (t *Telemetry) ExpectRoutes(routes chi.Routes, quiet func(*http.Request) bool, outcomes map[string]int) {
	server.Expect(t.instruments, routes, quiet, outcomes)
}
