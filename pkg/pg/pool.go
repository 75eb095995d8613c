// Package pg is the access to Postgres: a pool with its timeouts, traces and metrics, transactions that are traced and
// retried on deadlock, and the translation of driver errors into application errors.
//
// A statement's first line may name it: `-- SELECT drift`. That name is the span's name and the operation of the
// duration metric, so both have few values and name the operation and the table.
package pg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// Config is the pool's part of a service's configuration.
type Config struct {
	URL               config.Secret `env:"DATABASE_URL,required,notEmpty"`
	MaxConns          int32         `env:"DATABASE_MAX_CONNS"             envDefault:"10"`
	ConnectTimeout    time.Duration `env:"DATABASE_CONNECT_TIMEOUT"       envDefault:"5s"`
	AcquireTimeout    time.Duration `env:"DATABASE_ACQUIRE_TIMEOUT"       envDefault:"5s"`
	StatementTimeout  time.Duration `env:"DATABASE_STATEMENT_TIMEOUT"     envDefault:"15s"`
	LockTimeout       time.Duration `env:"DATABASE_LOCK_TIMEOUT"          envDefault:"5s"`
	IdleInTransaction time.Duration `env:"DATABASE_IDLE_IN_TX_TIMEOUT"    envDefault:"30s"`
}

// Validate checks several values together.
func (c Config) Validate() []error {
	var problems []error
	if pc, err := pgxpool.ParseConfig(c.URL.Reveal()); c.URL != "" && err != nil {
		// The driver's own message repeats the URL, with its password.
		problems = append(problems, config.Problem{Variable: "DATABASE_URL", Err: errors.New("is not a Postgres URL (postgres://user:password@host:port/name)")})
	} else if err == nil && slices.Contains(textModes, pc.ConnConfig.DefaultQueryExecMode) {
		problems = append(problems, config.Problem{Variable: "DATABASE_URL", Err: fmt.Errorf(
			"has default_query_exec_mode=%s, in which Postgres sends text where we read its binary format", pc.ConnConfig.DefaultQueryExecMode)})
	}
	if c.MaxConns < 1 || c.MaxConns > 1000 {
		problems = append(problems, config.Problem{Variable: "DATABASE_MAX_CONNS", Err: errors.New("must be from 1 to 1000")})
	}
	return problems
}

// textModes are the modes in which the driver doesn't know a column's type, and requests text.
var textModes = []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol}

// Querier runs statements: a DB, or a transaction of it.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// DB is a pool of connections. The zero value is not usable; call Open.
type DB struct {
	pool           *pgxpool.Pool
	tracer         trace.Tracer
	acquireTimeout time.Duration
}

// Telemetry receives the pool's reports.
type Telemetry interface {
	TracerProvider() trace.TracerProvider
	MeterProvider() metric.MeterProvider
}

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
	pc.ConnConfig.ConnectTimeout = c.ConnectTimeout
	maps.Copy(pc.ConnConfig.RuntimeParams, map[string]string{
		"application_name":                    application,
		"timezone":                            "UTC",
		"statement_timeout":                   milliseconds(c.StatementTimeout),
		"lock_timeout":                        milliseconds(c.LockTimeout),
		"idle_in_transaction_session_timeout": milliseconds(c.IdleInTransaction),
	})
	pc.ConnConfig.Tracer = newTracer(tel)
	// Without it an id is encoded as text, after an attempt that fails.
	pc.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		pgxuuid.Register(conn.TypeMap())
		return nil
	}

	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("make the connection pool: %w", err)
	}
	if err := recordStats(pool, tel); err != nil {
		pool.Close()
		return nil, fmt.Errorf("export the pool's statistics: %w", err)
	}
	return &DB{
		pool: pool, acquireTimeout: c.AcquireTimeout,
		tracer: tel.TracerProvider().Tracer("github.com/driftsentry/driftsentry/pkg/pg"),
	}, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func recordStats(pool *pgxpool.Pool, tel Telemetry) error {
	err := otelpgx.RecordStats(pool,
		otelpgx.WithStatsMeterProvider(tel.MeterProvider()),
		// The default name has host and database; a service with one pool needs only this.
		otelpgx.WithStatsAttributes(semconv.DBClientConnectionPoolName("main")))
	if err != nil {
		return err
	}
	in := instrument.From(tel.MeterProvider().Meter("github.com/driftsentry/driftsentry/pkg/pg"))
	in.Gauge(driftconv.DatabaseConnectionPoolSize, func(_ context.Context, o metric.Int64Observer) error {
		s := pool.Stat()
		o.Observe(int64(s.IdleConns()), metric.WithAttributeSet(stateIdle))
		o.Observe(int64(s.AcquiredConns()), metric.WithAttributeSet(stateUsed))
		return nil
	})
	return in.Err()
}

var (
	stateIdle = attribute.NewSet(attribute.String("state", "idle"))
	stateUsed = attribute.NewSet(attribute.String("state", "used"))
)

// Close waits until borrowed connections are returned, then closes all.
func (db *DB) Close() { db.pool.Close() }

// Ping runs one statement; it is the readiness check.
func (db *DB) Ping(ctx context.Context) error {
	_, err := db.Exec(ctx, "-- ping\nselect 1")
	return err
}

// Acquire borrows a connection, which the caller must release. A pool that stays exhausted is Unavailable.
func (db *DB) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	acquireCtx, cancel := context.WithTimeout(ctx, db.acquireTimeout)
	defer cancel()
	conn, err := db.pool.Acquire(acquireCtx)
	if err != nil {
		if ctx.Err() == nil && acquireCtx.Err() != nil {
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
		conn.Release()
		return nil, translateIn(ctx, err)
	}
	return &pooledRows{Rows: rows, conn: conn}, nil
}

// Exec runs a statement that gives no rows.
func (db *DB) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	defer conn.Release()
	tag, err := conn.Exec(ctx, sql, args...)
	return tag, translateIn(ctx, err)
}

// pooledRows gives its connection back when the rows end.
type pooledRows struct {
	pgx.Rows
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

func (r *pooledRows) Err() error { return Translate(r.Rows.Err()) }

func (r *pooledRows) release() {
	if r.conn != nil {
		r.conn.Release()
		r.conn = nil
	}
}
