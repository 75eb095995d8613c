// Package process has the parts that both services share: the program with its commands, the configuration, the ports, the
// edge that every request passes, the health routes, and the order of start and stop. A service adds its own parts.
//
//	Program.Run ──serve──▶ Serve ──▶ telemetry ──▶ New ──▶ the service's own parts ──▶ Run until a signal ──▶ telemetry ends
//
// Package lifecycle draws the last steps.
package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/health"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/pkg/lifecycle"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// Options is what a process is made of.
type Options struct {
	// Name is the name of the service in every signal, unless OTEL_SERVICE_NAME gives another, and of its connections.
	Name      string
	Config    *Config
	Build     Build
	Telemetry *telemetry.Telemetry
}

// Process is a service without its own parts. Make it with New, add the parts to its group, give it a
// handler with Serve, then call Run once.
type Process struct {
	Group  *lifecycle.Group
	DB     *pg.DB
	Health *health.Probes

	name      string
	config    *Config
	tel       *telemetry.Telemetry
	listeners listeners
}

// New opens the ports and makes the pool. Nothing is served yet.
func New(ctx context.Context, o Options) (p *Process, err error) {
	p = &Process{name: o.Name, Group: lifecycle.New(o.Config.Lifecycle, o.Telemetry), config: o.Config, tel: o.Telemetry}
	// First: an operator should learn about an occupied port before anything else happens.
	if p.listeners, err = o.Config.listen(); err != nil {
		return nil, fmt.Errorf("open the ports: %w", err)
	}
	if p.DB, err = pg.Open(ctx, o.Config.Database, o.Name, o.Telemetry); err != nil {
		return nil, errors.Join(err, p.listeners.close())
	}
	defer p.Undo(&err)
	p.Group.OnClose("database pool", func(context.Context) error { p.DB.Close(); return nil })
	p.Group.Go("database watch", p.watchDatabase)
	p.Health = health.New(o.Build.Version, o.Build.Commit, p.Group.Ready, map[string]health.Check{"database": p.DB.Ping})
	if err := p.Health.Instrument(o.Telemetry.Meter()); err != nil {
		return nil, err
	}
	in := instrument.From(o.Telemetry.Meter())
	in.Value(driftconv.ReplicasConfigured, func() int64 { return int64(o.Config.Replicas) })
	if err := in.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// Hints opens the way of the hints. It closes with the group.
func (p *Process) Hints() (hint.Way, error) {
	way, err := hint.Open(p.config.NATS, p.DB, p.name, p.tel)
	if err != nil {
		return nil, err
	}
	p.Group.OnClose("hints", func(context.Context) error { way.Close(); return nil })
	return way, nil
}

// writeGrace is how long after its timeout a request's response may still be written.
const writeGrace = 10 * time.Second

// Serve makes handler the handler of the public port, and returns that port's server. full is the service's whole configuration,
// which is logged.
func (p *Process) Serve(ctx context.Context, handler http.Handler, full any) *http.Server {
	public := rest.NewServer(handler, p.config.RequestTimeout+writeGrace)
	p.Group.Serve("public", public, refusals{p.listeners.public, handler})
	if p.listeners.metrics != nil {
		p.Group.Serve("metrics", metricsServer(p.tel.MetricsHandler(), p.tel.DebugHandler()), p.listeners.metrics)
	}
	for _, warning := range p.config.Warnings {
		p.tel.Logger().WarnContext(ctx, "configuration", "warning", warning)
	}
	p.tel.Logger().LogAttrs(ctx, slog.LevelInfo, "configuration", config.Attrs(full)...)
	return public
}

// Address is where the service listens.
func (p *Process) Address() net.Addr { return p.listeners.public.Addr() }

// Run serves until ctx ends, or a part of the service fails.
func (p *Process) Run(ctx context.Context) error { return p.Group.Run(ctx) }

// Undo closes what New has opened if *err, the error of the set-up, is not nil. It is for a defer.
func (p *Process) Undo(err *error) {
	if *err != nil {
		p.DB.Close()
		*err = errors.Join(*err, p.listeners.close())
	}
}
