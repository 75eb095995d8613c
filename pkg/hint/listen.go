package hint

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

const subscribeTimeout = 5 * time.Second

// Listen passes every hint on until NATS is gone or ctx ends, and calls ready when it listens.
func (c *Conn) Listen(ctx context.Context, ready func(), receive func(payload string)) error {
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
	// NATS has the subscription when it has answered.
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
func (c *Conn) receive(ctx context.Context, m *nats.Msg, pass func(string)) {
	_, span := c.tracer.Start(telemetry.LocalParent(ctx, m.Header.Get(traceparent)), "process driftsentry.stream",
		trace.WithSpanKind(trace.SpanKindConsumer), attributes("process", semconv.MessagingOperationTypeProcess))
	defer span.End()
	pass(string(m.Data))
}
