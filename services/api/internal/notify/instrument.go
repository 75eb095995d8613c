package notify

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// instruments are what the service counts.
type instruments struct {
	attempts  metric.Int64Counter
	published metric.Int64Counter // the same as package drift's
	backlog   atomic.Pointer[Backlog]
}

func newInstruments(meter metric.Meter) (*instruments, error) {
	i := &instruments{}
	in := instrument.From(meter)
	i.attempts = in.Counter(driftconv.Notifications)
	i.published = in.Counter(driftconv.EventsPublished)
	for _, kind := range []Kind{Slack, Webhook} { // Prometheus sees no increase in a series that begins with an event.
		for _, outcome := range []string{"delivered", "failed", "parked", "unwanted"} {
			i.attempts.Add(context.Background(), 0, labels(kind, outcome))
		}
	}
	gauge := func(d instrument.Gauge, value func(Backlog) int64) {
		in.Gauge(d, func(_ context.Context, o metric.Int64Observer) error {
			if b := i.backlog.Load(); b != nil { // Without a value it is unknown.
				o.Observe(value(*b))
			}
			return nil
		})
	}
	gauge(driftconv.NotificationsWaiting, func(b Backlog) int64 { return int64(b.Waiting) })
	gauge(driftconv.NotificationsParked, func(b Backlog) int64 { return int64(b.Parked) })
	gauge(driftconv.NotificationsAge, func(b Backlog) int64 {
		if b.Oldest == nil {
			return 0
		}
		return int64(max(0, time.Since(*b.Oldest)).Seconds())
	})
	return i, in.Err()
}

func (i *instruments) count(ctx context.Context, kind Kind, outcome string) {
	i.attempts.Add(ctx, 1, labels(kind, outcome))
}

func labels(kind Kind, outcome string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("kind", string(kind)), attribute.String("outcome", outcome)))
}
