// Package client_test tries the public client on the real services.
package client_test

import (
	"context"
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// patience bounds every wait. It is no measure of anything: only a failing test gets near it.
const patience = 5 * time.Minute

var programs replica.Programs

func TestMain(m *testing.M) { replica.Main(m, &programs) }

// pair is both services, running, with a user of each role.
type pair struct {
	t             *testing.T
	api, realtime *replica.Replica
	password      string
}

func startPair(ctx context.Context, t *testing.T, environ ...string) *pair {
	t.Helper()
	p := &pair{t: t, password: rand.Text()}
	inherited := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "OTEL_") || strings.HasPrefix(v, "PORT=") || strings.HasPrefix(v, "METRICS_PORT=")
	})
	environ = slices.Concat(inherited, replica.Patient, []string{
		"APP_ENV=development", "HOST=127.0.0.1", "LOG_FORMAT=json", "LOG_LEVEL=warn", "RATE_LIMIT_ENABLED=false", "SHUTDOWN_DRAIN_DELAY=0s",
		"DATABASE_URL=" + pgtest.DSN(t), "JWT_SECRET=" + rand.Text() + rand.Text(), "DATA_KEY=" + rand.Text() + rand.Text(),
	}, environ)
	for _, role := range []string{"admin", "engineer", "viewer"} {
		if err := replica.CreateUser(ctx, programs.API, environ, "acme", email(role), role, p.password); err != nil {
			t.Fatal(err)
		}
	}
	p.api, p.realtime = p.start("api", programs.API, environ), p.start("realtime", programs.Realtime, environ)
	for _, r := range []*replica.Replica{p.api, p.realtime} {
		if err := r.AwaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func email(role string) string { return role + "@acme.example" }

func (p *pair) start(name, program string, environ []string) *replica.Replica {
	p.t.Helper()
	r, err := replica.New(p.t.TempDir(), name, program, environ)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := r.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = r.Kill()
		if p.t.Failed() {
			p.t.Logf("%s printed last:\n%s", name, r.LogTail())
		}
	})
	return r
}

// as is a client of the user with this role.
func (p *pair) as(role string, options ...client.Option) *client.Client {
	p.t.Helper()
	return p.client(append(options, client.WithPassword(email(role), p.password))...)
}

func (p *pair) client(options ...client.Option) *client.Client {
	p.t.Helper()
	c, err := client.New(p.api.URL(), append([]client.Option{client.WithRealtime(p.realtime.URL())}, options...)...)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}
