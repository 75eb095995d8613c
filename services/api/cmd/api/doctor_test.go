package main_test

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// expectFinding looks for a line of the doctor, and for what it says to do.
func expectFinding(t *testing.T, r result, state, check, found, remedy string) {
	t.Helper()
	lines := strings.Split(r.stdout, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, state) && strings.Contains(line, " "+check+" ") && strings.Contains(line, found) && (remedy == "" || strings.Contains(lines[i+1], remedy)) {
			return
		}
	}
	t.Errorf("no %s of %s: %s → %s in\n%s%s", state, check, found, remedy, r.stdout, r.stderr)
}

// TestDoctor: what is wrong with the configuration and with the database has a line each, with what to do. Mutations, each caught: the
// schema is not compared; a refused login has no line of its own; the collector is not asked.
func TestDoctor(t *testing.T) {
	dsn := pgtest.DSN(t)
	const password = "a-password-that-no-line-may-show"
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	environ := []string{"DATABASE_URL=" + dsn, "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + listener.Addr().String()}
	doctor := func(more ...string) result {
		t.Helper()
		r := api(t, "", append(environ, more...), "doctor")
		if strings.Contains(r.stdout+r.stderr, password) {
			t.Errorf("a password is shown:\n%s%s", r.stdout, r.stderr)
		}
		return r
	}

	r := doctor()
	if r.code != 0 {
		t.Errorf("%+v", r)
	}
	expectFinding(t, r, "ok", "program", "1.2.3 (abcdef)", "")
	expectFinding(t, r, "ok", "schema", "the newest", "")
	expectFinding(t, r, "ok", "telemetry", "can be reached", "")
	expectFinding(t, r, "WARNING", "database role", "may do everything", "database_url")
	expectFinding(t, r, "WARNING", "log of Postgres", "parameters", "log_parameter_max_length = 0")

	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "delete from goose_db_version where version_id = (select max(version_id) from goose_db_version)"); err != nil {
		t.Fatal(err)
	}
	r = doctor("DATABASE_MAX_CONNS=900")
	if r.code != 1 {
		t.Errorf("%+v", r)
	}
	expectFinding(t, r, "FAILURE", "schema", "is at ", "run --rm migrate")
	expectFinding(t, r, "WARNING", "connections", "may want 5400", "DATABASE_MAX_CONNS")

	if _, err := conn.Exec(t.Context(), "update goose_db_version set version_id = 9999 where version_id = (select max(version_id) from goose_db_version)"); err != nil {
		t.Fatal(err)
	}
	expectFinding(t, doctor(), "WARNING", "schema", "is at 9999, newer than this program", "")

	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	r = doctor("NATS_URL=nats://driftsentry:" + password + "@" + listener.Addr().String())
	expectFinding(t, r, "FAILURE", "telemetry", "can't be reached", "otel-collector")
	expectFinding(t, r, "FAILURE", "NATS", "can't be reached", "nats")

	elsewhere, wrong := address(t, dsn), address(t, dsn)
	elsewhere.Path, wrong.User = "/nothing", url.UserPassword("nobody", password)
	for name, c := range map[string][4]string{
		"a missing database": {elsewhere.String(), "database", "does not exist", "10-roles.sh"},
		"a wrong login":      {wrong.String(), "database", "refuses the login", "deploy/roles"},
		"no server":          {"postgres://a:" + password + "@" + listener.Addr().String() + "/x", "database", "refused", "deploy/compose ps postgres"},
		"no URL":             {"postgres://" + password + ":::", "configuration", "DATABASE_URL: is not a Postgres URL", "correct it"},
	} {
		t.Run(name, func(t *testing.T) {
			environ = []string{"DATABASE_URL=" + c[0]}
			r := doctor()
			if r.code != 1 {
				t.Errorf("%+v", r)
			}
			expectFinding(t, r, "FAILURE", c[1], c[2], c[3])
		})
	}
}

// TestDoctorMachine: what would stop a first start is found before it. Mutations, each caught: a port is not tried; the folder's mode
// is not looked at; one name for both sites is let through.
func TestDoctorMachine(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	secrets := filepath.Join(t.TempDir(), "secrets")
	if err := os.Mkdir(secrets, 0o700); err != nil {
		t.Fatal(err)
	}
	doctor := func(environ []string, args ...string) result {
		return api(t, "", append([]string{"SITE_ADDRESS=:80", "PUBLIC_URL=http://localhost"}, environ...), append([]string{"doctor", "--machine", "--secrets", secrets, "--data", secrets}, args...)...)
	}
	r := doctor([]string{"HTTPS_PORT=" + port})
	if r.code != 1 {
		t.Errorf("%+v", r)
	}
	expectFinding(t, r, "FAILURE", "port "+port, "another program has it", "HTTPS_PORT")
	expectFinding(t, r, "FAILURE", "secrets", "missing or empty: postgres_password, ", "deploy/prepare")
	expectFinding(t, r, "skipped", "edge", "does not run", "")

	for _, name := range []string{
		"postgres_password", "database_owner_url", "database_url", "database_realtime_url", "database_monitor_password", "jwt_public_key", "data_key",
		"grafana_admin_password", "grafana_secret_key",
	} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte("value"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expectFinding(t, doctor(nil), "FAILURE", "secrets", "can't be read by the containers", "deploy/prepare")
	for _, path := range append([]string{secrets}, files(t, secrets)...) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	expectFinding(t, doctor(nil), "FAILURE", "secrets", "the mode 0755", "0700")

	expectFinding(t, doctor([]string{"SITE_ADDRESS=a.invalid", "PUBLIC_URL=https://a.invalid", "GRAFANA_SITE=a.invalid"}), "FAILURE", "GRAFANA_SITE", "the name of SITE_ADDRESS", "name of its own")
	r = doctor([]string{"SITE_ADDRESS=a.invalid", "PUBLIC_URL=https://b.invalid"})
	expectFinding(t, r, "FAILURE", "SITE_ADDRESS", "PUBLIC_URL leads to b.invalid", "the same name")
	expectFinding(t, r, "FAILURE", "name a.invalid", "not known", "DNS record")
	expectFinding(t, doctor([]string{"PUBLIC_URL=http://127.0.0.1:1"}, "--running"), "FAILURE", "edge", "refused", "logs caddy")
}

func address(t *testing.T, dsn string) *url.URL {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func files(t *testing.T, folder string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}
