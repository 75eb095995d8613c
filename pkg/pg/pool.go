// Package pg is the access to Postgres: a pool with its timeouts, traces and metrics, transactions that are traced and
// retried on deadlock, and the translation of driver errors into application errors.
//
// A statement's first line may name it: `-- SELECT drift`, with the operation and the table. That name is the span's name and
// its `db.query.summary`, which the duration metric has, too.
package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
)

// Querier runs statements: a DB, or a transaction of it.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// DB is a pool of connections. The zero value is not usable; call Open.
type DB struct {
	pool           *pgxpool.Pool
	direct         *pgx.ConnConfig
	tracer         trace.Tracer
	use            *use
	acquireTimeout time.Duration
}

// Telemetry receives the pool's reports.
type Telemetry interface {
	TracerProvider() trace.TracerProvider
	MeterProvider() metric.MeterProvider
}

// scope names the instrumentation.
const scope = "github.com/driftsentry/driftsentry/pkg/pg"

// Open makes the pool. It does not connect: a service starts without its database, says that it is not ready, and
// recovers when the database comes. application names the connections in pg_stat_activity.
func Open(ctx context.Context, c Config, application string, tel Telemetry) (*DB, error) {
	pc, err := pgxpool.ParseConfig(c.URL.Reveal())
	if err != nil {
		return nil, errors.New("DATABASE_URL is not a Postgres URL")
	}
	pc.MaxConns = c.MaxConns
	pc.MaxConnIdleTime = 5 * time.Minute
	pc.MaxConnLifetime = time.Hour
	pc.MaxConnLifetimeJitter = 10 * time.Minute
	pc.HealthCheckPeriod = 30 * time.Second
	tracer, err := newTracer(tel, pc.ConnConfig.Database)
	if err != nil {
		return nil, err
	}
	u, err := newUse(tel)
	if err != nil {
		return nil, err
	}
	c.prepare(pc.ConnConfig, application, pooled{tracer, u})
	pc.ConnConfig.BuildContextWatcherHandler = cancels
	// Without it an id is encoded as text, after an attempt that fails.
	pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		pgxuuid.Register(conn.TypeMap())
		return c.limit(ctx, conn)
	}
	direct, err := pgx.ParseConfig(c.Direct().Reveal())
	if err != nil {
		return nil, errors.New("DATABASE_DIRECT_URL is not a Postgres URL")
	}
	c.prepare(direct, application, tracer)

	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("make the connection pool: %w", err)
	}
	if err := u.observe(pool, tel); err != nil {
		pool.Close()
		return nil, fmt.Errorf("export the pool's statistics: %w", err)
	}
	return &DB{pool: pool, direct: direct, acquireTimeout: c.AcquireTimeout, use: u, tracer: tel.TracerProvider().Tracer(scope)}, nil
}

// Close waits until borrowed connections are returned, then closes all.
func (db *DB) Close() { db.pool.Close() }

// Pool is for libraries that run statements of their own. Their errors are not translated.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Ping runs one statement; it is the readiness check. A primary that has become a standby, or was fenced, still responds:
// then the pool lets go of its connections, so that the next ones go where the address leads now.
func (db *DB) Ping(ctx context.Context) error {
	rows, err := db.Query(ctx, "-- ping\nselect current_setting('transaction_read_only') = 'on'")
	if err != nil {
		return err
	}
	readOnly, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	if err == nil && readOnly {
		db.pool.Reset()
		return apierror.Wrap(apierror.Unavailable, errReadOnly, "the database is not available")
	}
	return err
}

var errReadOnly = errors.New("the database takes no writes: it is a standby, or was fenced")

// Direct makes a connection outside of the pool, past a pooler where DATABASE_DIRECT_URL names such a way. The caller closes it.
func (db *DB) Direct(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, db.direct)
	return conn, translateIn(ctx, err)
}

// check looks at the error of a statement. One that a database refuses because it is read-only tells that the primary has
// moved: every connection of the pool leads to the old one, and is closed when it comes back.
func (db *DB) check(ctx context.Context, err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == readOnlyTransaction {
		db.pool.Reset()
	}
	return translateIn(ctx, err)
}

// Acquire borrows a connection, which the caller must release. A pool that stays exhausted is Unavailable.
func (db *DB) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	acquireCtx, cancel := context.WithTimeout(ctx, db.acquireTimeout)
	defer cancel()
	done := db.use.waiting(ctx)
	conn, err := db.pool.Acquire(acquireCtx)
	done(err == nil)
	if err != nil {
		if ctx.Err() == nil && acquireCtx.Err() != nil {
			db.use.timedOut(ctx)
			return nil, apierror.Wrap(apierror.Unavailable, err, "the database is busy")
		}
		return nil, translateIn(ctx, err)
	}
	return conn, nil
}

// Query runs a statement on a connection of its own, which goes back to the pool when the rows are closed or read.
func (db *DB) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		defer conn.Release()
		return nil, db.check(ctx, err)
	}
	return &pooledRows{Rows: rows, db: db, ctx: ctx, conn: conn}, nil
}

// Exec runs a statement that gives no rows.
func (db *DB) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	defer conn.Release()
	tag, err := conn.Exec(ctx, sql, args...)
	return tag, db.check(ctx, err)
}

// pooledRows gives its connection back when the rows end.
type pooledRows struct {
	pgx.Rows
	db   *DB
	ctx  context.Context //nolint:containedctx // Of the statement, whose error it explains.
	conn *pgxpool.Conn
}

func (r *pooledRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.release()
	return false
}

func (r *pooledRows) Close() {
	r.Rows.Close()
	r.release()
}

func (r *pooledRows) Err() error { return r.db.check(r.ctx, r.Rows.Err()) }

func (r *pooledRows) release() {
	if r.conn != nil {
		_ = r.Err() // Before the connection goes back, it must be known whether it may.
		r.conn.Release()
		r.conn = nil
	}
}
