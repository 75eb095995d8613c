package hub

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// spanProcess is the span of delivering a run of events to an account's sockets.
const spanProcess = "process events"

const (
	attrDeliveries = attribute.Key("driftsentry.deliveries")
	attrPosition   = attribute.Key("driftsentry.stream.position")
	attrReplay     = attribute.Key("driftsentry.replay")
	attrAccount    = attribute.Key("driftsentry.account.id")
)

func processAttributes(account uuid.UUID, b *block) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String("driftsentry"),
		semconv.MessagingOperationName("process"),
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
		semconv.MessagingOperationName("process"),
		semconv.MessagingOperationTypeProcess,
		semconv.MessagingDestinationName("events"),
		attrAccount.String(account.String()),
		attrReplay.Bool(true),
	}
}

// How an event was delivered to a connection.
var (
	modeLive   = metric.WithAttributeSet(attribute.NewSet(attribute.String("mode", "live")))
	modeReplay = metric.WithAttributeSet(attribute.NewSet(attribute.String("mode", "replay")))
)

type instruments struct {
	latency       metric.Float64Histogram
	deliveries    metric.Int64Counter
	runs          metric.Int64Counter
	subscriptions metric.Int64UpDownCounter
	resumes       metric.Int64Counter
}

func newInstruments(m metric.Meter, h *Hub) (instruments, error) {
	in := instrument.From(m)
	in.Value(driftconv.RealtimeCatchingUp, func() int64 { n, _ := h.backlog(); return n })
	in.Value(driftconv.RealtimeQueueDepth, func() int64 { _, events := h.backlog(); return events })
	in.Value(driftconv.RealtimeStreamAge, func() int64 { return int64(h.Status().Age.Seconds()) })
	in.Value(driftconv.RealtimeStreamLag, func() int64 { return h.Status().Lag })
	in.Value(driftconv.RealtimeStreams, func() int64 { return int64(h.Status().Accounts) })
	return instruments{
		latency:       in.Histogram(driftconv.RealtimeDeliveryDuration),
		runs:          in.Counter(driftconv.RealtimeRuns),
		deliveries:    in.Counter(driftconv.RealtimeDeliveries),
		subscriptions: in.UpDownCounter(driftconv.RealtimeSubscriptions),
		resumes:       in.Counter(driftconv.RealtimeResumes),
	}, in.Err()
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

// freshness is the objective: a run of events that takes longer is late.
const freshness = time.Second

var (
	runTimely = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "timely")))
	runLate   = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "late")))
)

// run records how long a run of events took from its commit to the sockets.
func (i *instruments) run(ctx context.Context, took time.Duration) {
	i.latency.Record(ctx, took.Seconds())
	outcome := runTimely
	if took > freshness {
		outcome = runLate
	}
	i.runs.Add(ctx, 1, outcome)
}

func (i *instruments) delivered(ctx context.Context, mode metric.MeasurementOption, n int) {
	i.deliveries.Add(ctx, int64(n), mode)
}

func (i *instruments) resumed(ctx context.Context, reason Reason) {
	outcome := string(reason)
	if outcome == "" {
		outcome = "resumed"
	}
	i.resumes.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}

// subscribed counts the difference between a connection's interest before and after.
func (i *instruments) subscribed(before, after interest) {
	for _, k := range kinds {
		i.changed(k.topic, oneIf(after.kinds&k.bit != 0)-oneIf(before.kinds&k.bit != 0))
	}
	i.changed("drift", len(after.drifts)-len(before.drifts))
}

func (i *instruments) unsubscribed(in interest) { i.subscribed(in, interest{}) }

func (i *instruments) changed(topic string, by int) {
	if by != 0 {
		i.subscriptions.Add(context.Background(), int64(by), metric.WithAttributes(attribute.String("topic", topic)))
	}
}

func oneIf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
