//go:build faults

package faults

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/history"
	"github.com/driftsentry/driftsentry/test/internal/installed"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/test/load"
)

// calm are the services' own timeouts instead of a test's: nothing is broken here, only busy.
var calm = []string{
	"SHUTDOWN_DRAIN_DELAY=2s", "GRACEFUL_SHUTDOWN_TIMEOUT=30s", "REQUEST_TIMEOUT=30s", "WEBSOCKET_HEARTBEAT=10s",
	"DATABASE_ACQUIRE_TIMEOUT=10s", "DATABASE_CONNECT_TIMEOUT=10s", "DATABASE_STATEMENT_TIMEOUT=15s", "DATABASE_LOCK_TIMEOUT=10s",
}

// rollingPatience bounds a roll of four replicas under load.
const rollingPatience = 5 * time.Minute

// TestRollingRestart replaces every replica behind Caddy, one after the other, under 200 requests a second and 2,000
// sockets: no request fails, no event is lost or out of order, and each socket is told to come back.
//
// Mutations: Kill instead of Stop in roll, and requests fail at both edges; SHUTDOWN_DRAIN_DELAY=0s, and they fail at
// the one that does not try again.
func TestRollingRestart(t *testing.T) {
	caddy := installed.Programs(t, "caddy")["caddy"]
	for name, asShipped := range map[string]bool{"at the edge that is shipped": true, "at an edge that does not try again": false} {
		t.Run(name, func(t *testing.T) {
			s := start(t, calm...)
			l := s.load(t, startEdge(t, caddy, s, asShipped))
			l.during(func(ctx context.Context) { l.roll(ctx, programs) })
		})
	}
}

// loaded is a system under 200 requests a second, with 2,000 sockets, through an edge.
type loaded struct {
	t    *testing.T
	s    *system
	edge string
	g    *load.Generator
}

// roll replaces every replica, one after the other, by the programs of a version. The next one's turn comes when the
// edge has found the last.
func (l loaded) roll(ctx context.Context, version replica.Programs) {
	l.t.Helper()
	for i, one := range l.s.all() {
		if err := one.Stop(ctx); err != nil {
			l.t.Error(err)
		}
		path := "/api/v1/users/me"
		one.Program = version.API
		if i >= len(l.s.api) {
			one.Program, path = version.Realtime, "/ws"
		}
		if err := one.Restart(ctx); err != nil {
			l.t.Fatal(err)
		}
		tick := time.NewTicker(20 * time.Millisecond)
		for counted := fmt.Sprintf(`path=%q`, path); !strings.Contains(l.body(ctx, one.URL()+"/metrics"), counted); <-tick.C {
			l.body(ctx, l.edge+path)
		}
		tick.Stop()
	}
}

// body is the response to an unknown caller.
func (l loaded) body(ctx context.Context, url string) string {
	l.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		l.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

func (s *system) load(t *testing.T, url string) loaded {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), rollingPatience)
	defer cancel()
	g, err := load.Start(ctx, load.Options{
		API: []string{url}, Realtime: []string{url}, Email: "admin@acme.example", Password: s.password,
		Duration: rollingPatience, Rates: load.Rates{load.List: 75, load.Get: 120, load.Approve: 3, load.Reject: 1.5, load.Ingest: 0.5},
		Sockets: 2000, Connections: 64, PlanSize: 2, Seed: 1, Patience: rollingPatience, Note: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	return loaded{t, s, url, g}
}

// during does something under load, ends the load, and checks that no client has noticed.
func (l loaded) during(do func(context.Context)) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), rollingPatience)
	defer cancel()
	driveCtx, stop := context.WithCancel(ctx)
	driven := make(chan struct{})
	go func() { defer close(driven); l.g.Drive(driveCtx) }()
	defer func() { stop(); <-driven }()
	do(ctx)
	stop()
	<-driven
	r, err := l.g.Finish(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Logf("\n%s", r.Table())
	if r.Failed() > 0 || !r.Broken.Whole() {
		l.t.Errorf("%d requests failed; %s", r.Failed(), r.Broken)
	}
	if r.Ends["closed with 1012"] == 0 {
		l.t.Error("no socket was told to come back")
	}
	state, err := history.Load(ctx, l.s.cluster.DSN("driftsentry"), account)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, broken := range history.Check(nil, nil, state) {
		l.t.Error(broken)
	}
}
