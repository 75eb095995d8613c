package replica

import (
	"context"
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Environ is the environment of services on a database: the one of the test, without what would send their telemetry or
// hints elsewhere or move their ports, and secrets of their own. A later variable replaces an earlier one, so extra can
// replace any.
func Environ(dsn string, extra ...string) []string {
	inherited := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "OTEL_") || strings.HasPrefix(v, "NATS_") || strings.HasPrefix(v, "PORT=") || strings.HasPrefix(v, "METRICS_PORT=")
	})
	return slices.Concat(inherited, []string{
		"APP_ENV=development", "HOST=127.0.0.1", "LOG_FORMAT=json", "DATABASE_URL=" + dsn,
		"JWT_SECRET=" + rand.Text() + rand.Text(), "DATA_KEY=" + rand.Text() + rand.Text(),
	}, extra)
}

// Unhurried are the settings of a pair for tests that measure no limit: Patient, no rate limit, and no delay when it stops.
var Unhurried = append(slices.Clone(Patient), "RATE_LIMIT_ENABLED=false", "SHUTDOWN_DRAIN_DELAY=0s")

// Pair is one api and one realtime.
type Pair struct{ API, Realtime *Replica }

// StartPair starts both services and waits until they are ready. They end with the test, as Run says.
func StartPair(ctx context.Context, t testing.TB, programs Programs, environ []string) *Pair {
	t.Helper()
	p, dir := &Pair{}, t.TempDir()
	for _, s := range []struct {
		name, program string
		replica       **Replica
	}{{"api", programs.API, &p.API}, {"realtime", programs.Realtime, &p.Realtime}} {
		r, err := New(dir, s.name, s.program, environ)
		if err != nil {
			t.Fatal(err)
		}
		Run(t, r)
		*s.replica = r
	}
	for _, r := range p.Services() {
		if err := r.AwaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// Run starts a replica, which is killed when the test ends. It must not have panicked. A test that fails shows what it
// printed last.
func Run(t testing.TB, r *Replica) {
	t.Helper()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Kill()
		if strings.Contains(r.Log(), "panic:") {
			t.Errorf("%s panicked", r.Name)
		}
		if t.Failed() {
			t.Logf("%s printed last:\n%s", r.Name, r.LogTail())
		}
	})
}

// Services are both.
func (p *Pair) Services() []*Replica { return []*Replica{p.API, p.Realtime} }

// StopAtEnd makes the test stop both services in good order when it ends, and fail if one does not. It comes before Run
// kills them.
func (p *Pair) StopAtEnd(t testing.TB) {
	t.Helper()
	const patience = 5 * time.Minute // Only a failing test comes near it.
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		for _, r := range p.Services() {
			if err := r.Stop(ctx); err != nil {
				t.Errorf("%s ended with %v", r.Name, err)
			}
		}
	})
}
