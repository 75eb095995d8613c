//go:build soak

package soak

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/test/load"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// patience bounds every wait. It is no measure of anything: only a failing test gets near it.
const patience = 5 * time.Minute

var programs replica.Programs

func TestMain(m *testing.M) { replica.Main(m, &programs) }

// pair is one api and one realtime with their usual settings, except limits, and an account of each number.
type pair struct {
	api, realtime *replica.Replica
	dsn           string
	password      string
}

func email(account int) string { return fmt.Sprintf("engineer@account-%d.example", account) }

func startPair(t *testing.T, accounts int) *pair {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sink, err := otlpsink.Start(otlpsink.Options{MaxRecords: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	p := &pair{dsn: pgtest.DSN(t), password: rand.Text()}
	environ := append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "OTEL_") || strings.HasPrefix(v, "PORT=") || strings.HasPrefix(v, "METRICS_PORT=")
	}),
		"APP_ENV=development", "HOST=127.0.0.1", "LOG_FORMAT=json", "LOG_LEVEL=warn",
		"DATABASE_URL="+p.dsn, "JWT_SECRET="+rand.Text()+rand.Text(), "DATA_KEY="+rand.Text()+rand.Text(), "JWT_EXPIRY=2h",
		"RATE_LIMIT_ENABLED=false", "MAX_CONNECTIONS_PER_USER=0", "MAX_CONNECTIONS_PER_ADDRESS=0", "SHUTDOWN_DRAIN_DELAY=0s",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+sink.Endpoint())
	environ = append(environ, replica.Patient...)
	for i := range accounts {
		if err := replica.CreateUser(ctx, programs.API, environ, fmt.Sprintf("account-%d", i), email(i), "engineer", p.password); err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range map[string]**replica.Replica{"api": &p.api, "realtime": &p.realtime} {
		program := programs.API
		if name == "realtime" {
			program = programs.Realtime
		}
		one, err := replica.New(t.TempDir(), name, program, environ)
		if err == nil {
			err = one.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.stop(t, one) })
		if err := one.AwaitReady(ctx); err != nil {
			t.Fatal(err)
		}
		*r = one
	}
	return p
}

// stop ends a service in good order; it must not have panicked.
func (p *pair) stop(t *testing.T, r *replica.Replica) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := r.Stop(ctx); err != nil || strings.Contains(r.Log(), "panic:") || t.Failed() {
		t.Errorf("%s ended with %v; it printed last:\n%s", r.Name, err, r.LogTail())
	}
}

// options are those of a load on an account.
func (p *pair) options(t *testing.T, account int) load.Options {
	t.Helper()
	return load.Options{
		API: []string{p.api.URL()}, Realtime: []string{p.realtime.URL()}, Email: email(account), Password: p.password,
		Connections: 32, PlanSize: 10, Patience: patience, Seed: uint64(account + 1),
	}
}

func (p *pair) services() []*replica.Replica { return []*replica.Replica{p.api, p.realtime} }
