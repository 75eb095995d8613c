package pg

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/codes"
)

// How often a transaction is tried that Postgres chose as a deadlock's victim. Locks are taken in one order, so a
// second attempt is rare and a third nearly unheard of.
const maxAttempts = 4

// InTx runs fn in a transaction with a span of its own, named "transaction <name>", and commits when fn gives no error.
// On a deadlock or a serialisation failure everything is rolled back and fn runs again: it must have no effect
// outside of the transaction.
func (db *DB) InTx(ctx context.Context, name string, fn func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, span := db.tracer.Start(ctx, "transaction "+name)
	defer span.End()
	err := db.retryTx(ctx, fn)
	if err != nil {
		span.SetStatus(codes.Error, "rolled back")
	}
	return err
}

func (db *DB) retryTx(ctx context.Context, fn func(ctx context.Context, tx pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := db.runTx(ctx, fn)
		if err == nil || attempt == maxAttempts || !retryable(err) {
			return translateIn(ctx, err)
		}
		pause := time.NewTimer(rand.N(time.Duration(attempt) * 10 * time.Millisecond)) //nolint:gosec // Jitter.
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return Translate(ctx.Err())
		}
	}
}

func (db *DB) runTx(ctx context.Context, fn func(ctx context.Context, tx pgx.Tx) error) error {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	// Rolls back after an error and after a panic; after a commit it does nothing. The request's context may have
	// ended, and a transaction must end all the same.
	defer func() {
		rollback, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = tx.Rollback(rollback)
	}()
	if err := fn(ctx, translated{tx}); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		if errors.Is(err, pgx.ErrTxCommitRollback) {
			return errors.New("committed after a statement had failed")
		}
		return err
	}
	return nil
}

// translated is a transaction whose errors are translated where they happen.
type translated struct{ pgx.Tx }

func (t translated) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	rows, err := t.Tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, Translate(err)
	}
	return translatedRows{rows}, nil
}

func (t translated) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	tag, err := t.Tx.Exec(ctx, sql, args...)
	return tag, Translate(err)
}

type translatedRows struct{ pgx.Rows }

func (r translatedRows) Err() error { return Translate(r.Rows.Err()) }
