// Package app puts the api service together, from the configuration to the running process.
package app

import (
	"context"
	"fmt"
	"os"

	"github.com/alexedwards/argon2id"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/browser"
	"github.com/driftsentry/driftsentry/services/api/internal/courier"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
	"github.com/driftsentry/driftsentry/services/api/internal/idempotency"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/insight"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/services/api/internal/queue"
	"github.com/driftsentry/driftsentry/services/api/internal/retention"
	"github.com/driftsentry/driftsentry/services/api/internal/scrub"
)

// ServiceName is the name of the service in every signal, unless OTEL_SERVICE_NAME gives another.
const ServiceName = "driftsentry-api"

// Options is what an App is made of. Its configuration must come from LoadConfig.
type Options struct {
	Config    *Config
	Build     process.Build
	Telemetry *telemetry.Telemetry
	// Hashing is for tests; see identity.Config.
	Hashing *argon2id.Params
}

// App is the service. Make it with New, then call Run once.
type App struct {
	*process.Process

	identity *identity.Service
}

// New builds the service. Afterwards its ports are open, and no request is served yet.
func New(ctx context.Context, o Options) (app *App, err error) {
	c, tel := o.Config, o.Telemetry
	app = &App{}
	app.Process, err = process.New(ctx, process.Options{Name: ServiceName, Config: &c.Service, Build: o.Build, Telemetry: tel})
	if err != nil {
		return nil, err
	}
	defer app.Undo(&err)

	accepted, err := c.Service.Keyring()
	if err != nil {
		return nil, fmt.Errorf("JWT_PUBLIC_KEY: %w", err)
	}
	signing, err := c.keyring(accepted)
	if err != nil {
		return nil, fmt.Errorf("JWT_PRIVATE_KEY: %w", err)
	}
	if app.identity, err = newIdentity(c, signing, app.DB, tel, o.Hashing); err != nil {
		return nil, err
	}
	provider, err := c.newProvider(tel)
	if err != nil {
		return nil, err
	}
	hints, err := app.newHints(tel)
	if err != nil {
		return nil, err
	}
	drifts, err := app.newDrifts(c, hints, tel)
	if err != nil {
		return nil, err
	}
	notifications, err := app.newNotifications(c, o.Build, hints, tel)
	if err != nil {
		return nil, err
	}
	app.Group.Go("timed work", drift.NewTimer(drifts, c.WorkspaceStaleAfter, tel).Run)
	workspaces, err := monitor.New(postgres.NewMonitorStore(app.DB), c.WorkspaceStaleAfter, tel)
	if err != nil {
		return nil, err
	}
	app.Group.Go("workspace monitor", workspaces.Run)
	targets := insight.Targets{Critical: c.SLACritical, Warning: c.SLAWarning, Info: c.SLAInfo}
	insights, err := insight.New(postgres.NewInsightStore(app.DB), targets, tel)
	if err != nil {
		return nil, err
	}
	gauges, err := insight.NewGauges(postgres.NewInsightStore(app.DB), targets, tel)
	if err != nil {
		return nil, err
	}
	app.Group.Go("numbers of drifts", gauges.Run)
	old, err := retention.New(postgres.NewRetentionStore(app.DB), c.EventRetention, c.SessionMaxAge, tel)
	if err != nil {
		return nil, err
	}
	app.Group.Go("retention", old.Run)
	app.Group.Go("audit seals", audit.NewSealer(postgres.NewSealStore(app.DB), tel).Run)
	// A request ends within its timeout; what has no response after twice that time was cut off by a crash.
	responses, err := idempotency.NewKeeper(postgres.NewIdempotencyStore(app.DB), c.DataKey.Reveal(), c.DataKeyPrevious.Reveal(), 2*c.Service.RequestTimeout)
	if err != nil {
		return nil, err
	}
	app.Group.Go("redaction", scrub.New(postgres.NewScrubStore(app.DB), responses, c.DataKey.Reveal(), tel).Run)
	// The instance's name, as telemetry has it.
	replica, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name this replica: %w", err)
	}
	var console *httpapi.ConsoleOptions
	if c.EnableConsole {
		console = &httpapi.ConsoleOptions{RealtimeURL: c.RealtimeURL, TraceSourceURL: c.TraceSourceURL, Version: o.Build.Version}
	}
	pages, err := browser.New(tel)
	if err != nil {
		return nil, err
	}
	server := httpapi.New(httpapi.Options{
		Edge: app.Edge(), Identity: app.identity, Drifts: drifts, Idempotency: responses,
		Audit: audit.NewTrail(postgres.NewAuditStore(app.DB)), Insight: insights, Monitor: workspaces, Notify: notifications,
		Logger: tel.Logger(), Replica: replica, Version: o.Build.Version + " " + o.Build.Commit, TraceURL: c.TraceURL, CORSOrigins: c.Service.CORSOrigins, PublicURL: c.PublicURL, Limits: c.Limits, JWKS: accepted.JWKS(),
		Provider: provider, Console: console, Browser: pages, RecentSignIn: c.RecentSignIn, InsecureCookies: c.Service.Environment == config.Development,
	})
	app.Serve(ctx, server.Handler(), c)
	return app, nil
}

func newIdentity(c *Config, signing token.Keyring, db *pg.DB, tel *telemetry.Telemetry, hashing *argon2id.Params) (*identity.Service, error) {
	keys, err := token.NewKeys(c.DataKey.Reveal(), c.DataKeyPrevious.Reveal())
	if err != nil {
		return nil, fmt.Errorf("derive the key of API keys: %w", err)
	}
	ci, err := c.newCI(tel)
	if err != nil {
		return nil, err
	}
	return identity.New(identity.Config{
		Store:  postgres.NewIdentityStore(db),
		Access: token.NewAccessWithKeys(c.Service.JWTSecret.Reveal(), c.Service.JWTSecretPrevious.Reveal(), signing, c.JWTExpiry),
		Keys:   keys, DataKey: c.DataKey.Reveal(), Provider: c.providerConfig(), CI: ci, RefreshExpiry: c.RefreshExpiry, SessionMaxAge: c.SessionMaxAge, Hashing: hashing, Meter: tel.Meter(),
	})
}

// newHints makes what announces commits to the readers of streams, and its worker.
func (a *App) newHints(tel *telemetry.Telemetry) (*hint.Sender, error) {
	way, err := a.Hints()
	if err != nil {
		return nil, err
	}
	hints, err := hint.NewSender(way, tel)
	if err != nil {
		return nil, err
	}
	a.Group.Go("hints", hints.Run)
	return hints, nil
}

func (a *App) newDrifts(c *Config, hints *hint.Sender, tel *telemetry.Telemetry) (*drift.Service, error) {
	drifts, err := drift.New(drift.Config{
		Store: postgres.NewDriftStore(a.DB), Hints: hints, Actors: a.identity, HideValues: c.Values == ValuesHidden, Telemetry: tel,
		DataKey: []byte(c.DataKey.Reveal()), PreviousDataKey: []byte(c.DataKeyPrevious.Reveal()),
	})
	if err != nil {
		return nil, err
	}
	a.Group.Go("rules", drifts.RunRules)
	return drifts, nil
}

// newNotifications makes the channels, and the workers that send what is for them.
func (a *App) newNotifications(c *Config, b process.Build, hints *hint.Sender, tel *telemetry.Telemetry) (*notify.Service, error) {
	guard, err := c.receivers()
	if err != nil {
		return nil, err
	}
	service, err := notify.New(notify.Config{
		Store: postgres.NewNotifyStore(a.DB), Actors: a.identity, Hints: hints, Telemetry: tel, PlainHTTP: len(guard.Allowed) > 0,
		Sender: courier.New(courier.Config{
			Guard: *guard, PublicURL: c.PublicURL, TraceURL: c.TraceURL, Version: b.Version,
		}),
		DataKey: c.DataKey.Reveal(), PreviousDataKey: c.DataKeyPrevious.Reveal(),
	})
	if err != nil {
		return nil, err
	}
	a.Group.Go("notifications", queue.New(a.DB.Pool(), service, tel).Run)
	a.Group.Go("backlog of notifications", service.Run)
	return service, nil
}

// Identity makes the users of tests.
func (a *App) Identity() *identity.Service { return a.identity }

// Serve runs the service with the configuration of environ until ctx ends.
func Serve(ctx context.Context, environ []string, b process.Build) error {
	return process.Serve(ctx, environ, ServiceName, b, LoadConfig, func(ctx context.Context, c *Config, tel *telemetry.Telemetry) (process.Runner, error) {
		return New(ctx, Options{Config: c, Build: b, Telemetry: tel})
	})
}
