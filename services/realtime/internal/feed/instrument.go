package feed

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

type instruments struct {
	hints  metric.Int64Counter
	healed metric.Int64Counter
}

func newInstruments(m metric.Meter, f *Feed) (instruments, error) {
	in := instrument.From(m)
	in.Value(driftconv.RealtimeListening, func() int64 {
		if f.listening.Load() {
			return 1
		}
		return 0
	})
	return instruments{
		hints:  in.Counter(driftconv.RealtimeHints),
		healed: in.Counter(driftconv.RealtimeHealed),
	}, in.Err()
}

func (i *instruments) hint(ctx context.Context, outcome string) {
	i.hints.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}
