// Package lifecycle runs a service's parts and stops them in one order, the same for every service:
//
//	starting ──Run──▶ ready ──context ends, or a part fails──▶ draining ──▶ stopping ──▶ stopped
//	                            readiness off, drain delay     │
//	                            servers finish in-flight work ◀┘ then workers end, then closers run, last made first
//
// Readiness goes off first, so that load balancers stop sending requests before the servers stop. The caller closes
// telemetry after Run, because the last spans are made while everything else stops.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config bounds the shutdown.
type Config struct {
	// DrainDelay is how long the servers continue after readiness is off.
	DrainDelay time.Duration `env:"SHUTDOWN_DRAIN_DELAY"      envDefault:"5s"`
	// Timeout bounds each of these: the work in flight, the end of the workers, the closers.
	Timeout time.Duration `env:"GRACEFUL_SHUTDOWN_TIMEOUT" envDefault:"30s"`
}

// Telemetry receives a group's log lines and errors.
type Telemetry interface {
	Logger() *slog.Logger
	Report(ctx context.Context, err error, attrs ...slog.Attr)
}

// Group is the parts of a service. Make it with New, add parts, then call Run once.
type Group struct {
	config Config
	log    *slog.Logger
	report func(ctx context.Context, err error, attrs ...slog.Attr)

	state   atomic.Int32
	servers []server
	stops   []stop
	workers []worker
	closers []stop
}

type server struct {
	name     string
	server   *http.Server
	listener net.Listener
}

type stop struct {
	name string
	fn   func(context.Context) error
}

const (
	starting int32 = iota
	ready
	draining
)

// New makes an empty group.
func New(c Config, tel Telemetry) *Group {
	return &Group{config: c, log: tel.Logger(), report: tel.Report}
}

// Ready reports whether the service takes requests: it runs and is not draining.
func (g *Group) Ready() bool { return g.state.Load() == ready }

// Draining reports whether the service is about to stop.
func (g *Group) Draining() bool { return g.state.Load() == draining }

// Serve adds a server. While the group drains, each response is the last of its connection.
func (g *Group) Serve(name string, s *http.Server, l net.Listener) {
	s.Handler = g.farewell(s.Handler)
	g.servers = append(g.servers, server{name, s, l})
}

// farewell tells clients, with each response while the group drains, not to use the connection again. Closing idle
// connections at once, as SetKeepAlivesEnabled(false) does, would lose requests that are on their way: a proxy responds
// to a POST with 502.
func (g *Group) farewell(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.Draining() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// OnStop adds work that ends together with the servers, such as closing hijacked connections with a message.
func (g *Group) OnStop(name string, fn func(context.Context) error) {
	g.stops = append(g.stops, stop{name, fn})
}

// OnClose adds a resource's end. Closers run after everything else, the last added first.
func (g *Group) OnClose(name string, fn func(context.Context) error) {
	g.closers = append(g.closers, stop{name, fn})
}

// Run starts the parts and blocks until ctx ends or a part fails, then stops everything. The error joins all
// failures; nil means a clean stop.
func (g *Group) Run(ctx context.Context) error {
	failed := make(chan error, len(g.servers)+len(g.workers))
	workCtx, endWork := context.WithCancel(context.WithoutCancel(ctx))
	defer endWork()

	var working, serving sync.WaitGroup
	for _, w := range g.workers {
		working.Go(func() {
			if err := g.work(workCtx, w); err != nil {
				failed <- err
			}
		})
	}
	// Before the first request, which may ask whether the service is ready.
	g.state.Store(ready)
	for _, s := range g.servers {
		g.log.InfoContext(ctx, "listening", "server", s.name, "address", s.listener.Addr().String())
		serving.Go(func() {
			if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s server: %w", s.name, err)
			}
		})
	}
	g.log.InfoContext(ctx, "ready")

	var problems []error
	select {
	case <-ctx.Done():
		g.drain(failed)
	case err := <-failed:
		problems = append(problems, err)
		g.state.Store(draining)
	}

	problems = append(problems, g.stopServing()...)
	serving.Wait()
	endWork()
	problems = append(problems, g.bounded("workers", func(context.Context) error { working.Wait(); return nil }))
	for _, c := range slices.Backward(g.closers) {
		problems = append(problems, g.bounded(c.name, c.fn))
	}
	g.log.InfoContext(ctx, "stopped")
	return errors.Join(problems...)
}

// drain turns readiness off and continues to serve for the drain delay.
func (g *Group) drain(failed <-chan error) {
	g.state.Store(draining)
	g.log.Info("draining", "delay", g.config.DrainDelay.String())
	timer := time.NewTimer(g.config.DrainDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case err := <-failed:
		g.log.Error("a part failed while draining", "error.message", err.Error())
	}
}

// stopServing ends the servers and their companions at the same time.
func (g *Group) stopServing() []error {
	g.log.Info("stopping", "timeout", g.config.Timeout.String())
	ends := make([]stop, 0, len(g.servers)+len(g.stops))
	for _, s := range g.servers {
		ends = append(ends, stop{s.name + " server", func(ctx context.Context) error {
			if err := s.server.Shutdown(ctx); err != nil {
				return errors.Join(err, s.server.Close())
			}
			return nil
		}})
	}
	ends = append(ends, g.stops...)
	problems := make([]error, len(ends))
	var wg sync.WaitGroup
	for i, e := range ends {
		wg.Go(func() { problems[i] = g.bounded(e.name, e.fn) })
	}
	wg.Wait()
	return problems
}

// bounded runs one step of the shutdown in a new context: the cancelled one would end it at once.
func (g *Group) bounded(name string, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), g.config.Timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- fn(ctx) }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("stop %s: %w", name, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: not done after %s", name, g.config.Timeout)
	}
}
