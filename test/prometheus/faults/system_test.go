//go:build faults

package faults

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"

	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/localpg"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/sentrytest"
)

// patience bounds every wait. Only a failing test comes near it.
const patience = time.Minute

var programs replica.Programs

func TestMain(m *testing.M) { replica.Main(m, &programs) }

const account = "acme"

// system is the pair, two replicas of each, and what it stands on, each behind a proxy that can be made to fail.
type system struct {
	dir      string
	cluster  *localpg.Cluster
	api      []*replica.Replica
	realtime []*replica.Replica
	sentry   *sentrytest.Receiver
	// The ways from the services to what they stand on.
	postgres, nats, collector, errors *toxiproxy.Proxy
	hosts                             *hostsFile // nil where we may not have one
	token, password                   string     // an admin's
	env                               []string   // of all replicas
}

// start brings everything up. environ is added to the services' environment.
func start(t *testing.T, environ ...string) *system {
	t.Helper()
	return startVersion(t, programs, environ...)
}

// startVersion does it with other programs, on the schema of theirs.
func startVersion(t *testing.T, programs replica.Programs, environ ...string) *system {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s := &system{dir: t.TempDir(), cluster: pgtest.EmptyCluster(t), sentry: sentrytest.Start(t), hosts: newHostsFile(t)}
	sink, err := otlpsink.Start(otlpsink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	proxies := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.New(io.Discard))
	s.postgres = s.proxy(t, proxies, "postgres", "127.0.0.1:"+strconv.Itoa(s.cluster.Port()))
	s.nats = s.proxy(t, proxies, "nats", startNATS(t))
	s.collector = s.proxy(t, proxies, "collector", hostOf(t, sink.Endpoint()))
	s.errors = s.proxy(t, proxies, "sentry", hostOf(t, s.sentry.DSN()))

	environ = append(s.environ(sink.Endpoint()), environ...)
	s.env = environ
	s.migrate(ctx, t, programs)
	s.password = "faults-password-" + rand.Text()
	if err := replica.CreateUser(ctx, programs.API, append(slices.Clone(environ), "DATABASE_URL="+s.cluster.DSN("driftsentry")), account, "admin@acme.example", "admin", s.password); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		s.api = append(s.api, s.replica(t, fmt.Sprintf("api-%d", i+1), programs.API, environ))
		s.realtime = append(s.realtime, s.replica(t, fmt.Sprintf("realtime-%d", i+1), programs.Realtime, environ))
	}
	for _, r := range s.all() {
		if err := r.AwaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
	session, err := s.admin(t, s.api[0]).SignIn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s.token = session.AccessToken
	return s
}

// environ is that of all replicas. Timeouts are short, so that a fault shows within the time of a test.
func (s *system) environ(sink string) []string {
	return replica.Environ(through(s.databaseURL(), s.postgres),
		"LOG_LEVEL=warn",
		"NATS_URL=nats://"+s.nats.Listen,
		"DATABASE_ACQUIRE_TIMEOUT=1s", "DATABASE_CONNECT_TIMEOUT=1s", "DATABASE_STATEMENT_TIMEOUT=2s", "DATABASE_LOCK_TIMEOUT=2s",
		"REQUEST_TIMEOUT=4s", "WEBSOCKET_HEARTBEAT=1s", "RATE_LIMIT_ENABLED=false", "MAX_CONNECTIONS_PER_USER=0", "MAX_CONNECTIONS_PER_ADDRESS=0",
		"SHUTDOWN_DRAIN_DELAY=200ms", "GRACEFUL_SHUTDOWN_TIMEOUT=10s",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+through(sink, s.collector), "OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_BLRP_SCHEDULE_DELAY=100",
		"OTEL_EXPORTER_OTLP_TIMEOUT=500", "SENTRY_DSN="+through(s.sentry.DSN(), s.errors),
	)
}

// databaseURL names the server, where names can be made to fail.
func (s *system) databaseURL() string {
	u, _ := url.Parse(s.cluster.DSN("driftsentry"))
	if s.hosts != nil {
		u.Host = hostName + ":" + u.Port()
	}
	return u.String()
}

// proxy makes a way to upstream that can be cut, slowed down and silenced.
func (s *system) proxy(t *testing.T, proxies *toxiproxy.ApiServer, name, upstream string) *toxiproxy.Proxy {
	t.Helper()
	p := toxiproxy.NewProxy(proxies, name, "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

func (s *system) replica(t *testing.T, name, program string, environ []string) *replica.Replica {
	t.Helper()
	r, err := replica.New(s.dir, name, program, environ)
	if err != nil {
		t.Fatal(err)
	}
	if s.hosts != nil {
		r.Attributes = s.hosts.bind
	}
	replica.Run(t, r)
	t.Cleanup(func() {
		_ = r.Signal(syscall.SIGCONT) // A frozen one hears nothing else.
		if err := r.Kill(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// migrate brings the schema to that of the programs, as an operator does. The first time the database is empty.
func (s *system) migrate(ctx context.Context, t *testing.T, programs replica.Programs) {
	t.Helper()
	cmd := exec.CommandContext(ctx, programs.API, "migrate")
	cmd.Env = append(os.Environ(), "APP_ENV=development", "DATABASE_URL="+s.cluster.DSN("driftsentry"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
}

func (s *system) all() []*replica.Replica { return append(slices.Clone(s.api), s.realtime...) }

// startNATS returns the address of a NATS server.
func startNATS(t *testing.T) string {
	t.Helper()
	n, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	n.Start()
	t.Cleanup(func() { n.Shutdown(); n.WaitForShutdown() })
	if !n.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	return n.Addr().String()
}

// urls are where the replicas serve.
func urls(replicas []*replica.Replica) []string {
	var list []string
	for _, r := range replicas {
		list = append(list, r.URL())
	}
	return list
}

// head asks the database itself how far the account's stream is.
func (s *system) head(ctx context.Context) (position int64, err error) {
	conn, err := pgx.Connect(ctx, s.cluster.DSN("driftsentry"))
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, "select position from account_stream s join account a on a.id = s.account_id where a.name = $1", account).Scan(&position)
	return position, err
}

// execute runs a statement in the database itself.
func (s *system) execute(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.cluster.DSN("driftsentry"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, sql)
	return err
}

// through is a URL with the proxy's port in it.
func through(raw string, p *toxiproxy.Proxy) string {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err) // Ours.
	}
	_, port, _ := net.SplitHostPort(p.Listen)
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return u.String()
}

func hostOf(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// cut ends all connections through the proxy and refuses new ones; the result allows them again.
func cut(p *toxiproxy.Proxy) func(context.Context) error {
	p.Stop()
	return func(context.Context) error { return p.Start() }
}

// blink closes all connections through the proxy.
func blink(p *toxiproxy.Proxy) error {
	p.Stop()
	return p.Start()
}

// spoil adds a toxic to the proxy: https://github.com/Shopify/toxiproxy#toxics. The result takes it away and ends the
// connections that had it.
func spoil(p *toxiproxy.Proxy, toxic string) (func(context.Context) error, error) {
	wrapper, err := p.Toxics.AddToxicJson(strings.NewReader(toxic))
	if err != nil {
		return nil, fmt.Errorf("add the toxic %s: %w", toxic, err)
	}
	return func(ctx context.Context) error {
		return errors.Join(p.Toxics.RemoveToxic(ctx, wrapper.Name), blink(p))
	}, nil
}

// hostsFile is /etc/hosts as the replicas see it, in a mount namespace of each.
type hostsFile struct{ path string }

const hostName = "postgres.driftsentry.test"

func (h *hostsFile) write(name string) error {
	return os.WriteFile(h.path, []byte("127.0.0.1 localhost "+name+"\n"), 0o644)
}

// hostsIn makes the file in the folder of the test.
func hostsIn(t *testing.T) *hostsFile {
	t.Helper()
	h := &hostsFile{filepath.Join(t.TempDir(), "hosts")}
	if err := h.write(hostName); err != nil {
		t.Fatal(err)
	}
	return h
}
