package security

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/testkit/doctable"
	"github.com/driftsentry/driftsentry/testkit/localpg"
)

// TestAttackMonitorRole: the role that measures the database finds no password and no SCRAM verifier in the statements that it may
// read, nor does the log have one: not after deploy/postgres/10-roles.sh has made the roles, and not after it has set other
// passwords. Mutations: `create role … password` instead of set_password; set_password without track_utility; without log_statement.
func TestAttackMonitorRole(t *testing.T) {
	if _, err := exec.LookPath("psql"); err != nil {
		t.Skip("NOT RUN: no psql on the PATH")
	}
	dir, secrets := t.TempDir(), t.TempDir()
	start := func() *localpg.Cluster {
		cluster, err := localpg.Start(t.Context(), localpg.Options{Dir: dir, Log: func(line string) { t.Log(line) }, Fast: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cluster.Stop(context.WithoutCancel(t.Context())) })
		return cluster
	}
	cluster := start()
	connect := func(dsn string) *pgx.Conn {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		return conn
	}
	admin := connect(cluster.DSN("postgres"))
	var there bool
	if err := admin.QueryRow(t.Context(), "select exists (select from pg_available_extensions where name = 'pg_stat_statements')").Scan(&there); err != nil {
		t.Fatal(err)
	}
	if !there {
		t.Skip("NOT RUN: this PostgreSQL has no pg_stat_statements")
	}
	for _, setting := range []string{"shared_preload_libraries = 'pg_stat_statements'", "log_statement = 'all'"} {
		if _, err := admin.Exec(t.Context(), "alter system set "+setting); err != nil {
			t.Fatal(err)
		}
	}
	_ = admin.Close(t.Context())
	if err := cluster.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	cluster = start()
	server, err := url.Parse(cluster.DSN("driftsentry"))
	if err != nil {
		t.Fatal(err)
	}

	logins := map[string]string{
		"driftsentry_owner": "database_owner_url", "driftsentry_service": "database_url", "driftsentry_reader": "database_realtime_url",
		"driftsentry_monitor": "database_monitor_password",
	}
	for _, round := range []string{"made", "changed"} {
		for role, file := range logins {
			text := round + "-canary-" + role
			if role != "driftsentry_monitor" {
				text = fmt.Sprintf("postgres://%s:%s@postgres:5432/driftsentry?sslmode=disable", role, text)
			}
			if err := os.WriteFile(filepath.Join(secrets, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		script := exec.CommandContext(t.Context(), filepath.Join(doctable.Root(t), "deploy/postgres/10-roles.sh"))
		password, _ := server.User.Password()
		script.Env = append(os.Environ(), "PGHOST="+server.Hostname(), "PGPORT="+server.Port(), "PGUSER="+server.User.Username(), "PGPASSWORD="+password,
			"SECRETS_DIR="+secrets, "POSTGRES_USER=")
		if said, err := script.CombinedOutput(); err != nil || len(said) > 0 {
			t.Fatalf("%s: %v\n%s", round, err, said)
		}
		for role := range logins {
			u := *server
			u.User = url.UserPassword(role, round+"-canary-"+role)
			conn := connect(u.String())
			if role != "driftsentry_monitor" {
				continue
			}
			rows, err := conn.Query(t.Context(), "select query from pg_stat_statements union all select query from pg_stat_activity where query is not null")
			if err != nil {
				t.Fatal(err)
			}
			statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(statements, "\n")
			if !strings.Contains(all, "create role") && !strings.Contains(all, "CREATE ROLE") {
				t.Errorf("it sees no statement that made a role, so nothing is proven:\n%s", all)
			}
			expectNoPassword(t, "the statements, when passwords were "+round, all)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "postgres.log"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "create role") {
		t.Errorf("the log has no statement that made a role, so nothing is proven")
	}
	expectNoPassword(t, "the log", string(log))
}

func expectNoPassword(t *testing.T, where, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.Contains(line, "canary") || strings.Contains(line, "SCRAM-SHA-256$") {
			t.Errorf("%s: %s", where, line)
		}
	}
}
