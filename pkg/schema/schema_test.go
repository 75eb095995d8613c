package schema_test

import (
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/driftsentry/driftsentry/pkg/schema"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestMigrate(t *testing.T) {
	t.Run("replicas that start at once do not collide", func(t *testing.T) {
		dsn := pgtest.Empty(t)
		problems := make([]error, 4)
		var wg sync.WaitGroup
		for i := range problems {
			wg.Go(func() { problems[i] = schema.Migrate(t.Context(), dsn, slog.New(slog.DiscardHandler)) })
		}
		wg.Wait()
		if err := errors.Join(problems...); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("down and up again", func(t *testing.T) {
		dsn := pgtest.DSN(t)
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		provider, err := goose.NewProvider(goose.DialectPostgres, db, schema.FS())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.DownTo(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := provider.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a wrong URL is an error that does not repeat it", func(t *testing.T) {
		if err := schema.Migrate(t.Context(), "postgres://u:s3cret@127.0.0.1:1/x", slog.New(slog.DiscardHandler)); err == nil {
			t.Error("no error")
		}
	})
}

// TestAudit: the audit trail can't be changed, by the services' role because of its grants, by the owner because of a
// trigger.
func TestAudit(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	exec := func(statement string) error {
		_, err := conn.Exec(t.Context(), statement)
		return err
	}
	if err := errors.Join(
		exec(`insert into account (id, name) values ('019a0000-0000-7000-8000-000000000001', 'acme')`),
		exec(`insert into audit (id, account_id, action) values ('019a0000-0000-7000-8000-000000000002', '019a0000-0000-7000-8000-000000000001', 'test')`),
	); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"owner", "driftsentry_app"} {
		if role != "owner" {
			if err := exec("set role " + role); err != nil {
				t.Fatal(err)
			}
			if err := exec(`insert into audit (id, account_id, action) values ('019a0000-0000-7000-8000-000000000003', '019a0000-0000-7000-8000-000000000001', 'test')`); err != nil {
				t.Errorf("%s can't add to the audit trail: %v", role, err)
			}
		}
		for _, statement := range []string{"update audit set action = 'forged'", "delete from audit", "truncate audit"} {
			var refused *pgconn.PgError
			if err := exec(statement); !errors.As(err, &refused) || refused.Code != "42501" {
				t.Errorf("%s: %s: %v, want insufficient_privilege", role, statement, err)
			}
		}
	}
	t.Run("the services' role has no right to more than it needs", func(t *testing.T) {
		for _, statement := range []string{"drop table drift", "create table mine (id int)", "update stream_epoch set epoch = 'x'", "delete from goose_db_version", "alter table audit disable trigger all"} {
			if err := exec(statement); err == nil {
				t.Errorf("allowed: %s", statement)
			}
		}
	})
	t.Run("it can do the services' work", func(t *testing.T) {
		rows, err := conn.Query(t.Context(), `select table_name || ' ' || privilege_type from information_schema.table_privileges
			where grantee = 'driftsentry_app' and table_name in ('drift', 'event', 'account_stream', 'session')`)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"drift SELECT", "drift INSERT", "drift UPDATE", "event DELETE", "account_stream UPDATE", "session UPDATE"} {
			if !slices.Contains(got, want) {
				t.Errorf("no right to %s", want)
			}
		}
	})
}

// TestAttackServiceRoles: who takes over a service can do no more in the database than that service. Mutations of 00010, each caught by
// its statement: the rights on audit not revoked; select on app_user granted whole to realtime. audit_seal and trim_audit stay closed by
// the trigger where a right on them is left.
func TestAttackServiceRoles(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	exec := func(statement string) error {
		_, err := conn.Exec(t.Context(), statement)
		return err
	}
	const account, user = "'019a0000-0000-7000-8000-000000000001'", "'019a0000-0000-7000-8000-000000000002'"
	if err := errors.Join(
		exec("insert into account (id, name) values ("+account+", 'acme')"),
		exec("insert into app_user (id, account_id, email, name, role, password_hash) values ("+user+", "+account+", 'a@acme.example', 'A', 'admin', 'hash')"),
		exec("insert into audit (id, account_id, action) values ("+user+", "+account+", 'test')"),
	); err != nil {
		t.Fatal(err)
	}
	for role, c := range map[string]struct{ allowed, refused []string }{
		"driftsentry_api": {
			[]string{
				"insert into audit (id, account_id, action, actor_id, actor_email, actor_role, drift_id, subject, message, trace_id, metadata) values (gen_random_uuid(), " + account + ", 'a', null, '', '', null, '', '', '', '{}')",
				"select * from audit", "select * from audit_seal", "select last_value from audit_position_seq", "update app_user set name = 'B'",
				"insert into session (id, user_id, expires_at) values (gen_random_uuid(), " + user + ", now())", "delete from session",
				"select redact_audit(" + user + ", '', '', '{}')",
				"insert into audit_seal values (1, 'rows', 0, gen_random_uuid(), 0, now(), now(), '', '', '')",
			},
			[]string{
				"insert into audit (id, account_id, action, created_at) values (gen_random_uuid(), " + account + ", 'a', now() - interval '1 day')",
				"insert into audit (id, account_id, action, position) values (gen_random_uuid(), " + account + ", 'a', 0)",
				"update audit set action = 'forged'", "update audit set created_at = now()", "delete from audit", "truncate audit",
				"update audit_seal set hash = ''", "delete from audit_seal", "truncate audit_seal", "select trim_audit(1000, gen_random_uuid())",
				"select setval('audit_position_seq', 1)", "alter table audit disable trigger all", "update stream_epoch set epoch = 'x'",
				"set session_replication_role = replica", "drop table drift", "create table mine (id int)", "set role driftsentry_realtime",
			},
		},
		"driftsentry_realtime": {
			[]string{
				"select account_id, position, id, type, topics, body, traceparent, created_at from event", "select * from account_stream", "select * from stream_epoch",
				"select 1 from session s join app_user u on u.id = s.user_id where u.is_active and u.account_id = " + account, "select pg_notify('x', '')", "listen x",
			},
			[]string{
				"select password_hash from app_user", "select email from app_user", "select * from app_user", "select * from refresh_token", "select * from setup_token",
				"select * from api_key", "select * from drift", "select * from audit", "select * from audit_seal", "select * from idempotency", "select * from alert",
				"insert into session (id, user_id, expires_at) values (gen_random_uuid(), " + user + ", now())", "update session set revoked_at = null",
				"update app_user set role = 'admin'", "insert into event (account_id, position, id, type, topics, body) values (" + account + ", 1, gen_random_uuid(), 'a', '{}', '{}')",
				"delete from event", "update account_stream set position = 0", "insert into audit (id, account_id, action) values (gen_random_uuid(), " + account + ", 'a')",
				"select redact_audit(" + user + ", '', '[redacted]', '{}')", "select trim_audit(1000, gen_random_uuid())", "select nextval('audit_position_seq')",
				"create table mine (id int)",
			},
		},
	} {
		t.Run(role, func(t *testing.T) {
			// Each database of a test has an owner that may become either role; a service's login may not go back.
			if err := exec("set session authorization " + role); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exec("reset session authorization") }()
			for _, statement := range c.allowed {
				if err := exec(statement); err != nil {
					t.Errorf("refused: %s: %v", statement, err)
				}
			}
			for _, statement := range c.refused {
				var refused *pgconn.PgError
				if err := exec(statement); !errors.As(err, &refused) || refused.Code != "42501" {
					t.Errorf("%s: %v, want insufficient_privilege", statement, err)
				}
			}
		})
	}
}
