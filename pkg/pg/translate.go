package pg

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// SQLSTATEs that mean something to us. https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	lockNotAvailable     = "55P03"
	queryCanceled        = "57014"
	readOnlyTransaction  = "25006"
	idleInTxTimeout      = "25P03"
	uniqueViolation      = "23505"
)

// Translate turns what the driver says into an apierror.Error where it has a meaning for the caller: a database that is gone,
// restarting, read-only or too busy is Unavailable, a statement over its time is Timeout. Everything else stays as it is,
// with the stack that led here, since nobody else knows where it began.
func Translate(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*apierror.Error](err); ok {
		return err
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return translateState(pgErr, err)
	}
	// The request's own end is told by its context, whatever the driver makes of the torn connection.
	if errors.Is(err, context.Canceled) || (errors.Is(err, context.DeadlineExceeded) && !isConnect(err)) {
		return err
	}
	if isConnect(err) || isNetwork(err) {
		return apierror.Wrap(apierror.Unavailable, err, "the database is not available")
	}
	return telemetry.WithStack(err)
}

// translateIn is Translate for what was done within ctx. After a network failure the driver may tell of a context that ended
// which is not the caller's: then the caller did not go away, and the database did.
//
// A statement that was taken back when its request ended has Postgres's error for that, and is no error of the database.
func translateIn(ctx context.Context, err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == queryCanceled && ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return apierror.Wrap(apierror.Unavailable, err, "the database is not available")
	}
	return Translate(err)
}

func translateState(pgErr *pgconn.PgError, err error) error {
	switch pgErr.Code {
	case queryCanceled:
		return apierror.Wrap(apierror.Timeout, err, "the database took too long")
	case deadlockDetected, serializationFailure, lockNotAvailable:
		return apierror.Wrap(apierror.Unavailable, err, "the database is busy")
	case readOnlyTransaction, idleInTxTimeout:
		return apierror.Wrap(apierror.Unavailable, err, "the database is not available")
	}
	switch class, _ := splitState(pgErr.Code); class {
	// Connection exceptions, insufficient resources, operator intervention (shutdown, crash, starting up), system errors.
	case "08", "53", "57", "58":
		return apierror.Wrap(apierror.Unavailable, err, "the database is not available")
	}
	return telemetry.WithStack(err)
}

func splitState(code string) (class, rest string) {
	if len(code) != 5 {
		return "", code
	}
	return code[:2], code[2:]
}

func isConnect(err error) bool {
	_, ok := errors.AsType[*pgconn.ConnectError](err)
	return ok
}

func isNetwork(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return true
	}
	// pgconn has no exported error for a connection that was found closed or busy after a network failure.
	return strings.Contains(err.Error(), "conn closed")
}

func retryable(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code == deadlockDetected || pgErr.Code == serializationFailure)
}

// UniqueViolation gives the name of the unique constraint or index that err says was violated.
func UniqueViolation(err error) (constraint string, ok bool) {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pgErr.Code != uniqueViolation {
		return "", false
	}
	return pgErr.ConstraintName, true
}
