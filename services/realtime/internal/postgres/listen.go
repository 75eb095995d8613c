package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/pg"
)

const (
	// pingInterval is how long a silent connection is trusted.
	pingInterval = 30 * time.Second
	pingTimeout  = 5 * time.Second
)

// Listen gives every notification of the hints' channel to receive, on a connection that it keeps. It calls ready when
// it listens, and returns with the error that ended it.
func (s *Store) Listen(ctx context.Context, ready func(), receive func(payload string)) error {
	pooled, err := s.db.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("get a connection to listen on: %w", err)
	}
	// A connection that listens must not go back to the pool: closing it makes the pool drop it.
	defer pooled.Release()
	conn := pooled.Conn()
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "-- LISTEN\nlisten "+pgx.Identifier{event.NotifyChannel}.Sanitize()); err != nil {
		return fmt.Errorf("listen: %w", pg.Translate(err))
	}
	ready()
	for {
		if err := waitAndReceive(ctx, conn, receive); err != nil {
			return fmt.Errorf("wait for a notification: %w", pg.Translate(err))
		}
	}
}

// waitAndReceive waits for one notification. A peer that vanished without a word is found by asking it something.
func waitAndReceive(ctx context.Context, conn *pgx.Conn, receive func(string)) error {
	waitCtx, cancel := context.WithTimeout(ctx, pingInterval)
	defer cancel()
	n, err := conn.WaitForNotification(waitCtx)
	switch {
	case err == nil:
		receive(n.Payload)
		return nil
	case ctx.Err() != nil || waitCtx.Err() == nil:
		return err
	}
	pingCtx, cancelPing := context.WithTimeout(ctx, pingTimeout)
	defer cancelPing()
	return conn.Ping(pingCtx)
}
