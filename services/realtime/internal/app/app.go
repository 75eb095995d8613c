// Package app puts the realtime service together, from the configuration to the running process.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"golang.org/x/time/rate"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/health"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/pkg/lifecycle"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/realtime/internal/feed"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
	"github.com/driftsentry/driftsentry/services/realtime/internal/postgres"
	"github.com/driftsentry/driftsentry/services/realtime/internal/ws"
)

// ServiceName is the name of the service in every signal, unless OTEL_SERVICE_NAME gives another.
const ServiceName = "driftsentry-realtime"

// Build is what the program was built from.
type Build struct{ Version, Commit string }

// Options is what an App is made of. Its configuration must be one that LoadConfig gave.
type Options struct {
	Config    *Config
	Build     Build
	Telemetry *telemetry.Telemetry
	// Hub, Feed and Timing are for tests; their zero values are how the service runs.
	Hub    hub.Config
	Feed   feed.Config
	Timing ws.Timing
}

// App is the service. Make it with New, then call Run once.
type App struct {
	group     *lifecycle.Group
	listeners process.Listeners
	db        *pg.DB
	hub       *hub.Hub
	sockets   *ws.Server
}

// burst is how many seconds' messages a client may send at once.
const burst = 4

// writeGrace is how long after its timeout a request's answer may still be written.
const writeGrace = 10 * time.Second

// New puts the service together. Its ports are open then, and nothing is served yet.
func New(ctx context.Context, o Options) (app *App, err error) {
	c, tel := o.Config, o.Telemetry
	app = &App{group: lifecycle.New(c.Lifecycle, tel)}
	if app.listeners, err = c.Service.Listen(c.Port); err != nil {
		return nil, fmt.Errorf("open the ports: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, app.close())
		}
	}()

	if app.db, err = pg.Open(ctx, c.Database, ServiceName, tel); err != nil {
		return nil, err
	}
	app.group.OnClose("database pool", func(context.Context) error { app.db.Close(); return nil })
	store := postgres.New(app.db)

	if app.hub, err = hub.New(o.Hub, store, ws.Encoder{}, tel); err != nil {
		return nil, err
	}
	hints, err := app.newHints(o)
	if err != nil {
		return nil, err
	}
	streams, err := feed.New(o.Feed, store, hints, app.hub, tel)
	if err != nil {
		return nil, err
	}
	app.group.Go("feed", streams.Run)

	if app.sockets, err = newSockets(o, store, app.hub); err != nil {
		return nil, err
	}
	app.group.Go("socket timers", app.sockets.Run)
	app.group.OnStop("sockets", app.sockets.Stop)
	app.group.OnClose("writers", func(context.Context) error { app.hub.Wait(); return nil })

	report := health.New(o.Build.Version, o.Build.Commit, app.group.Ready, map[string]health.Check{"database": app.db.Ping})
	report.Detail = app.detail
	if err := report.Instrument(tel.Meter()); err != nil {
		return nil, err
	}
	public := rest.NewServer(app.handler(o, report), c.Service.RequestTimeout+writeGrace)
	public.ConnState = app.sockets.ConnState
	app.group.Serve("public", public, app.listeners.Public)
	if app.listeners.Metrics != nil {
		app.group.Serve("metrics", process.MetricsServer(tel.MetricsHandler()), app.listeners.Metrics)
	}

	for _, warning := range c.Warnings {
		tel.Logger().WarnContext(ctx, "configuration", "warning", warning)
	}
	tel.Logger().LogAttrs(ctx, slog.LevelInfo, "configuration", config.Attrs(c)...)
	return app, nil
}

// newHints makes the listener for hints.
func (a *App) newHints(o Options) (*hint.Listener, error) {
	way, err := hint.Open(o.Config.NATS, a.db, ServiceName, o.Telemetry)
	if err != nil {
		return nil, err
	}
	a.group.OnClose("hints", func(context.Context) error { way.Close(); return nil })
	return hint.NewListener(way, o.Telemetry)
}

func newSockets(o Options, store *postgres.Store, h *hub.Hub) (*ws.Server, error) {
	c := o.Config
	// It signs nothing, so no token's life is of interest here.
	tokens := token.NewAccess(c.Service.JWTSecret.Reveal(), c.Service.JWTSecretPrevious.Reveal(), 0)
	settings := ws.Config{
		Origins: c.Service.CORSOrigins, Heartbeat: c.Heartbeat, RequestTimeout: c.Service.RequestTimeout, Timing: o.Timing,
		Limits: ws.Limits{
			Total: c.MaxConnections, PerUser: c.MaxConnectionsPerUser, PerAddress: c.MaxConnectionsPerAddress, Pending: c.MaxConnectionsPending,
		},
	}
	if c.RateLimits {
		settings.Limits.Handshakes = c.HandshakeRate
		settings.MessageRate, settings.MessageBurst = rate.Limit(c.MessageRate), burst*c.MessageRate
	}
	return ws.New(settings, tokens, store, h, o.Telemetry)
}

// handler is the whole URL surface. The handshake is a request like others: it ends when the socket is open.
func (a *App) handler(o Options, report *health.Reporter) http.Handler {
	c := o.Config
	r := chi.NewRouter()
	r.Use(middleware.ClientIPFromRemoteAddr)
	if proxies := c.Service.Proxies(); len(proxies) > 0 {
		r.Use(middleware.ClientIPFromXFF(proxies...))
	}
	r.Use(
		o.Telemetry.HTTP(telemetry.HTTPOptions{
			Trusted: a.sockets.Trusted, Quiet: quiet, Panic: rest.Panic,
			ClientAddress: func(r *http.Request) string { return middleware.GetClientIP(r.Context()) },
		}),
		rest.SecurityHeaders,
		rest.EndAmbiguous,
		rest.Deadline(c.Service.RequestTimeout),
	)
	r.NotFound(rest.NotFound)
	r.MethodNotAllowed(rest.MethodNotAllowed)

	r.Get("/health/live", report.Live)
	r.Get("/health/ready", report.Ready)
	r.Get("/health/detailed", report.Detailed)
	if c.Service.MetricsOnPublicPort() {
		r.Method(http.MethodGet, "/metrics", o.Telemetry.MetricsHandler())
	}
	if c.EnableWebSocket {
		r.Method(http.MethodGet, "/ws", rest.Handler(a.sockets.Handshake))
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

// detail is what only this service has to report.
func (a *App) detail() map[string]any {
	status := a.hub.Status()
	return map[string]any{"realtime": map[string]int64{
		"connections": int64(a.sockets.Connections()), "accounts": int64(status.Accounts), "streamLagEvents": status.Lag,
	}}
}

// Address is where the service listens.
func (a *App) Address() net.Addr { return a.listeners.Public.Addr() }

// Run serves until ctx ends, or a part of the service fails.
func (a *App) Run(ctx context.Context) error { return a.group.Run(ctx) }

// close undoes New when it fails half-way.
func (a *App) close() error {
	if a.db != nil {
		a.db.Close()
	}
	return a.listeners.Close()
}
