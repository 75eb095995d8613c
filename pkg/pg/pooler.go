package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// errUnsafe is the error for a pooler that loses prepared statements.
var errUnsafe = errors.New("DATABASE_URL leads through a pooler in transaction mode that does not keep prepared statements: " +
	"use session mode, or pgbouncer 1.21 or later with max_prepared_statements, or add default_query_exec_mode=cache_describe")

// IsUnsafe reports whether err says that the pooler before the database can't be used.
func IsUnsafe(err error) bool { return errors.Is(err, errUnsafe) }

const (
	poolerTimeout     = 5 * time.Second
	undefinedPrepared = "26000"
)

// CheckPooler finds out whether a statement that was prepared on a connection is there when it runs. Behind a pooler in
// transaction mode another connection may have taken the server meanwhile; so one does.
func (db *DB) CheckPooler(ctx context.Context) error {
	if db.pool.Config().ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheDescribe {
		return nil // It needs no named statements.
	}
	ctx, cancel := context.WithTimeout(ctx, poolerTimeout)
	defer cancel()
	config := &db.pool.Config().ConnConfig.Config
	ours, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return translateIn(ctx, err)
	}
	defer ours.Close(context.WithoutCancel(ctx))
	other, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return translateIn(ctx, err)
	}
	defer other.Close(context.WithoutCancel(ctx))

	const name = "driftsentry_check"
	if _, err := ours.Prepare(ctx, name, "select 1", nil); err != nil {
		return translateIn(ctx, err)
	}
	// The pooler gives it the server that was used last.
	if err := other.Exec(ctx, "begin").Close(); err != nil {
		return translateIn(ctx, err)
	}
	err = ours.ExecPrepared(ctx, name, nil, nil, nil).Read().Err
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == undefinedPrepared {
		return errUnsafe
	}
	return translateIn(ctx, err)
}

// IsRefusal reports whether the database, or a pooler before it, refuses us in a way that does not pass by itself: a wrong
// password, a database or a role that is not there, a start-up parameter that is not known.
func IsRefusal(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	class := classOf(pgErr.Code)
	return class == "28" || class == "3D" || pgErr.Code == "08P01"
}

// Misconfigured says of a refusal what it is. The driver's own text may repeat the address, but never the password.
func Misconfigured(err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("misconfiguration: the database refuses DATABASE_URL: %s (SQLSTATE %s)", pgErr.Message, pgErr.Code)
	}
	return err
}
