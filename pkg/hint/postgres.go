package hint

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/pg"
)

// Channel is the Postgres channel of the hints.
const Channel = "driftsentry_stream"

// Postgres is the way through Postgres's NOTIFY and LISTEN.
type Postgres struct{ DB *pg.DB }

// Notify implements Way: all hints in one statement, outside of every transaction that made them.
func (p Postgres) Notify(ctx context.Context, hints []Hint) error {
	payloads := make([]string, len(hints))
	for i, h := range hints {
		payloads[i] = h.String()
	}
	_, err := p.DB.Exec(ctx, `-- NOTIFY
		select pg_notify(@channel, hint) from unnest(@hints::text[]) as hint`, pg.Args{"channel": Channel, "hints": payloads})
	return err
}

// Close implements Way. The pool is the service's.
func (Postgres) Close() {}

const (
	// silence is how long a silent connection is trusted.
	silence     = 30 * time.Second
	pingTimeout = 5 * time.Second
)

// Listen implements Way, on a connection that it keeps.
func (p Postgres) Listen(ctx context.Context, ready func(), receive func(payload string)) error {
	pooled, err := p.DB.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("get a connection to listen on: %w", err)
	}
	// A connection that listens must not go back to the pool: closing it makes the pool drop it.
	defer pooled.Release()
	conn := pooled.Conn()
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "-- LISTEN\nlisten "+pgx.Identifier{Channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen: %w", pg.Translate(err))
	}
	ready()
	for {
		if err := waitAndReceive(ctx, conn, receive); err != nil {
			return fmt.Errorf("wait for a notification: %w", pg.Translate(err))
		}
	}
}

// waitAndReceive waits for one notification. A peer that vanished without a word is found by a ping.
func waitAndReceive(ctx context.Context, conn *pgx.Conn, receive func(string)) error {
	waitCtx, cancel := context.WithTimeout(ctx, silence)
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
