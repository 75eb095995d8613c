// Package app puts the api service together, from the configuration to the running process.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/health"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/pkg/lifecycle"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/service"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
	"github.com/driftsentry/driftsentry/services/api/internal/idempotency"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/services/api/internal/retention"
	"github.com/driftsentry/driftsentry/services/api/internal/scrub"
)

// ServiceName is the name of the service in every signal, unless OTEL_SERVICE_NAME gives another.
const ServiceName = "driftsentry-api"

// Build is what the program was built from.
type Build struct{ Version, Commit string }

// Options is what an App is made of. Its configuration must be one that LoadConfig gave.
type Options struct {
	Config    *Config
	Build     Build
	Telemetry *telemetry.Telemetry
	// Hashing is for tests; see identity.Config.
	Hashing *argon2id.Params
}

// App is the service. Make it with New, then call Run once.
type App struct {
	group     *lifecycle.Group
	listeners service.Listeners
	db        *pg.DB
	identity  *identity.Service
}

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

	if app.identity, err = newIdentity(c, app.db, tel, o.Hashing); err != nil {
		return nil, err
	}
	drifts, err := app.newDrifts(c, tel)
	if err != nil {
		return nil, err
	}
	// A request ends within its timeout; what has no answer after twice that time was cut off by a crash.
	answers, err := idempotency.NewKeeper(postgres.NewIdempotencyStore(app.db), c.DataKey.Reveal(), 2*c.Service.RequestTimeout)
	if err != nil {
		return nil, err
	}

	app.group.Go("redaction", scrub.New(postgres.NewScrubStore(app.db), answers, c.DataKey.Reveal(), tel).Run)

	// The instance's name, as telemetry has it.
	replica, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name this replica: %w", err)
	}
	var metrics http.Handler
	if c.Service.MetricsOnPublicPort() {
		metrics = tel.MetricsHandler()
	}
	report := health.New(o.Build.Version, o.Build.Commit, app.group.Ready, map[string]health.Check{"database": app.db.Ping})
	if err := report.Instrument(tel.Meter()); err != nil {
		return nil, err
	}
	edge := httpapi.New(httpapi.Options{
		Identity: app.identity, Drifts: drifts, Idempotency: answers,
		Health:  report,
		Metrics: metrics, Telemetry: tel, Replica: replica,
		RequestTimeout: c.Service.RequestTimeout, CORSOrigins: c.Service.CORSOrigins, TrustedProxies: c.Service.Proxies(),
		Limits: c.Limits,
	})
	app.group.Serve("public", rest.NewServer(edge.Handler(), c.Service.RequestTimeout+writeGrace), app.listeners.Public)
	if app.listeners.Metrics != nil {
		app.group.Serve("metrics", service.MetricsServer(tel.MetricsHandler()), app.listeners.Metrics)
	}

	for _, warning := range c.Warnings {
		tel.Logger().WarnContext(ctx, "configuration", "warning", warning)
	}
	tel.Logger().LogAttrs(ctx, slog.LevelInfo, "configuration", config.Attrs(c)...)
	return app, nil
}

// writeGrace is how long after its timeout a request's answer may still be written.
const writeGrace = 10 * time.Second

func newIdentity(c *Config, db *pg.DB, tel *telemetry.Telemetry, hashing *argon2id.Params) (*identity.Service, error) {
	keys, err := token.NewKeys(c.DataKey.Reveal())
	if err != nil {
		return nil, fmt.Errorf("derive the key of API keys: %w", err)
	}
	return identity.New(identity.Config{
		Store:  postgres.NewIdentityStore(db),
		Access: token.NewAccess(c.Service.JWTSecret.Reveal(), c.Service.JWTSecretPrevious.Reveal(), c.JWTExpiry),
		Keys:   keys, RefreshExpiry: c.RefreshExpiry, Hashing: hashing, Meter: tel.Meter(),
	})
}

// newDrifts makes the domain, and the workers that go with it.
func (a *App) newDrifts(c *Config, tel *telemetry.Telemetry) (*drift.Service, error) {
	store := postgres.NewDriftStore(a.db)
	notifier, err := a.newNotifier(c, tel)
	if err != nil {
		return nil, err
	}
	hints, err := drift.NewHints(notifier, tel)
	if err != nil {
		return nil, err
	}
	drifts, err := drift.New(drift.Config{
		Store: store, Hints: hints, DataKey: []byte(c.DataKey.Reveal()), HideValues: c.Values == valuesHidden, StaleAfter: c.WorkspaceStaleAfter, Telemetry: tel,
	})
	if err != nil {
		return nil, err
	}
	monitor, err := drift.NewMonitor(store, c.WorkspaceStaleAfter, tel)
	if err != nil {
		return nil, err
	}
	old, err := retention.New(postgres.NewRetentionStore(a.db), c.EventRetention, tel)
	if err != nil {
		return nil, err
	}
	a.group.Go("hints", hints.Run)
	a.group.Go("workspace monitor", monitor.Run)
	a.group.Go("retention", old.Run)
	return drifts, nil
}

// newNotifier chooses the way that hints go.
func (a *App) newNotifier(c *Config, tel *telemetry.Telemetry) (drift.Notifier, error) {
	if !c.NATS.Enabled() {
		return postgres.NewNotifier(a.db), nil
	}
	conn, err := hint.Open(c.NATS, ServiceName, tel)
	if err != nil {
		return nil, err
	}
	a.group.OnClose("NATS", func(context.Context) error { conn.Close(); return nil })
	return conn, nil
}

// Address is where the service listens.
func (a *App) Address() net.Addr { return a.listeners.Public.Addr() }

// Identity makes the users of tests.
func (a *App) Identity() *identity.Service { return a.identity }

// Run serves until ctx ends, or a part of the service fails.
func (a *App) Run(ctx context.Context) error { return a.group.Run(ctx) }

// close undoes New when it fails half-way.
func (a *App) close() error {
	if a.db != nil {
		a.db.Close()
	}
	return a.listeners.Close()
}
