package hint

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
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
	// proofInterval is how often a listener proves that it hears, proofTimeout how long it waits to hear itself.
	proofInterval = 5 * time.Second
	proofTimeout  = 5 * time.Second
)

// ErrDeaf says that a listener does not hear its own notification.
var ErrDeaf = errors.New("the listening connection does not hear what is sent: behind a pooler in transaction mode, " +
	"DATABASE_DIRECT_URL has to lead past it")

// Listen implements Way, on a connection of its own. A pooler may take LISTEN and pass nothing on, and the address of the
// database may have moved while the old server is still there. So a listener proves itself: it hears what it sends itself
// through the pool, on a channel of its own, before it says that it listens, and every few seconds from then on.
func (p Postgres) Listen(ctx context.Context, ready func(), receive func(payload string)) error {
	conn, err := p.DB.Direct(ctx)
	if err != nil {
		return fmt.Errorf("get a connection to listen on: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	proof := Channel + "_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	for _, channel := range []string{Channel, proof} {
		if _, err := conn.Exec(ctx, "-- LISTEN\nlisten "+pgx.Identifier{channel}.Sanitize()); err != nil {
			return fmt.Errorf("listen: %w", pg.Translate(err))
		}
	}
	for first := true; ; first = false {
		if err := p.prove(ctx, conn, proof, receive); err != nil {
			return err
		}
		if first {
			ready()
		}
		if err := pass(ctx, conn, proofInterval, receive); err != nil {
			return err
		}
	}
}

// prove sends a notification and waits until it is heard. Hints that come meanwhile are passed on.
func (p Postgres) prove(ctx context.Context, conn *pgx.Conn, channel string, receive func(string)) error {
	proofCtx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	if _, err := p.DB.Exec(proofCtx, "-- NOTIFY\nselect pg_notify(@channel, '')", pg.Args{"channel": channel}); err != nil {
		return fmt.Errorf("send a notification to oneself: %w", err)
	}
	for {
		n, err := conn.WaitForNotification(proofCtx)
		switch {
		case err == nil && n.Channel == channel:
			return nil
		case err == nil:
			receive(n.Payload)
		case ctx.Err() == nil && proofCtx.Err() != nil:
			return ErrDeaf
		default:
			return fmt.Errorf("wait for a notification: %w", pg.Translate(err))
		}
	}
}

// pass passes hints on for a while.
func pass(ctx context.Context, conn *pgx.Conn, d time.Duration, receive func(string)) error {
	waitCtx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(waitCtx)
		switch {
		case err == nil:
			receive(n.Payload)
		case ctx.Err() == nil && waitCtx.Err() != nil:
			return nil
		default:
			return fmt.Errorf("wait for a notification: %w", pg.Translate(err))
		}
	}
}
