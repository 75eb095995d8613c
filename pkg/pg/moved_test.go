package pg_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/pooler"
)

// fence makes every session of the pool read-only, as all of them are at once when the primary is demoted. New ones are not:
// they go where the address leads now.
func fence(t *testing.T, db *pg.DB) {
	t.Helper()
	var conns []*pgxpool.Conn
	for range 4 {
		conn, err := db.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "set default_transaction_read_only = on"); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		conn.Release()
	}
}

func TestDB_a_fenced_primary(t *testing.T) {
	db, _ := open(t)
	exec(t, db, "create table thing (id int)")
	insert := func(ctx context.Context) error {
		_, err := db.Exec(ctx, "insert into thing values (1)")
		return err
	}
	t.Run("a write that is refused lets go of all connections", func(t *testing.T) {
		fence(t, db)
		if err := insert(t.Context()); apierror.From(err).Kind != apierror.Unavailable {
			t.Errorf("err = %v", err)
		}
		for range 4 {
			if err := insert(t.Context()); err != nil {
				t.Fatalf("the pool kept a connection to the old primary: %v", err)
			}
		}
	})
	t.Run("in a transaction too", func(t *testing.T) {
		fence(t, db)
		write := func(ctx context.Context, tx *pg.Tx) error {
			_, err := tx.Exec(ctx, "insert into thing values (1)")
			return err
		}
		if err := db.InTx(t.Context(), "write", write); apierror.From(err).Kind != apierror.Unavailable {
			t.Errorf("err = %v", err)
		}
		for range 4 {
			if err := db.InTx(t.Context(), "write", write); err != nil {
				t.Fatalf("the pool kept a connection to the old primary: %v", err)
			}
		}
	})
	t.Run("the readiness check detects it in a read-only service", func(t *testing.T) {
		fence(t, db)
		if err := db.Ping(t.Context()); apierror.From(err).Kind != apierror.Unavailable {
			t.Errorf("err = %v", err)
		}
		for range 4 {
			if err := db.Ping(t.Context()); err != nil {
				t.Fatalf("the pool kept a connection to the old primary: %v", err)
			}
		}
	})
}

func TestDB_connects_to_a_primary_only(t *testing.T) {
	dsn := pgtest.Empty(t)
	db, _ := open(t, func(c *pg.Config) { c.URL = config.Secret(dsn) })
	exec(t, db, "alter database "+name(t, dsn)+" set default_transaction_read_only = on")
	standby, _ := open(t, func(c *pg.Config) { c.URL = config.Secret(dsn) })
	if _, err := standby.Exec(t.Context(), "select 1"); err == nil || apierror.From(err).Kind != apierror.Unavailable {
		t.Errorf("err = %v", err)
	}
}

func name(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

func with(t *testing.T, dsn, key, value string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(key, value)
	u.RawQuery = query.Encode()
	return u.String()
}

// TestDB_cancel: clients that leave cost neither a connection nor an error of the database.
func TestDB_cancel(t *testing.T) {
	db, tel := open(t, func(c *pg.Config) { c.MaxConns = 1 })
	for name, run := range map[string]func(context.Context) error{
		"a statement": func(ctx context.Context) error {
			_, err := db.Exec(ctx, "-- SLEEP\nselect pg_sleep(60)")
			return err
		},
		"rows": func(ctx context.Context) error {
			rows, err := db.Query(ctx, "-- SLEEP\nselect pg_sleep(60)")
			if err != nil {
				return err
			}
			for rows.Next() {
				continue
			}
			return rows.Err()
		},
		"a transaction": func(ctx context.Context) error {
			return db.InTx(ctx, "sleep", func(ctx context.Context, tx *pg.Tx) error {
				_, err := tx.Exec(ctx, "-- SLEEP\nselect pg_sleep(60)")
				return err
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			pid := count(t, db, "select pg_backend_pid()")
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- run(ctx) }()
			watching, _ := open(t)
			for pgtest.Value[int](t, watching, "select count(*)::int from pg_stat_activity where state = 'active' and query like '%pg_sleep(60)' and pid = $1", pid) == 0 {
				if t.Context().Err() != nil {
					t.Fatal("it never began")
				}
			}
			cancel()
			if err := <-ended; apierror.From(err).Kind != apierror.Canceled {
				t.Errorf("err = %v", err)
			}
			if now := count(t, db, "select pg_backend_pid()"); now != pid {
				t.Errorf("it cost the connection")
			}
		})
	}
	if metrics := tel.Metrics(); strings.Contains(metrics, `error_type="`) {
		t.Errorf("an error of the database was counted:\n%s", metrics)
	}
}

func TestDB_behind_pgbouncer(t *testing.T) {
	dsn := pgtest.Empty(t)
	use := func(t *testing.T, url string) *pg.DB {
		t.Helper()
		db, _ := open(t, func(c *pg.Config) { c.URL = config.Secret(url) })
		return db
	}
	t.Run("session mode", func(t *testing.T) {
		db := use(t, pooler.Start(t, dsn, pooler.Session))
		exec(t, db, "create table thing (id int)")
		if err := db.InTx(t.Context(), "write", func(ctx context.Context, tx *pg.Tx) error {
			_, err := tx.Exec(ctx, "insert into thing values ($1)", 1)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got := pgtest.Value[string](t, db, "select current_setting('statement_timeout')"); got != "10s" {
			t.Errorf("statement_timeout = %s", got)
		}
		if err := db.CheckPooler(t.Context()); err != nil {
			t.Errorf("it was refused: %v", err)
		}
	})
	t.Run("transaction mode without prepared statements is refused by name", func(t *testing.T) {
		err := use(t, pooler.Start(t, dsn, pooler.Transaction)).CheckPooler(t.Context())
		if !pg.IsUnsafe(err) || !strings.Contains(err.Error(), "DATABASE_URL") {
			t.Errorf("err = %v", err)
		}
	})
	works := func(t *testing.T, url string) {
		t.Helper()
		// Two pools, so that a connection gets servers that another one has prepared its statements on.
		pools := []*pg.DB{use(t, url), use(t, url)}
		for _, db := range pools {
			if err := db.CheckPooler(t.Context()); err != nil {
				t.Errorf("it was refused: %v", err)
			}
		}
		failed := make(chan error, 40)
		for i := range 40 {
			go func() {
				failed <- pools[i%len(pools)].InTx(t.Context(), "read", func(ctx context.Context, tx *pg.Tx) error {
					_, err := tx.Exec(ctx, "select $1::int, '"+strings.Repeat("x", i%7)+"'", i)
					return err
				})
			}()
		}
		for range 40 {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
	}
	t.Run("transaction mode without named statements", func(t *testing.T) {
		works(t, with(t, pooler.Start(t, dsn, pooler.Transaction), "default_query_exec_mode", "cache_describe"))
	})
	t.Run("transaction mode with prepared statements", func(t *testing.T) {
		works(t, pooler.Start(t, dsn, pooler.Prepared))
	})
	t.Run("a refusal is a misconfiguration", func(t *testing.T) {
		u := pooler.Start(t, dsn, pooler.Session)
		_, err := use(t, strings.Replace(u, name(t, dsn), "nothing", 1)).Exec(t.Context(), "select 1")
		if !pg.IsRefusal(err) || !strings.Contains(pg.Misconfigured(err).Error(), "misconfiguration") {
			t.Errorf("err = %v", err)
		}
	})
}

func TestIsRefusal(t *testing.T) {
	dsn := pgtest.Empty(t)
	db, _ := open(t, func(c *pg.Config) { c.URL = config.Secret(strings.Replace(dsn, name(t, dsn), "nothing", 1)) })
	if _, err := db.Exec(t.Context(), "select 1"); !pg.IsRefusal(err) {
		t.Errorf("a database that is not there: %v", err)
	}
	gone, _ := open(t, func(c *pg.Config) {
		c.URL, c.ConnectTimeout = "postgres://u:p@127.0.0.1:1/d", time.Second
	})
	if _, err := gone.Exec(t.Context(), "select 1"); pg.IsRefusal(err) || errors.Is(err, context.Canceled) {
		t.Errorf("a server that is away: %v", err)
	}
}
