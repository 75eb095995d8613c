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
