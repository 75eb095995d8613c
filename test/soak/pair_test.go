//go:build soak

package soak

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/test/load"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// patience bounds every wait. Only a failing test comes near it.
const patience = 5 * time.Minute

var programs replica.Programs

func TestMain(m *testing.M) { replica.Main(m, &programs) }

// pair is one api and one realtime with their usual settings, except limits, and an account of each number.
type pair struct {
	*replica.Pair
	dsn      string
	password string
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
	environ := replica.Environ(p.dsn, append(slices.Clone(replica.Unhurried), "LOG_LEVEL=warn", "JWT_EXPIRY=2h",
		"MAX_CONNECTIONS_PER_USER=0", "MAX_CONNECTIONS_PER_ADDRESS=0", "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.Endpoint())...)
	for i := range accounts {
		if err := replica.CreateUser(ctx, programs.API, environ, fmt.Sprintf("account-%d", i), email(i), "engineer", p.password); err != nil {
			t.Fatal(err)
		}
	}
	p.Pair = replica.StartPair(ctx, t, programs, environ)
	p.StopAtEnd(t)
	return p
}

// options are those of a load on an account.
func (p *pair) options(t *testing.T, account int) load.Options {
	t.Helper()
	return load.Options{
		API: []string{p.API.URL()}, Realtime: []string{p.Realtime.URL()}, Email: email(account), Password: p.password,
		Connections: 32, PlanSize: 10, Patience: patience, Seed: uint64(account + 1),
	}
}
