package hint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// NATS is the way through a NATS server. Its connection comes back by itself, for ever.
type NATS struct {
	nats   *nats.Conn
	tracer trace.Tracer
}

const (
	// subject is followed by the account. A reader that follows few accounts could ask for theirs alone.
	subject     = "driftsentry.stream."
	traceparent = "traceparent"
	// A peer that vanished without a word is given up after two pings.
	natsPing         = 5 * time.Second
	subscribeTimeout = 5 * time.Second
	sendTimeout      = 5 * time.Second
)

// OpenNATS makes the connection, and does not wait for it. name is what NATS's own monitoring shows.
func OpenNATS(c Config, name string, tel Telemetry) (*NATS, error) {
	options, err := c.options()
	if err != nil {
		return nil, err
	}
	log := tel.Logger()
	options = append(options,
		nats.Name(name), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.PingInterval(natsPing), nats.MaxPingsOutstanding(2),
		// Replicas should not come back together.
		nats.CustomReconnectDelay(reconnectDelay()),
		// A hint that is sent while NATS is away would be old when it is back.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.LogAttrs(context.Background(), slog.LevelWarn, "NATS connection lost; readers will find the events by themselves", slog.String("error.message", err.Error()))
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.LogAttrs(context.Background(), slog.LevelInfo, "NATS reconnected") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.LogAttrs(context.Background(), slog.LevelWarn, "NATS reports a problem", slog.String("error.message", err.Error()))
		}),
	)
	conn, err := nats.Connect(c.URL.Reveal(), options...)
	if err != nil {
		return nil, errors.New("NATS can't be set up: NATS_URL, NATS_CREDENTIALS or the certificates are wrong") // Its own message may hold a password.
	}
	return &NATS{conn, tel.Tracer()}, nil
}

// Close ends the connection.
func (c *NATS) Close() { c.nats.Close() }

func attributes(operation string, kind attribute.KeyValue) trace.SpanStartEventOption {
	return trace.WithAttributes(
		semconv.MessagingSystemKey.String("nats"), semconv.MessagingOperationName(operation), kind,
		semconv.MessagingDestinationName("driftsentry.stream"),
	)
}

var errDisconnected = errors.New("NATS is not connected")

// reconnectDelay gives the pauses between attempts to connect. They start again after each success, whose next attempt is
// the first.
func reconnectDelay() nats.ReconnectDelayHandler {
	pauses := newPauses(defaultFirstPause, defaultLastPause)
	return func(attempts int) time.Duration {
		if attempts <= 1 {
			pauses.Reset()
		}
		return pauses.NextBackOff()
	}
}

// connected gives an error while there is no server to talk to.
func (c *NATS) connected() error {
	if !c.nats.IsConnected() {
		if err := c.nats.LastError(); err != nil {
			return fmt.Errorf("%w: %w", errDisconnected, err)
		}
		return errDisconnected
	}
	return nil
}

// Listen passes every hint on until NATS is gone or ctx ends, and calls ready when it listens.
func (c *NATS) Listen(ctx context.Context, ready func(), receive func(payload string)) error {
	gone := c.nats.StatusChanged(nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED)
	defer c.nats.RemoveStatusListener(gone)
	if err := c.connected(); err != nil {
		return err
	}
	sub, err := c.nats.Subscribe(subject+"*", func(m *nats.Msg) { c.receive(ctx, m, receive) })
	if err != nil {
		return fmt.Errorf("subscribe to hints: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // Of a connection that is gone, there is nothing to end.
	// NATS has the subscription when it has responded.
	flush, cancel := context.WithTimeout(ctx, subscribeTimeout)
	defer cancel()
	if err := c.nats.FlushWithContext(flush); err != nil {
		return fmt.Errorf("subscribe to hints: %w", err)
	}
	ready()
	select {
	case <-gone:
		return errors.Join(errDisconnected, c.nats.LastError())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// receive ends the trace's way through NATS. What the hint leads to is in the traces of the events themselves.
func (c *NATS) receive(ctx context.Context, m *nats.Msg, pass func(string)) {
	_, span := c.tracer.Start(telemetry.LocalParent(ctx, m.Header.Get(traceparent)), "process driftsentry.stream",
		trace.WithSpanKind(trace.SpanKindConsumer), attributes("process", semconv.MessagingOperationTypeProcess))
	defer span.End()
	pass(string(m.Data))
}

// Notify sends hints to every listener, and returns when NATS has them.
func (c *NATS) Notify(ctx context.Context, hints []Hint) error {
	if err := c.connected(); err != nil {
		return err
	}
	for _, h := range hints {
		if err := c.send(ctx, h); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout) // It insists on a deadline.
	defer cancel()
	if err := c.nats.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("hand hints to NATS: %w", err)
	}
	return nil
}

// send is part of the trace of the newest events that the hint reports.
func (c *NATS) send(ctx context.Context, h Hint) error {
	ctx, span := c.tracer.Start(telemetry.LocalParent(ctx, h.Traceparent), "send driftsentry.stream",
		trace.WithSpanKind(trace.SpanKindProducer), attributes("send", semconv.MessagingOperationTypeSend))
	defer span.End()
	m := nats.NewMsg(subject + h.AccountID.String())
	m.Data = []byte(h.String())
	m.Header.Set(traceparent, telemetry.Traceparent(ctx))
	if err := c.nats.PublishMsg(m); err != nil {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorType(err))
		return fmt.Errorf("send a hint: %w", err)
	}
	return nil
}
