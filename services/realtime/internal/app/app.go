// Package app puts the realtime service together, from the configuration to the running process.
package app

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"
	"golang.org/x/time/rate"

	"github.com/driftsentry/driftsentry/pkg/hint"
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

// Options is what an App is made of. Its configuration must come from LoadConfig.
type Options struct {
	Config    *Config
	Build     process.Build
	Telemetry *telemetry.Telemetry
	// Hub, Feed and Timing are for tests; their zero values are how the service runs.
	Hub    hub.Config
	Feed   feed.Config
	Timing ws.Timing
}

// App is the service. Make it with New, then call Run once.
type App struct {
	*process.Process

	hub     *hub.Hub
	sockets *ws.Server
}

// burst is how many seconds' worth of messages a client may send at once.
const burst = 4

// New builds the service. Afterwards its ports are open, and no request is served yet.
func New(ctx context.Context, o Options) (app *App, err error) {
	c, tel := o.Config, o.Telemetry
	app = &App{}
	app.Process, err = process.New(ctx, process.Options{Name: ServiceName, Config: &c.Service, Build: o.Build, Telemetry: tel})
	if err != nil {
		return nil, err
	}
	defer app.Undo(&err)

	store := postgres.New(app.DB)
	if app.hub, err = hub.New(o.Hub, store, ws.Encoder{}, tel); err != nil {
		return nil, err
	}
	way, err := app.Hints()
	if err != nil {
		return nil, err
	}
	hints, err := hint.NewListener(way, tel)
	if err != nil {
		return nil, err
	}
	streams, err := feed.New(o.Feed, store, hints, app.hub, tel)
	if err != nil {
		return nil, err
	}
	app.Group.Go("feed", streams.Run)

	if app.sockets, err = newSockets(o, store, app.hub); err != nil {
		return nil, err
	}
	app.Group.Go("socket timers", app.sockets.Run)
	app.Group.OnStop("sockets", app.sockets.Stop)
	app.Group.OnClose("writers", func(context.Context) error { app.hub.Wait(); return nil })

	app.Health.Detail = app.detail
	app.Serve(ctx, app.handler(c), c).ConnState = app.sockets.ConnState
	return app, nil
}

func newSockets(o Options, store *postgres.Store, h *hub.Hub) (*ws.Server, error) {
	c := o.Config
	accepted, err := c.Service.Keyring()
	if err != nil {
		return nil, fmt.Errorf("JWT_PUBLIC_KEY: %w", err)
	}
	// This service signs no tokens, so the lifetime does not matter.
	tokens := token.NewAccessWithKeys(c.Service.JWTSecret.Reveal(), c.Service.JWTSecretPrevious.Reveal(), accepted, 0)
	settings := ws.Config{
		Origins: c.Service.CORSOrigins, Heartbeat: c.Heartbeat, RequestTimeout: c.Service.RequestTimeout, Timing: o.Timing,
		Limits: ws.Limits{
			Total: c.total(o.Telemetry), PerUser: c.MaxConnectionsPerUser, PerAddress: c.MaxConnectionsPerAddress, Pending: c.MaxConnectionsPending,
		},
	}
	if c.RateLimits {
		settings.Limits.Handshakes = c.HandshakeRate
		settings.MessageRate, settings.MessageBurst = rate.Limit(c.MessageRate), burst*c.MessageRate
	}
	return ws.New(settings, tokens, store, h, o.Telemetry)
}

// handler is the whole URL surface. The handshake is a request like others: it ends when the socket is open.
func (a *App) handler(c *Config) http.Handler {
	return a.Edge().Router(process.Caller{Trusted: a.sockets.Trusted, Panic: rest.Panic}, func(r chi.Router) {
		if c.EnableWebSocket {
			r.Method(http.MethodGet, "/ws", rest.Handler(a.sockets.Handshake))
		}
	})
}

// detail is this service's part of the detailed health report.
func (a *App) detail() map[string]any {
	status := a.hub.Status()
	return map[string]any{"realtime": map[string]int64{
		"connections": int64(a.sockets.Connections()), "accounts": int64(status.Accounts), "streamLagEvents": status.Lag,
	}}
}

// Serve runs the service with the configuration of environ until ctx ends.
func Serve(ctx context.Context, environ []string, b process.Build) error {
	return process.Serve(ctx, environ, ServiceName, b, LoadConfig, func(ctx context.Context, c *Config, tel *telemetry.Telemetry) (process.Runner, error) {
		return New(ctx, Options{Config: c, Build: b, Telemetry: tel})
	})
}
