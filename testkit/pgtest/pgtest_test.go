package pgtest

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m) }

func open(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func count(t *testing.T, conn *pgx.Conn, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDSN(t *testing.T) {
	t.Run("is a migrated database", func(t *testing.T) {
		conn := open(t, DSN(t))
		if count(t, conn, "select count(*) from drift") != 0 {
			t.Error("the drift table is not empty")
		}
	})

	t.Run("is another database each time", func(t *testing.T) {
		a, b := open(t, DSN(t)), open(t, DSN(t))
		if _, err := a.Exec(t.Context(), "create table only_here ()"); err != nil {
			t.Fatal(err)
		}
		if count(t, b, "select count(*) from pg_tables where tablename = 'only_here'") != 0 {
			t.Error("the two share a database")
		}
	})

	t.Run("serves parallel tests", func(t *testing.T) {
		for range 8 {
			t.Run("one", func(t *testing.T) {
				t.Parallel()
				if count(t, open(t, DSN(t)), "select count(*) from account") != 0 {
					t.Error("the account table is not empty")
				}
			})
		}
	})

	t.Run("is dropped at the test's end with its sessions", func(t *testing.T) {
		var name string
		t.Run("inner", func(t *testing.T) {
			conn := open(t, DSN(t)) // Left open on purpose.
			name = conn.Config().Database
		})
		if !strings.HasPrefix(name, "test_dsn_is_dropped_at_the_test") {
			t.Errorf("the database's name %q does not contain its test", name)
		}
		if count(t, open(t, Empty(t)), "select count(*) from pg_database where datname = $1", name) != 0 {
			t.Errorf("the database %s is still there", name)
		}
	})
}

func TestEmpty(t *testing.T) {
	if n := count(t, open(t, Empty(t)), "select count(*) from pg_tables where schemaname = 'public'"); n != 0 {
		t.Errorf("%d tables in an empty database", n)
	}
}

func TestEnsureTemplate_replaces_a_half_made_one(t *testing.T) {
	server, err := serverURL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const name = "driftsentry_template_test"
	if err := execute(t.Context(), server, "create database "+name+"_new"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := execute(context.Background(), server, "drop database if exists "+name); err != nil {
			t.Error(err)
		}
	})
	if err := makeTemplate(t.Context(), server, name); err != nil {
		t.Fatal(err)
	}
	if count(t, open(t, copyOf(t.Context(), t, server, name)), "select count(*) from drift") != 0 {
		t.Error("the drift table is not empty")
	}
}

func TestCluster_survives_a_crash(t *testing.T) {
	c := Cluster(t)
	conn := open(t, c.DSN("driftsentry"))
	if _, err := conn.Exec(t.Context(), "create table kept as select 42 as answer"); err != nil {
		t.Fatal(err)
	}
	if err := c.StopImmediate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := count(t, open(t, c.DSN("driftsentry")), "select answer from kept"); got != 42 {
		t.Errorf("answer = %d, want 42", got)
	}
}

func TestServerURL_without_a_server_says_what_to_do(t *testing.T) {
	if os.Getenv("TEST_DATABASE_URL") != "" {
		t.Setenv("TEST_DATABASE_URL", "")
	}
	private.mu.Lock()
	allowed := private.allowed
	private.allowed = false
	private.mu.Unlock()
	defer func() { private.allowed = allowed }()
	_, err := serverURL(t.Context())
	for _, part := range []string{"make test", "TEST_DATABASE_URL", "pgtest.Main"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("err = %v, want %q in it", err, part)
		}
	}
}
