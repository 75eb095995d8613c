package pg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/driftsentry/driftsentry/pkg/config"
)

// Config is the pool's part of a service's configuration.
type Config struct {
	URL config.Secret `env:"DATABASE_URL,required,notEmpty"`
	// DirectURL leads past a pooler, for what needs a session of its own: listening, and migrations. Empty is URL.
	DirectURL         config.Secret `env:"DATABASE_DIRECT_URL"`
	MaxConns          int32         `env:"DATABASE_MAX_CONNS"             envDefault:"10"`
	ConnectTimeout    time.Duration `env:"DATABASE_CONNECT_TIMEOUT"       envDefault:"5s"`
	AcquireTimeout    time.Duration `env:"DATABASE_ACQUIRE_TIMEOUT"       envDefault:"5s"`
	StatementTimeout  time.Duration `env:"DATABASE_STATEMENT_TIMEOUT"     envDefault:"15s"`
	LockTimeout       time.Duration `env:"DATABASE_LOCK_TIMEOUT"          envDefault:"5s"`
	IdleInTransaction time.Duration `env:"DATABASE_IDLE_IN_TX_TIMEOUT"    envDefault:"30s"`
}

// Validate checks what no single value can tell.
func (c Config) Validate() []error {
	var problems []error
	if _, err := pgx.ParseConfig(c.DirectURL.Reveal()); c.DirectURL != "" && err != nil {
		problems = append(problems, config.Problem{Variable: "DATABASE_DIRECT_URL", Err: errors.New("is not a Postgres URL (postgres://user:password@host:port/name)")})
	}
	if pc, err := pgxpool.ParseConfig(c.URL.Reveal()); c.URL != "" && err != nil {
		// The driver's own message repeats the URL, with its password.
		problems = append(problems, config.Problem{Variable: "DATABASE_URL", Err: errors.New("is not a Postgres URL (postgres://user:password@host:port/name)")})
	} else if err == nil && slices.Contains(textModes, pc.ConnConfig.DefaultQueryExecMode) {
		problems = append(problems, config.Problem{Variable: "DATABASE_URL", Err: fmt.Errorf(
			"has default_query_exec_mode=%s, in which Postgres sends text where we read its binary format", pc.ConnConfig.DefaultQueryExecMode)})
	} else if err == nil && pc.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeDescribeExec {
		problems = append(problems, config.Problem{Variable: "DATABASE_URL", Err: errors.New(
			"has default_query_exec_mode=describe_exec, in which a pooler can mix up the statements of its clients; cache_describe needs no named statements either")})
	}
	if c.MaxConns < 1 || c.MaxConns > 1000 {
		problems = append(problems, config.Problem{Variable: "DATABASE_MAX_CONNS", Err: errors.New("must be from 1 to 1000")})
	}
	return problems
}

// textModes are those in which the driver doesn't know a column's type, and asks for text.
var textModes = []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol}

// Direct is where a session of its own is had.
func (c Config) Direct() config.Secret {
	if c.DirectURL != "" {
		return c.DirectURL
	}
	return c.URL
}

// cancelTimeout is how long a statement that was cancelled may take to end before its connection is given up.
const cancelTimeout = 2 * time.Second

// prepare sets what all connections have in common.
func (c Config) prepare(cc *pgx.ConnConfig, application string, tracer pgx.QueryTracer) {
	cc.ConnectTimeout = c.ConnectTimeout
	cc.Tracer = tracer
	// Of what a pooler knows: it refuses other start-up parameters.
	maps.Copy(cc.RuntimeParams, map[string]string{"application_name": application, "timezone": "UTC"})
	if cc.ValidateConnect == nil {
		// A standby, or a primary that was fenced, is no database for us: the next host, or the next attempt, may be one.
		cc.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
}

// cancels makes a request that ends take back its statement, so that the connection stays. (Not on one that waits for
// notifications, where every wait ends so.)
func cancels(conn *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelTimeout}
}

// limit sets the session's limits. Behind a pooler in transaction mode they do not last: there the role has to have them.
func (c Config) limit(ctx context.Context, conn *pgx.Conn) error {
	return conn.PgConn().Exec(ctx, fmt.Sprintf("set statement_timeout = %d; set lock_timeout = %d; set idle_in_transaction_session_timeout = %d",
		c.StatementTimeout.Milliseconds(), c.LockTimeout.Milliseconds(), c.IdleInTransaction.Milliseconds())).Close()
}
