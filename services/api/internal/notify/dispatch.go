package notify

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

const (
	// Patience is how long a delivery is tried.
	Patience = 24 * time.Hour
	// The pause after the first failure, which doubles, and the longest one. A fifth of it is random.
	firstPause = 5 * time.Second
	mostPause  = time.Hour
	// turn is how long one job sends before others get their turn.
	turn = 20 * time.Second
)

// Pause says when a channel's job is to go on.
type Pause struct {
	Empty bool          // nothing waits
	For   time.Duration // else this long from now
}

// Drain sends what waits for a channel, in order. It ends when nothing is left, when the first delivery must wait, when it has had
// its turn, or after the delivery at hand once stopping ends. Only one process may do this for a channel at a time.
func (s *Service) Drain(ctx, stopping context.Context, channel uuid.UUID) (Pause, error) {
	for began := time.Now(); time.Since(began) < turn && stopping.Err() == nil; {
		next, err := s.store.Next(ctx, channel)
		if err != nil {
			return Pause{}, err
		}
		if next == nil {
			return Pause{Empty: true}, nil
		}
		if wait := time.Until(next.NextAttemptAt); wait > 0 {
			return Pause{For: wait}, nil
		}
		if err := s.deliver(ctx, next); err != nil {
			return Pause{}, err
		}
	}
	return Pause{}, nil
}

// deliver makes one attempt and stores its result. Its span is linked to the one that published the events.
func (s *Service) deliver(ctx context.Context, n *Next) error {
	published := trace.SpanContextFromContext(telemetry.LocalParent(context.Background(), n.Traceparent))
	ctx, span := s.tracer.Start(ctx, "deliver notification", trace.WithSpanKind(trace.SpanKindClient), trace.WithLinks(trace.Link{SpanContext: published}),
		trace.WithAttributes(
			attribute.String("driftsentry.account.id", n.AccountID.String()),
			attribute.String("driftsentry.channel.id", n.ChannelID.String()),
			attribute.String("driftsentry.channel.kind", string(n.Channel.Kind)),
			attribute.String("driftsentry.delivery.id", n.ID.String()),
			attribute.Int("driftsentry.delivery.attempt", n.Attempts+1),
			semconv.ServerAddress(n.Channel.Host),
		))
	defer span.End()
	m, err := s.compose(ctx, n)
	switch {
	case errors.Is(err, errGone):
		return s.settle(ctx, n, result(n, Outcome{Failure: err.Error(), Final: true}, now()))
	case err != nil:
		span.SetStatus(codes.Error, "the events were not read")
		return err
	case m == nil:
		s.instruments.count(ctx, n.Channel.Kind, "unwanted")
		return s.store.InTx(ctx, "delivery.drop", func(ctx context.Context, tx Tx) error { return tx.Drop(ctx, n.ID) })
	}
	out := s.send(ctx, &n.Channel, m)
	if err := ctx.Err(); err != nil {
		return err // The process stops: the result of this attempt is unknown, and it is made again.
	}
	if out.Status != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(out.Status))
	}
	if out.Failure != "" {
		span.SetStatus(codes.Error, out.Failure)
	}
	return s.settle(ctx, n, result(n, out, now()))
}

// result is what an attempt leads to.
func result(n *Next, out Outcome, at time.Time) Result {
	r := Result{Delivery: n.ID, Channel: n.ChannelID, State: Delivered, Attempts: n.Attempts + 1, At: at, NextAttemptAt: at}
	if out.Status != 0 {
		r.Status = &out.Status
	}
	if out.Failure == "" {
		return r
	}
	r.Error = &out.Failure
	if out.Final || !at.Before(n.ExpiresAt) {
		r.State = Parked
		return r
	}
	r.State = Waiting
	r.NextAttemptAt = at.Add(max(pauseAfter(r.Attempts), out.RetryAfter))
	if r.NextAttemptAt.After(n.ExpiresAt) {
		r.NextAttemptAt = n.ExpiresAt // The last attempt.
	}
	return r
}

// ofFailure is the label of channel.failed.
var ofFailure = metric.WithAttributeSet(attribute.NewSet(attribute.String("type", string(event.ChannelFailed))))

func pauseAfter(attempts int) time.Duration {
	pause := mostPause
	if doublings := attempts - 1; doublings < 12 {
		pause = min(firstPause<<doublings, mostPause)
	}
	return pause - time.Duration(rand.Int64N(int64(pause)/5)) //nolint:gosec // It spreads attempts, and keeps nothing secret.
}

// settle stores the result. The first delivery that is parked since the last success is told to people: an audit row and an event.
func (s *Service) settle(ctx context.Context, n *Next, r Result) error {
	first, told := false, false
	var h hint.Hint
	err := s.store.InTx(ctx, "delivery.record", func(ctx context.Context, tx Tx) (err error) {
		told = false
		if first, err = tx.Record(ctx, r); err != nil || !first || r.State != Parked || n.Channel.FailedAt != nil {
			return err
		}
		told = true
		return s.tell(ctx, tx, n, r, &h)
	})
	if err != nil || !first {
		return err
	}
	if told {
		s.hints.Announce(h)
		s.instruments.published.Add(ctx, 1, ofFailure)
	}
	outcome := string(r.State)
	if r.State == Waiting {
		outcome = "failed"
	}
	s.instruments.count(ctx, n.Channel.Kind, outcome)
	if r.Error != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "a notification was not delivered", slog.String("channelId", n.ChannelID.String()),
			slog.String("deliveryId", n.ID.String()), slog.Int("attempts", r.Attempts), slog.String("outcome", outcome),
			slog.String("error.message", *r.Error))
	}
	return nil
}

// tell writes that a channel has failed. The hint has the event's position after the commit.
func (s *Service) tell(ctx context.Context, tx Tx, n *Next, r Result, h *hint.Hint) error {
	c := n.Channel
	row := audit.New(ctx, c.AccountID, audit.System, actionFailed, c.Name, "a notification was given up: "+*r.Error,
		map[string]any{"channel": c.ID, "delivery": n.ID, "attempts": r.Attempts})
	if err := tx.InsertAudit(ctx, []audit.Row{row}); err != nil {
		return err
	}
	draft := event.Draft{
		Type: event.ChannelFailed, Subject: c.ID, Topics: []string{event.TopicAlerts},
		Data: event.ChannelData{ID: c.ID, Name: c.Name, Kind: string(c.Kind), DeliveryID: n.ID, Reason: *r.Error},
	}
	ctx, span := s.tracer.Start(ctx, "publish", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		semconv.MessagingSystemKey.String("driftsentry"),
		semconv.MessagingOperationName("publish"),
		semconv.MessagingOperationTypeSend,
		semconv.MessagingDestinationName("events"),
		semconv.MessagingBatchMessageCount(1),
		attribute.String("driftsentry.account.id", c.AccountID.String()),
		attribute.StringSlice("driftsentry.event.types", []string{string(draft.Type)}),
	))
	defer span.End()
	*h = hint.Hint{AccountID: c.AccountID, Traceparent: telemetry.Traceparent(ctx)}
	e, err := draft.Event(c.AccountID, uid.New(), r.At, h.Traceparent)
	if err != nil {
		return err
	}
	h.Tag = event.TagOf(e.ID)
	return tx.AppendEvents(ctx, c.AccountID, []event.Event{e}, nil, &h.Position)
}
