package pg_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/codes"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t *testing.T, change ...func(*pg.Config)) (*pg.DB, *telemetrytest.Recorder) {
	t.Helper()
	c := pg.Config{
		URL: config.Secret(pgtest.Empty(t)), MaxConns: 4, ConnectTimeout: 10 * time.Second, AcquireTimeout: 10 * time.Second,
		StatementTimeout: 10 * time.Second, LockTimeout: 10 * time.Second, IdleInTransaction: 10 * time.Second,
	}
	for _, f := range change {
		f(&c)
	}
	tel := telemetrytest.Start(t)
	db, err := pg.Open(t.Context(), c, "pg_test", tel)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db, tel
}

func exec(t *testing.T, db *pg.DB, sql string) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, db *pg.DB, sql string) int {
	t.Helper()
	return pgtest.Value[int](t, db, sql)
}

func TestDB_InTx(t *testing.T) {
	db, tel := open(t)
	exec(t, db, "-- CREATE thing\ncreate table thing (id int primary key, n int not null default 0)")
	insert := func(ctx context.Context, tx *pg.Tx, id int) error {
		_, err := tx.Exec(ctx, "-- INSERT thing\ninsert into thing (id) values ($1)", id)
		return err
	}

	t.Run("commits", func(t *testing.T) {
		if err := db.InTx(t.Context(), "add", func(ctx context.Context, tx *pg.Tx) error { return insert(ctx, tx, 1) }); err != nil {
			t.Fatal(err)
		}
		if count(t, db, "select count(*)::int from thing where id = 1") != 1 {
			t.Error("the row is not there")
		}
	})
	t.Run("an error rolls back and is kept", func(t *testing.T) {
		mine := errors.New("no")
		err := db.InTx(t.Context(), "add", func(ctx context.Context, tx *pg.Tx) error {
			return errors.Join(insert(ctx, tx, 2), mine)
		})
		if !errors.Is(err, mine) || count(t, db, "select count(*)::int from thing where id = 2") != 0 {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("a panic rolls back and gives the connection back", func(t *testing.T) {
		for range 10 { // more often than the pool has connections
			func() {
				defer func() { _ = recover() }()
				_ = db.InTx(t.Context(), "add", func(ctx context.Context, tx *pg.Tx) error {
					_ = insert(ctx, tx, 3)
					panic("boom")
				})
			}()
		}
		if count(t, db, "select count(*)::int from thing where id = 3") != 0 {
			t.Error("the row stayed")
		}
	})
	t.Run("a cancelled request rolls back too", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := db.InTx(ctx, "add", func(ctx context.Context, tx *pg.Tx) error {
			defer cancel()
			return insert(ctx, tx, 4)
		})
		if apierror.From(err).Kind != apierror.Canceled {
			t.Errorf("err = %v", err)
		}
		if count(t, db, "select count(*)::int from thing where id = 4") != 0 {
			t.Error("the row stayed")
		}
	})
	t.Run("a deadlock's victim is tried again", func(t *testing.T) {
		exec(t, db, "insert into thing (id) values (10), (11)")
		// Each locks its row, waits until both have, then wants the other's.
		locked := make(chan struct{}, 2)
		both := make(chan struct{})
		lockThen := func(first, second int) error {
			tried := false
			return db.InTx(t.Context(), "swap", func(ctx context.Context, tx *pg.Tx) error {
				if _, err := tx.Exec(ctx, "update thing set n = n + 1 where id = $1", first); err != nil {
					return err
				}
				if !tried {
					tried = true
					locked <- struct{}{}
					<-both
				}
				_, err := tx.Exec(ctx, "update thing set n = n + 1 where id = $1", second)
				return err
			})
		}
		results := make(chan error, 2)
		go func() { results <- lockThen(10, 11) }()
		go func() { results <- lockThen(11, 10) }()
		<-locked
		<-locked
		close(both)
		if err := errors.Join(<-results, <-results); err != nil {
			t.Fatal(err)
		}
		if n := count(t, db, "select sum(n)::int from thing where id in (10, 11)"); n != 4 {
			t.Errorf("sum = %d, want 4: each transaction once", n)
		}
	})
	t.Run("spans are named by statement and transaction, and have no values", func(t *testing.T) {
		tel.Reset()
		ctx, span := tel.Tracer().Start(t.Context(), "request")
		_ = db.InTx(ctx, "add", func(ctx context.Context, tx *pg.Tx) error { return insert(ctx, tx, 1) }) // violates the key
		span.End()
		var names []string
		for _, s := range tel.Spans() {
			names = append(names, s.Name)
		}
		for _, want := range []string{"transaction add", "BEGIN; INSERT thing", "ROLLBACK"} {
			if !slices.Contains(names, want) {
				t.Errorf("no span %q in %q", want, names)
			}
		}
		if s := tel.Span("transaction add"); s.Status.Code != codes.Error {
			t.Errorf("status = %v", s.Status)
		}
	})
}

func TestTranslate(t *testing.T) {
	t.Run("an exhausted pool is unavailable", func(t *testing.T) {
		db, _ := open(t, func(c *pg.Config) { c.MaxConns, c.AcquireTimeout = 1, 10*time.Millisecond })
		conn, err := db.Acquire(t.Context())
		for apierror.Is(err, apierror.Unavailable) { // the first connection may take longer to make than this test's timeout
			conn, err = db.Acquire(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
		if _, err := db.Exec(t.Context(), "select 1"); !apierror.Is(err, apierror.Unavailable) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("a statement over its time is a timeout", func(t *testing.T) {
		db, _ := open(t, func(c *pg.Config) { c.StatementTimeout = 20 * time.Millisecond })
		if _, err := db.Exec(t.Context(), "select pg_sleep(60)"); !apierror.Is(err, apierror.Timeout) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("a lock that is not to be had is unavailable", func(t *testing.T) {
		db, _ := open(t, func(c *pg.Config) { c.LockTimeout = 20 * time.Millisecond })
		exec(t, db, "create table thing (id int)")
		err := db.InTx(t.Context(), "hold", func(ctx context.Context, tx *pg.Tx) error {
			if _, err := tx.Exec(ctx, "lock table thing"); err != nil {
				return err
			}
			_, err := db.Exec(ctx, "select * from thing") // on another connection
			return err
		})
		if !apierror.Is(err, apierror.Unavailable) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("a killed connection is unavailable, and the next call works", func(t *testing.T) {
		db, _ := open(t)
		if _, err := db.Exec(t.Context(), "select pg_terminate_backend(pg_backend_pid())"); !apierror.Is(err, apierror.Unavailable) {
			t.Errorf("err = %v", err)
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("no listener: unavailable, and the message reveals nothing", func(t *testing.T) {
		db, _ := open(t, func(c *pg.Config) { c.URL = "postgres://someone:s3cret@127.0.0.1:1/nothing" })
		err := db.Ping(t.Context())
		if !apierror.Is(err, apierror.Unavailable) {
			t.Fatalf("err = %v", err)
		}
		if m := apierror.From(err).Message; strings.Contains(m, "127.0.0.1") {
			t.Errorf("message = %q", m)
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error has the password: %v", err)
		}
	})
	t.Run("a unique violation names its constraint", func(t *testing.T) {
		db, _ := open(t)
		exec(t, db, "create table thing (id int constraint thing_key primary key)")
		exec(t, db, "insert into thing values (1)")
		_, err := db.Exec(t.Context(), "insert into thing values (1)")
		if name, ok := pg.UniqueViolation(err); !ok || name != "thing_key" {
			t.Errorf("got %q, %v for %v", name, ok, err)
		}
	})
}

func TestOpen_timeouts(t *testing.T) {
	db, _ := open(t, func(c *pg.Config) {
		c.StatementTimeout, c.LockTimeout, c.IdleInTransaction = 15*time.Second, 5*time.Second, 30*time.Second
	})
	for setting, want := range map[string]string{
		"statement_timeout": "15s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "30s",
		"application_name": "pg_test", "TimeZone": "UTC",
	} {
		rows, err := db.Query(t.Context(), "select current_setting($1)", setting)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
		if err != nil || got != want {
			t.Errorf("%s = %q, want %q (%v)", setting, got, want, err)
		}
	}
}

func TestConfig_Validate(t *testing.T) {
	problems := pg.Config{URL: "postgres://u:s3cret@host:port/db", MaxConns: 0}.Validate()
	if len(problems) != 2 {
		t.Fatalf("problems = %v", problems)
	}
	for _, p := range problems {
		if strings.Contains(p.Error(), "s3cret") {
			t.Errorf("the problem has the password: %v", p)
		}
	}
	// In these modes every column comes as text, which Row refuses.
	for mode, want := range map[string]int{"simple_protocol": 1, "exec": 1, "cache_describe": 0, "describe_exec": 1, "cache_statement": 0} {
		problems := pg.Config{URL: config.Secret("postgres://u@host/db?default_query_exec_mode=" + mode), MaxConns: 1}.Validate()
		if len(problems) != want {
			t.Errorf("%s: %v", mode, problems)
		}
	}
}
