package drift

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// instruments are the product's own metrics. None has a label whose values a customer chooses.
type instruments struct {
	decided   metric.Int64Counter
	checks    metric.Int64Counter
	duration  metric.Float64Histogram
	drifts    metric.Int64Counter
	published metric.Int64Counter
	alerts    metric.Int64Counter
}

func newInstruments(meter metric.Meter) (*instruments, error) {
	var i instruments
	var problems []error
	counter := func(target *metric.Int64Counter, name, unit, description string) {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		*target, problems = c, append(problems, err)
	}
	counter(&i.decided, "driftsentry.drifts.decided", "{drift}", "Drifts whose status somebody changed, by the new status.")
	counter(&i.checks, "driftsentry.ingest.checks", "{check}", "Plans taken, by what the check said; stale ones and ones sent again changed nothing.")
	counter(&i.drifts, "driftsentry.ingest.drifts", "{drift}", "Drifts that plans touched, by what they did to them.")
	counter(&i.published, "driftsentry.events.published", "{event}", "Events committed to the streams, by type.")
	counter(&i.alerts, "driftsentry.alerts.raised", "{alert}", "Alerts raised, by type.")
	duration, err := meter.Float64Histogram("driftsentry.ingest.duration", metric.WithUnit("s"),
		metric.WithDescription("Time to read a plan and commit what it means."),
		metric.WithExplicitBucketBoundaries(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30))
	i.duration = duration
	return &i, errors.Join(append(problems, err)...)
}

// label makes a measurement's one attribute.
func label(name, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(name, value)))
}

func outcome(value string) metric.MeasurementOption { return label("outcome", value) }

func (i *instruments) decision(ctx context.Context, to Status) {
	i.decided.Add(ctx, 1, label("decision", string(to)))
}

// committed counts what a transaction told the world.
func (i *instruments) committed(ctx context.Context, w *work) {
	types := make(map[event.Type]int64)
	for _, d := range w.drafts {
		types[d.Type]++
	}
	for t, n := range types {
		i.published.Add(ctx, n, label("type", string(t)))
	}
	for _, t := range w.raised {
		i.alerts.Add(ctx, 1, label("type", string(t)))
	}
}

// ingested counts a plan; c is nil for one that was sent again.
func (i *instruments) ingested(ctx context.Context, c *Check, took time.Duration) {
	i.duration.Record(ctx, took.Seconds())
	switch {
	case c == nil:
		i.checks.Add(ctx, 1, label("status", "repeated"))
		return
	case c.Stale:
		i.checks.Add(ctx, 1, label("status", "stale"))
		return
	}
	i.checks.Add(ctx, 1, label("status", string(c.Status)))
	for name, n := range map[string]int{
		"new": c.Counts.New, "changed": c.Counts.Changed, "unchanged": c.Counts.Unchanged, "resolved": c.Counts.Resolved,
	} {
		if n > 0 {
			i.drifts.Add(ctx, int64(n), outcome(name))
		}
	}
}
