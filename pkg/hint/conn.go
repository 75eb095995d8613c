package hint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"
)

// Telemetry is what the connection reports to.
type Telemetry interface {
	Tracer() trace.Tracer
	Logger() *slog.Logger
}

// Conn is a connection to NATS that comes back by itself, for ever.
type Conn struct {
	nats   *nats.Conn
	tracer trace.Tracer
}

const (
	// subject is followed by the account. A reader that follows few accounts could ask for theirs alone.
	subject     = "driftsentry.stream."
	traceparent = "traceparent"
	// A peer that vanished without a word is given up after two pings.
	pingInterval = 5 * time.Second
	firstPause   = 100 * time.Millisecond
	lastPause    = 5 * time.Second
)

// Open makes the connection, and does not wait for it. name is what NATS's own monitoring shows.
func Open(c Config, name string, tel Telemetry) (*Conn, error) {
	options, err := c.options()
	if err != nil {
		return nil, err
	}
	log := tel.Logger()
	options = append(options,
		nats.Name(name), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2),
		// Replicas should not come back together.
		nats.CustomReconnectDelay(func(attempts int) time.Duration {
			pause := min(firstPause<<min(attempts, 10), lastPause)
			return pause/2 + rand.N(pause/2+1) //nolint:gosec // Jitter.
		}),
		// What is told while NATS is away would be old when it is back.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.LogAttrs(context.Background(), slog.LevelWarn, "NATS is gone; readers will find the events by themselves", slog.String("error.message", err.Error()))
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.LogAttrs(context.Background(), slog.LevelInfo, "NATS is back") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.LogAttrs(context.Background(), slog.LevelWarn, "NATS reports a problem", slog.String("error.message", err.Error()))
		}),
	)
	conn, err := nats.Connect(c.URL.Reveal(), options...)
	if err != nil {
		return nil, errors.New("NATS can't be set up: NATS_URL, NATS_CREDENTIALS or the certificates are wrong") // Its own message may hold a password.
	}
	return &Conn{conn, tel.Tracer()}, nil
}

// Close ends the connection.
func (c *Conn) Close() { c.nats.Close() }

func attributes(operation string, kind attribute.KeyValue) trace.SpanStartEventOption {
	return trace.WithAttributes(
		semconv.MessagingSystemKey.String("nats"), semconv.MessagingOperationName(operation), kind,
		semconv.MessagingDestinationName("driftsentry.stream"),
	)
}

var errDisconnected = errors.New("NATS is not connected")

// connected gives an error while there is nobody to talk to.
func (c *Conn) connected() error {
	if !c.nats.IsConnected() {
		if err := c.nats.LastError(); err != nil {
			return fmt.Errorf("%w: %w", errDisconnected, err)
		}
		return errDisconnected
	}
	return nil
}
