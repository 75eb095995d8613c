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

// The SQLSTATEs that we handle. https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	lockNotAvailable     = "55P03"
	queryCanceled        = "57014"
	readOnlyTransaction  = "25006"
	idleInTxTimeout      = "25P03"
	uniqueViolation      = "23505"
	diskFull             = "53100"
)

// Translate turns the driver's errors into an apierror.Error if they mean something to the caller: a database that is
// down, restarting, read-only or too busy is Unavailable, a statement that exceeds its time is Timeout. Other errors
// are returned with the current stack, since only this function knows where they began.
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
	// The context says whether the request has ended, whatever the driver reports about the broken connection.
	if errors.Is(err, context.Canceled) || (errors.Is(err, context.DeadlineExceeded) && !isConnect(err)) {
		return err
	}
	if isConnect(err) || isNetwork(err) {
		return apierror.Wrap(apierror.Unavailable, err, "the database is not available")
	}
	return telemetry.WithStack(err)
}

// translateIn is Translate for an operation within ctx. After a network failure the driver may report a context that
// ended which is not the caller's: then the database disconnected, not the caller.
//
// A statement that was cancelled because its request ended has Postgres's error for that, which is not an error of the database.
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
	case diskFull:
		return apierror.Wrap(apierror.Unavailable, err, "the database has no space left on its disk, so nothing was written")
	}
	switch classOf(pgErr.Code) {
	// Connection exceptions, insufficient resources, operator intervention (shutdown, crash, starting up), system
	// errors.
	case "08", "53", "57", "58":
		return apierror.Wrap(apierror.Unavailable, err, "the database is not available")
	}
	return telemetry.WithStack(err)
}

func classOf(code string) string {
	if len(code) != 5 {
		return ""
	}
	return code[:2]
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
