package hint

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

const sendTimeout = 5 * time.Second

// Notify tells everybody who listens, and returns when NATS has it.
func (c *Conn) Notify(ctx context.Context, hints []event.Hint) error {
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

// send is part of the trace of the newest events that the hint tells of.
func (c *Conn) send(ctx context.Context, h event.Hint) error {
	ctx, span := c.tracer.Start(telemetry.LocalParent(ctx, h.Traceparent), "send driftsentry.stream",
		trace.WithSpanKind(trace.SpanKindProducer), attributes("send", semconv.MessagingOperationTypeSend))
	defer span.End()
	m := nats.NewMsg(subject + h.AccountID.String())
	m.Data = []byte(h.String())
	m.Header.Set(traceparent, telemetry.Traceparent(ctx))
	if err := c.nats.PublishMsg(m); err != nil {
		span.SetStatus(codes.Error, "")
		return fmt.Errorf("send a hint: %w", err)
	}
	return nil
}
