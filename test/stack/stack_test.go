//go:build stack

package stack

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/localpg"
	"github.com/driftsentry/driftsentry/pkg/sentrytest"
)

// system is the whole of it: the five programs, Postgres with the roles of production, and both services.
type system struct {
	*loopback
	collector, tempo, loki, prometheus, alertmanager *program
	api, realtime                                    *program
	apiProgram                                       string
	environ                                          []string // of the services
	sentry                                           *sentrytest.Receiver
	superuser                                        string // the URL of the database for who may do everything
}

const (
	database      = "driftsentry"
	servicesLogin = "driftsentry_service"
)

func start(t *testing.T) *system {
	t.Helper()
	found := programs(t, "otelcol-contrib", "tempo", "loki", "prometheus", "alertmanager")
	dir, err := os.MkdirTemp("", "driftsentry-stack-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil { // Postgres, which is not root, must get through.
		t.Fatal(err)
	}
	s := &system{loopback: &loopback{t: t, dir: dir, ports: map[string]int{}}, sentry: sentrytest.Start(t)}
	s.startPostgres()

	s.tempo = run(t, dir, "tempo", os.Environ(), found["tempo"], "-config.file="+s.derive("tempo", "tempo/tempo.yaml"),
		"-memberlist.bind-port="+strconv.Itoa(s.port("tempo", 7946)))
	s.loki = run(t, dir, "loki", os.Environ(), found["loki"], "-config.file="+s.derive("loki", "loki/loki.yaml"))
	s.alertmanager = run(t, dir, "alertmanager", os.Environ(), found["alertmanager"],
		"--config.file="+s.derive("alertmanager", "alertmanager/alertmanager.yml"), "--storage.path="+s.path("alertmanager"),
		"--web.listen-address="+s.address("alertmanager", 9093), "--cluster.listen-address=")
	s.prometheus = run(t, dir, "prometheus", os.Environ(), found["prometheus"],
		"--config.file="+s.derivePrometheus(), "--storage.tsdb.path="+s.path("prometheus"),
		"--web.listen-address="+s.address("prometheus", 9090),
		"--web.enable-remote-write-receiver", "--enable-feature=exemplar-storage")
	s.collector = run(t, dir, "otel-collector", os.Environ(), found["otelcol-contrib"],
		"--config="+s.derive("otel-collector", "otel-collector/config.yaml"))
	s.startServices()

	ready(t, s.alertmanager, s.url("alertmanager", 9093)+"/-/ready")
	ready(t, s.prometheus, s.url("prometheus", 9090)+"/-/ready")
	ready(t, s.collector, s.url("otel-collector", 13133))
	ready(t, s.loki, s.url("loki", 3100)+"/ready")
	ready(t, s.tempo, s.url("tempo", 3200)+"/ready")
	return s
}

// derivePrometheus takes the rules along, which name no host.
func (s *system) derivePrometheus() string {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(deploy, "prometheus", "rules", "*.yml"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, file := range files {
		relative, err := filepath.Rel(deploy, file)
		if err != nil {
			s.t.Fatal(err)
		}
		s.derive("prometheus", relative)
	}
	return s.derive("prometheus", "prometheus/prometheus.yml")
}

// startPostgres makes a cluster with the roles of production, by the very statements of the image's first start.
func (s *system) startPostgres() {
	t := s.t
	t.Helper()
	cluster, err := localpg.Start(t.Context(), localpg.Options{Dir: s.path("postgres"), Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	s.ports["postgres:5432"] = cluster.Port()
	s.superuser = cluster.DSN(database)

	passwords := map[string]string{"owner_password": "owner-pw", "service_password": "service-pw", "monitor_password": "monitor-pw"}
	if err := os.MkdirAll(s.path("run/secrets"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("run/secrets/database_monitor_password"), []byte(passwords["monitor_password"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, part := range s.roleStatements(passwords) {
		dsn := cluster.DSN("postgres")
		if i > 0 {
			dsn = s.superuser
		}
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		for statement := range strings.SplitSeq(part, ";\n") {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

var shellDocument = regexp.MustCompile(`(?s)<<'SQL'\n(.*?)SQL\n`)

// roleStatements are the SQL of deploy/postgres/10-roles.sh, before and after its \connect.
func (s *system) roleStatements(passwords map[string]string) []string {
	s.t.Helper()
	script, err := os.ReadFile(filepath.Join(deploy, "postgres", "10-roles.sh"))
	if err != nil {
		s.t.Fatal(err)
	}
	document := shellDocument.FindSubmatch(script)
	if document == nil {
		s.t.Fatal("10-roles.sh has no SQL")
	}
	sql := string(document[1])
	for name, value := range passwords {
		sql = strings.ReplaceAll(sql, ":'"+name+"'", "'"+value+"'")
	}
	return strings.Split(sql, "\\connect "+database+"\n")
}

func (s *system) databaseURL(login, password string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(login, password), Host: s.address("postgres", 5432), Path: database,
	}).String()
}

func (s *system) startServices() {
	t := s.t
	t.Helper()
	for _, name := range []string{"api", "realtime"} {
		build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", s.path(name), "github.com/driftsentry/driftsentry/services/"+name+"/cmd/"+name)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
	}
	s.apiProgram = s.path("api")
	s.environ = append(os.Environ(),
		"APP_ENV=production", "HOST=127.0.0.1", "JWT_SECRET=the-secret-of-the-stack-test-0123456789", "DATA_KEY=the-data-key-of-the-stack-test-0123456789",
		"DATABASE_URL="+s.databaseURL(servicesLogin, "service-pw"), "SENTRY_DSN="+s.sentry.DSN(), "SHUTDOWN_DRAIN_DELAY=50ms",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+s.url("otel-collector", 4317), "OTEL_BSP_SCHEDULE_DELAY=200", "OTEL_BLRP_SCHEDULE_DELAY=200",
	)
	migrate := exec.CommandContext(t.Context(), s.apiProgram, "migrate")
	migrate.Env = append(os.Environ(), "DATABASE_URL="+s.databaseURL("driftsentry_owner", "owner-pw"))
	if out, err := migrate.CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
	for name, port := range map[string]int{"api": 3001, "realtime": 3002} {
		environ := append(s.environ, fmt.Sprintf("PORT=%d", s.port(name, port)), fmt.Sprintf("METRICS_PORT=%d", s.port(name, 9090)))
		p := run(t, s.dir, name, environ, s.path(name), "serve")
		ready(t, p, s.url(name, port)+"/health/ready")
		if name == "api" {
			s.api = p
		} else {
			s.realtime = p
		}
	}
}
