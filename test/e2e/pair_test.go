// Package e2e tests the pair as its users run it: the two built programs with their configuration in the environment, a
// real Postgres, real sockets, a real OTLP receiver, and a receiver that speaks Sentry's protocol.
package e2e

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
	"github.com/driftsentry/driftsentry/testkit/sentrytest"
)

// patience bounds every wait. Only a failing test comes near it.
const patience = 2 * time.Minute

// The programs under test, built once, with the race detector.
var programs replica.Programs

func TestMain(m *testing.M) {
	replica.Main(m, &programs, "-race", "-ldflags", "-X main.version=0.0.0-test -X main.commit=none")
}

// pair is both services, running, and everything around them.
type pair struct {
	t             *testing.T
	dsn           string
	db            *pgx.Conn // of connect
	sink          *otlpsink.Sink
	sentry        *sentrytest.Receiver
	api, realtime *process
	apiURL        string
	socketURL     string
	realtimeURL   string
	environ       []string
	logins        map[string]string // of the services, as URLs

	users  map[string]user // by role
	apiKey string
	// secrets of this run, which must be found nowhere
	secrets []string
}

type user struct{ email, password string }

const account = "acme"

// startPair starts both services on the database, makes a user of each role and an API key.
func startPair(t *testing.T, dsn string, environ ...string) *pair {
	t.Helper()
	sink, err := otlpsink.Start(otlpsink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	p := &pair{t: t, dsn: dsn, sink: sink, sentry: sentrytest.Start(t), users: map[string]user{}}
	jwtSecret, dataKey := "e2e-jwt-secret-"+random(), "e2e-data-key-"+random()
	p.secrets = append(p.secrets, jwtSecret, dataKey)
	p.environ = replica.Environ(dsn, slices.Concat([]string{
		"LOG_LEVEL=debug", "JWT_SECRET=" + jwtSecret, "DATA_KEY=" + dataKey, "CORS_ORIGIN=https://app.example",
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + sink.Endpoint(), "OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_BLRP_SCHEDULE_DELAY=100",
		"SENTRY_DSN=" + p.sentry.DSN(), "SHUTDOWN_DRAIN_DELAY=50ms", "GRACEFUL_SHUTDOWN_TIMEOUT=20s",
	}, environ)...)

	for _, role := range []string{"admin", "engineer", "viewer"} {
		u := user{role + "@acme.example", "e2e-password-" + random()}
		p.users[role] = u
		p.secrets = append(p.secrets, u.password)
		if err := replica.CreateUser(t.Context(), programs.API, p.environ, account, u.email, role, u.password); err != nil {
			t.Fatal(err)
		}
	}
	p.startAPI()
	p.startRealtime()
	p.apiKey = p.signIn("admin").createKey()
	p.secrets = append(p.secrets, p.apiKey)
	return p
}

func (p *pair) startAPI() {
	p.t.Helper()
	p.api, p.apiURL = p.startService("api", programs.API)
}

func (p *pair) startRealtime() {
	p.t.Helper()
	p.realtime, p.realtimeURL = p.startService("realtime", programs.Realtime)
	p.socketURL = strings.Replace(p.realtimeURL, "http://", "ws://", 1) + "/ws"
}

// startService starts one service on a free port and waits until it says where it listens.
func (p *pair) startService(name, program string) (*process, string) {
	p.t.Helper()
	proc := start(p.t, name, program, append(slices.Clone(p.environ), "PORT=0", "DATABASE_URL="+p.databaseOf(name)), "serve")
	line := proc.waitLog(p.t, "where it listens", func(l map[string]any) bool { return l["msg"] == "listening" })
	address, _ := line["address"].(string)
	if _, _, err := net.SplitHostPort(address); err != nil {
		p.t.Fatalf("%s says that it listens on %v", name, line["address"])
	}
	proc.waitLog(p.t, "that it is ready", func(l map[string]any) bool { return l["msg"] == "ready" })
	return proc, "http://" + address
}

// databaseOf is the database by the login of a service, which may do what operations.md gives it and no more, unless the test
// leads the services elsewhere.
func (p *pair) databaseOf(name string) string {
	p.t.Helper()
	for _, v := range slices.Backward(p.environ) {
		if url, ok := strings.CutPrefix(v, "DATABASE_URL="); ok && url != p.dsn {
			return url
		}
		if v == "DATABASE_URL="+p.dsn {
			break
		}
	}
	if p.logins[name] == "" {
		if p.logins == nil {
			p.logins = map[string]string{}
		}
		p.logins[name] = loginRole(p.t, p.dsn, random(), "in role driftsentry_"+name)
	}
	return p.logins[name]
}

// waitSpans blocks until the sink has what is asked for.
func (p *pair) waitSpans(what string, condition func(*otlpsink.Store) bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := p.sink.WaitFor(ctx, condition); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

// stop stops both services as an orchestrator does, and expects exit status 0.
func (p *pair) stop() {
	p.t.Helper()
	for _, proc := range []*process{p.realtime, p.api} {
		if code := proc.stop(p.t); code != 0 {
			p.t.Errorf("%s ended with exit code %d", proc.name, code)
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// unlimited switches the rate limits off, for tests that send more than the limits allow.
var unlimited = []string{"RATE_LIMIT_ENABLED=false"}
