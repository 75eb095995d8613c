// Package client_test tries the public client on the real services.
package client_test

import (
	"context"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// patience bounds every wait. Only a failing test comes near it.
const patience = 5 * time.Minute

var programs replica.Programs

func TestMain(m *testing.M) { replica.Main(m, &programs) }

// pair is both services, running, with a user of each role.
type pair struct {
	*replica.Pair
	t        *testing.T
	password string
}

func startPair(ctx context.Context, t *testing.T, extra ...string) *pair {
	t.Helper()
	environ := replica.Environ(pgtest.DSN(t), slices.Concat(replica.Unhurried, []string{"LOG_LEVEL=warn"}, extra)...)
	p := &pair{t: t, password: rand.Text()}
	for _, role := range []string{"admin", "engineer", "viewer"} {
		if err := replica.CreateUser(ctx, programs.API, environ, "acme", email(role), role, p.password); err != nil {
			t.Fatal(err)
		}
	}
	p.Pair = replica.StartPair(ctx, t, programs, environ)
	return p
}

func email(role string) string { return role + "@acme.example" }

// as is a client of the user with this role.
func (p *pair) as(role string, options ...client.Option) *client.Client {
	p.t.Helper()
	return p.client(append(options, client.WithPassword(email(role), p.password))...)
}

func (p *pair) client(options ...client.Option) *client.Client {
	p.t.Helper()
	c, err := client.New(p.API.URL(), append([]client.Option{client.WithRealtime(p.Realtime.URL())}, options...)...)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}
