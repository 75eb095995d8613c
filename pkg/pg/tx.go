package pg

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/otel/codes"
)

// How often a transaction is tried that loses a deadlock. Locks are taken in one order, so a
// second attempt is rare and a third very rare.
const maxAttempts = 4

// InTx runs fn in a transaction with a span of its own, named "transaction <name>", and commits when fn gives no error.
// On a deadlock or a serialisation failure everything is rolled back and fn runs again: it must have no effect
// outside of the transaction.
func (db *DB) InTx(ctx context.Context, name string, fn func(ctx context.Context, tx *Tx) error) error {
	ctx, span := db.tracer.Start(ctx, "transaction "+name)
	defer span.End()
	err := db.retryTx(ctx, fn)
	if err != nil {
		span.SetStatus(codes.Error, "rolled back")
	}
	return err
}

func (db *DB) retryTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	attempt := func() (struct{}, error) {
		err := db.runTx(ctx, fn)
		if err != nil && !retryable(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}
	pauses := &backoff.ExponentialBackOff{InitialInterval: 5 * time.Millisecond, MaxInterval: 20 * time.Millisecond, Multiplier: 2, RandomizationFactor: 0.9}
	_, err := backoff.Retry(ctx, attempt, backoff.WithBackOff(pauses), backoff.WithMaxTries(maxAttempts))
	return translateIn(ctx, err)
}

func (db *DB) runTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx := newTx(conn.Conn())
	// Rolls back after an error and after a panic; after a commit it does nothing. The request's context may have
	// ended, and a transaction must end anyway.
	defer func() {
		rollback, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		tx.rollback(rollback)
	}()
	if err := fn(ctx, tx); err != nil {
		return err
	}
	return tx.commit(ctx)
}

var errFailedBefore = errors.New("committed after a statement had failed")
