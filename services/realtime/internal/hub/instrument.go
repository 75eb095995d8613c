package hub

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// spanProcess is the span of bringing a run of events to an account's sockets.
const spanProcess = "process"

const (
	attrDeliveries = attribute.Key("driftsentry.deliveries")
	attrPosition   = attribute.Key("driftsentry.stream.position")
	attrReplay     = attribute.Key("driftsentry.replay")
	attrAccount    = attribute.Key("driftsentry.account.id")
)

func processAttributes(account uuid.UUID, b *block) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String("driftsentry"),
		semconv.MessagingOperationName(spanProcess),
		semconv.MessagingOperationTypeProcess,
		semconv.MessagingDestinationName("events"),
		semconv.MessagingBatchMessageCount(len(b.frames)),
		attrAccount.String(account.String()),
		attrPosition.Int64(b.last()),
	}
}

func replayAttributes(account uuid.UUID) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String("driftsentry"),
		semconv.MessagingOperationName(spanProcess),
		semconv.MessagingOperationTypeProcess,
		semconv.MessagingDestinationName("events"),
		attrAccount.String(account.String()),
		attrReplay.Bool(true),
	}
}

// How an event came to a connection.
var (
	modeLive   = metric.WithAttributeSet(attribute.NewSet(attribute.String("mode", "live")))
	modeReplay = metric.WithAttributeSet(attribute.NewSet(attribute.String("mode", "replay")))
)

// latencyBuckets are seconds. A delivery takes a millisecond or two; the look at the heads heals within two seconds.
var latencyBuckets = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

type meters struct {
	latency       metric.Float64Histogram
	deliveries    metric.Int64Counter
	subscriptions metric.Int64UpDownCounter
	resumes       metric.Int64Counter
}

func newMeters(m metric.Meter, h *Hub) (meters, error) {
	var (
		all  meters
		errs [8]error
	)
	all.latency, errs[0] = m.Float64Histogram("driftsentry.realtime.delivery.duration",
		metric.WithDescription("From an event's commit until all connections that can take it at once have it, once for each run of events."),
		metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(latencyBuckets...))
	all.deliveries, errs[1] = m.Int64Counter("driftsentry.realtime.deliveries",
		metric.WithDescription("Events written to connections, by mode: live, or replay to one that resumes or catches up."),
		metric.WithUnit("{event}"))
	all.subscriptions, errs[2] = m.Int64UpDownCounter("driftsentry.realtime.subscriptions",
		metric.WithDescription("Topics that connections are subscribed to, by topic; drift stands for those of single drifts."),
		metric.WithUnit("{subscription}"))
	all.resumes, errs[3] = m.Int64Counter("driftsentry.realtime.resumes",
		metric.WithDescription("Cursors that clients came back with, by outcome: resumed, or the reason for a resync (epoch, ahead, trimmed)."),
		metric.WithUnit("{resume}"))
	_, errs[4] = m.Int64ObservableGauge("driftsentry.realtime.catching_up",
		metric.WithDescription("Connections that catch up, because they are slow or came back."), metric.WithUnit("{connection}"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			n, _ := h.backlog()
			o.Observe(n)
			return nil
		}))
	_, errs[5] = m.Int64ObservableGauge("driftsentry.realtime.queue.depth",
		metric.WithDescription("Events that connections which catch up have before them, together."), metric.WithUnit("{event}"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			_, events := h.backlog()
			o.Observe(events)
			return nil
		}))
	_, errs[6] = m.Int64ObservableGauge("driftsentry.realtime.stream.lag",
		metric.WithDescription("The most events that a stream is known to be ahead of what was read here."), metric.WithUnit("{event}"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(h.Status().Lag)
			return nil
		}))
	_, errs[7] = m.Int64ObservableGauge("driftsentry.realtime.streams",
		metric.WithDescription("Accounts whose streams are followed here."), metric.WithUnit("{stream}"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(h.Status().Accounts))
			return nil
		}))
	for _, err := range errs {
		if err != nil {
			return meters{}, fmt.Errorf("make an instrument: %w", err)
		}
	}
	return all, nil
}

// backlog counts the connections that catch up, and the events before them.
func (h *Hub) backlog() (connections, events int64) {
	h.catchingMu.Lock()
	defer h.catchingMu.Unlock()
	for s := range h.catching {
		connections++
		events += max(s.stream.Head()-s.position.Load(), 0)
	}
	return connections, events
}

func (m *meters) delivered(ctx context.Context, mode metric.MeasurementOption, n int) {
	m.deliveries.Add(ctx, int64(n), mode)
}

func (m *meters) resumed(ctx context.Context, reason Reason) {
	outcome := string(reason)
	if outcome == "" {
		outcome = "resumed"
	}
	m.resumes.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}

// subscribed counts the difference between a connection's interest before and after.
func (m *meters) subscribed(before, after interest) {
	for _, k := range kinds {
		m.changed(k.topic, oneIf(after.kinds&k.bit != 0)-oneIf(before.kinds&k.bit != 0))
	}
	m.changed("drift", len(after.drifts)-len(before.drifts))
}

func (m *meters) unsubscribed(in interest) { m.subscribed(in, interest{}) }

func (m *meters) changed(topic string, by int) {
	if by != 0 {
		m.subscriptions.Add(context.Background(), int64(by), metric.WithAttributes(attribute.String("topic", topic)))
	}
}

func oneIf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
