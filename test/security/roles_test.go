package security

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/schema"
	"github.com/driftsentry/driftsentry/test/internal/polling"
	"github.com/driftsentry/driftsentry/testkit/doctable"
	"github.com/driftsentry/driftsentry/testkit/localpg"
)

// startCluster starts a PostgreSQL of the test's own on the data of dir, which it makes when there is none.
func startCluster(t *testing.T, dir string) *localpg.Cluster {
	t.Helper()
	cluster, err := localpg.Start(t.Context(), localpg.Options{Dir: dir, Log: func(line string) { t.Log(line) }, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop(context.WithoutCancel(t.Context())) })
	return cluster
}

// TestAttackMonitorRole: the role that measures the database finds no password and no SCRAM verifier in the statements that it may
// read, nor does the log have one: not after deploy/postgres/10-roles.sh has made the roles, and not after it has set other
// passwords. Mutations: `alter role … password` instead of \password; set_password without track_utility; without log_statement.
func TestAttackMonitorRole(t *testing.T) {
	if _, err := exec.LookPath("psql"); err != nil {
		t.Skip("NOT RUN: no psql on the PATH")
	}
	dir, secrets := t.TempDir(), t.TempDir()
	cluster := startCluster(t, dir)
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
	cluster = startCluster(t, dir)
	server, err := url.Parse(cluster.DSN("driftsentry"))
	if err != nil {
		t.Fatal(err)
	}

	logins := map[string]string{
		"driftsentry_owner": "database_owner_url", "driftsentry_service": "database_url", "driftsentry_reader": "database_realtime_url",
		"driftsentry_monitor": "database_monitor_password",
	}
	text, err := os.ReadFile(filepath.Join(doctable.Root(t), "deploy/postgres/10-roles.sh"))
	if err != nil {
		t.Fatal(err)
	}
	run := func(round, script string) {
		t.Helper()
		for role, file := range logins {
			text := round + "-canary-" + role
			if role != "driftsentry_monitor" {
				text = fmt.Sprintf("postgres://%s:%s@postgres:5432/driftsentry?sslmode=disable", role, text)
			}
			if err := os.WriteFile(filepath.Join(secrets, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
		password, _ := server.User.Password()
		cmd.Env = append(os.Environ(), "PGHOST="+server.Hostname(), "PGPORT="+server.Port(), "PGUSER="+server.User.Username(), "PGPASSWORD="+password,
			"SECRETS_DIR="+secrets, "POSTGRES_USER=")
		if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 {
			t.Fatalf("%s: %v\n%s", round, err, said)
		}
	}
	for _, round := range []string{"made", "changed"} {
		run(round, string(text))
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

	// Where the statements can't be kept from being recorded, they have a verifier.
	run("recorded", strings.ReplaceAll(string(text), `-c "$discreet"`, `-c "set client_min_messages = warning"`))
	if log, err = os.ReadFile(filepath.Join(dir, "postgres.log")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "SCRAM-SHA-256$") || strings.Contains(string(log), "canary") {
		t.Errorf("a password was sent:\n%s", log)
	}
}

// TestRoles_earlier: an installation of an earlier version, whose owner may make no roles and whose services share a login, works with
// this version's schema, and gets a role for each service from 10-roles.sh. Mutation: without grant_service_rights in the script.
func TestRoles_earlier(t *testing.T) {
	if _, err := exec.LookPath("psql"); err != nil {
		t.Skip("NOT RUN: no psql on the PATH")
	}
	cluster := startCluster(t, t.TempDir())
	admin, err := pgx.Connect(t.Context(), cluster.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.WithoutCancel(t.Context()))
	for _, sql := range []string{
		"create role driftsentry_owner login password 'pw'", "create role driftsentry_app nologin",
		"create role driftsentry_service login password 'pw' in role driftsentry_app", "create database driftsentry owner driftsentry_owner",
	} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	server, err := url.Parse(cluster.DSN("driftsentry"))
	if err != nil {
		t.Fatal(err)
	}
	as := func(role string) string {
		u := *server
		u.User = url.UserPassword("driftsentry_"+role, "pw")
		return u.String()
	}
	if err := schema.Migrate(t.Context(), as("owner"), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	try := func(role, sql string, allowed bool) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), as(role))
		if err != nil {
			t.Fatalf("%s: %v", role, err)
		}
		defer conn.Close(context.WithoutCancel(t.Context()))
		if _, err := conn.Exec(t.Context(), sql); (err == nil) != allowed {
			t.Errorf("%s: %s: %v", role, sql, err)
		}
	}
	const account = "'019a0000-0000-7000-8000-000000000001'"
	const now, back = "insert into audit (id, account_id, action) values (gen_random_uuid(), " + account + ", 'a')",
		"insert into audit (id, account_id, action, created_at) values (gen_random_uuid(), " + account + ", 'a', now() - interval '1 day')"
	try("service", "insert into account (id, name) values ("+account+", 'acme')", true)
	try("service", now, true)
	try("service", back, true) // as the replicas of the version before do

	secrets := t.TempDir()
	for file, text := range map[string]string{
		"database_owner_url": "postgres://driftsentry_owner:pw@h/d", "database_url": "postgres://driftsentry_service:pw@h/d",
		"database_realtime_url": "postgres://driftsentry_reader:pw@h/d", "database_monitor_password": "pw",
	} {
		if err := os.WriteFile(filepath.Join(secrets, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := roles(t, server, server.User, secrets)
	if said, err := script.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	try("service", now, true)
	try("service", back, false)
	try("service", "update app_user set name = name", true)
	try("reader", "select * from event", true)
	try("reader", "select * from audit", false)
	try("owner", "create table later (id int)", true)
	try("service", "insert into later values (1)", true)
	try("reader", "select * from later", false)
}

// TestRoles_managed: on a server whose administrator is no superuser, as that of a cloud, 10-roles.sh makes and later changes all logins,
// says what only the metrics lack, and the schema and the services' rights are complete. Mutations: no `grant driftsentry_owner`; for_metrics
// that fails; no check whether the role is a member already.
func TestRoles_managed(t *testing.T) {
	if _, err := exec.LookPath("psql"); err != nil {
		t.Skip("NOT RUN: no psql on the PATH")
	}
	cluster := startCluster(t, t.TempDir())
	server, err := url.Parse(cluster.DSN("driftsentry"))
	if err != nil {
		t.Fatal(err)
	}
	try := func(user *url.Userinfo, database, sql string) {
		t.Helper()
		u := *server
		u.User, u.Path = user, database
		conn, err := pgx.Connect(t.Context(), u.String())
		if err != nil {
			t.Fatalf("%s: %v", user.Username(), err)
		}
		defer conn.Close(context.WithoutCancel(t.Context()))
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %s: %v", user.Username(), sql, err)
		}
	}
	try(server.User, "postgres", "create role administrator login createrole createdb password 'pw'")
	administrator := url.UserPassword("administrator", "pw")
	secrets := t.TempDir()
	run := func(password string) string {
		t.Helper()
		for file, text := range map[string]string{
			"database_owner_url": "postgres://driftsentry_owner:" + password + "@h/d", "database_url": "postgres://driftsentry_service:" + password + "@h/d",
			"database_realtime_url": "postgres://driftsentry_reader:" + password + "@h/d", "database_monitor_password": password,
		} {
			if err := os.WriteFile(filepath.Join(secrets, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		said, err := roles(t, server, administrator, secrets).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		for _, role := range []string{"owner", "service", "reader", "monitor"} {
			try(url.UserPassword("driftsentry_"+role, password), "driftsentry", "select 1")
		}
		return string(said)
	}
	said := run("first")
	var measures bool
	admin, err := pgx.Connect(t.Context(), server.String())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.WithoutCancel(t.Context()))
	if err := admin.QueryRow(t.Context(), "select pg_has_role('driftsentry_monitor', 'pg_monitor', 'member')").Scan(&measures); err != nil {
		t.Fatal(err)
	}
	// Before PostgreSQL 16, CREATEROLE alone may grant it.
	if measures == strings.Contains(said, "a superuser runs, in the database postgres: grant pg_monitor to driftsentry_monitor (") {
		t.Errorf("the collector's role is a member of pg_monitor: %v; said: %s", measures, said)
	}
	u := *server
	u.User = url.UserPassword("driftsentry_owner", "first")
	if err := schema.Migrate(t.Context(), u.String(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	try(server.User, "postgres", "grant pg_monitor to driftsentry_monitor") // The superuser does what it was asked for.
	if said := run("second"); strings.Contains(said, "pg_monitor") {
		t.Errorf("it asks for what it has: %s", said)
	}
	try(url.UserPassword("driftsentry_service", "second"), "driftsentry", "insert into account (id, name) values ('019a0000-0000-7000-8000-000000000001', 'acme')")
	try(url.UserPassword("driftsentry_reader", "second"), "driftsentry", "select * from event")
	try(url.UserPassword("driftsentry_monitor", "second"), "driftsentry", "select pg_ls_waldir()")
}

// TestRotate: deploy/rotate gives each service a second login with the same rights and limits while the first one works, closes the first when
// no one uses it any more, and goes back to its name with the next password. Mutations: the password of the same login; no grant to the second
// login, or none of connect; --finish without a look at the connections; a second rotation before the first is finished.
func TestRotate(t *testing.T) {
	if _, err := exec.LookPath("psql"); err != nil {
		t.Skip("NOT RUN: no psql on the PATH")
	}
	cluster := startCluster(t, t.TempDir())
	server, err := url.Parse(cluster.DSN("driftsentry"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := t.TempDir()
	for file, text := range map[string]string{
		"database_owner_url": "postgres://driftsentry_owner:pw@h/d", "database_url": "postgres://driftsentry_service:pw@h/d",
		"database_realtime_url": "postgres://driftsentry_reader:pw@h/d?a=b", "database_monitor_password": "pw",
	} {
		if err := os.WriteFile(filepath.Join(secrets, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made := roles(t, server, server.User, secrets)
	if said, err := made.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	u := *server
	u.User = url.UserPassword("driftsentry_owner", "pw")
	if err := schema.Migrate(t.Context(), u.String(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	// connect takes user and password from a file, as the services do.
	connect := func(user *url.Userinfo) (*pgx.Conn, error) {
		u := *server
		u.User = user
		conn, err := pgx.Connect(t.Context(), u.String())
		if err == nil {
			t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		}
		return conn, err
	}
	login := func(file string) *url.Userinfo {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(secrets, file))
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(string(text))
		if err != nil {
			t.Fatal(err)
		}
		return u.User
	}
	works := func(user *url.Userinfo, sql string) *pgx.Conn {
		t.Helper()
		conn, err := connect(user)
		if err != nil {
			t.Fatalf("%s: %v", user.Username(), err)
		}
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", user.Username(), err)
		}
		var limit string
		if err := conn.QueryRow(t.Context(), "show statement_timeout").Scan(&limit); err != nil || limit != "15s" {
			t.Errorf("%s: statement_timeout %s, %v", user.Username(), limit, err)
		}
		return conn
	}
	rotate := func(want string, fine bool, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), filepath.Join(doctable.Root(t), "deploy/rotate"), args...)
		cmd.Env = append(slices.Clone(made.Env), "PSQL=psql")
		if said, err := cmd.CombinedOutput(); (err == nil) != fine || !strings.Contains(string(said), want) {
			t.Fatalf("rotate %s: %v\n%s", args, err, said)
		}
	}
	const write, read = "update app_user set name = name", "select * from event"
	for _, names := range [][2]string{{"driftsentry_service_2", "driftsentry_reader_2"}, {"driftsentry_service", "driftsentry_reader"}} {
		service, reader := login("database_url"), login("database_realtime_url")
		held := works(service, write)
		rotate("Now: make deploy", true)
		if login("database_url").Username() != names[0] || login("database_realtime_url").Username() != names[1] {
			t.Fatalf("%s, %s", login("database_url"), login("database_realtime_url"))
		}
		rotate("is not finished", false)
		_ = works(login("database_url"), write).Close(t.Context())
		_ = works(login("database_realtime_url"), read).Close(t.Context())
		_ = works(service, write).Close(t.Context())
		_ = works(reader, read).Close(t.Context())
		rotate("connections still use "+service.Username(), false, "--finish")
		_ = held.Close(t.Context())
		now := works(login("database_url"), write)
		// The server notices the end of a connection by itself.
		polling.Until(t, "nobody uses the first login", time.Minute, 20*time.Millisecond, func(ctx context.Context) error {
			var uses int
			err := now.QueryRow(ctx, "select count(*) from pg_stat_activity where usename in ($1, $2)", service.Username(), reader.Username()).Scan(&uses)
			if err == nil && uses > 0 {
				err = fmt.Errorf("%d connections", uses)
			}
			return err
		})
		rotate("is closed", true, "--finish")
		for _, old := range []*url.Userinfo{service, reader} {
			if _, err := connect(old); err == nil {
				t.Errorf("%s may still log in", old.Username())
			}
		}
		_ = now.Close(t.Context())
		_ = works(login("database_url"), write).Close(t.Context())
	}
}

// roles is deploy/postgres/10-roles.sh, run by a user of the server.
func roles(t *testing.T, server *url.URL, user *url.Userinfo, secrets string) *exec.Cmd {
	t.Helper()
	script := exec.CommandContext(t.Context(), filepath.Join(doctable.Root(t), "deploy/postgres/10-roles.sh"))
	password, _ := user.Password()
	script.Env = append(os.Environ(), "PGHOST="+server.Hostname(), "PGPORT="+server.Port(), "PGUSER="+user.Username(), "PGPASSWORD="+password,
		"SECRETS_DIR="+secrets, "POSTGRES_USER=")
	return script
}

func expectNoPassword(t *testing.T, where, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.Contains(line, "canary") || strings.Contains(line, "SCRAM-SHA-256$") {
			t.Errorf("%s: %s", where, line)
		}
	}
}
