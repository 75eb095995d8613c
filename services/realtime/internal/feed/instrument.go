package feed

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

type meters struct {
	hints  metric.Int64Counter
	healed metric.Int64Counter
}

func newMeters(m metric.Meter, f *Feed) (meters, error) {
	var (
		all  meters
		errs [3]error
	)
	all.hints, errs[0] = m.Int64Counter("driftsentry.realtime.hints",
		metric.WithDescription("Hints received, by outcome: news, ignored (known already, or of an account without connections here), invalid."),
		metric.WithUnit("{hint}"))
	all.healed, errs[1] = m.Int64Counter("driftsentry.realtime.healed",
		metric.WithDescription("Times that a look at the heads found events which no hint had announced."), metric.WithUnit("{stream}"))
	_, errs[2] = m.Int64ObservableGauge("driftsentry.realtime.listening",
		metric.WithDescription("Connections that listen for hints: 1, or 0 while none does."), metric.WithUnit("{connection}"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			var n int64
			if f.listening.Load() {
				n = 1
			}
			o.Observe(n)
			return nil
		}))
	if err := errors.Join(errs[:]...); err != nil {
		return meters{}, fmt.Errorf("make an instrument: %w", err)
	}
	return all, nil
}

func (m *meters) hint(ctx context.Context, outcome string) {
	m.hints.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}
