package drift

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// instruments are the product's own metrics. None has a label whose values a customer chooses.
type instruments struct {
	decided   metric.Int64Counter
	checks    metric.Int64Counter
	duration  metric.Float64Histogram
	drifts    metric.Int64Counter
	published metric.Int64Counter
	alerts    metric.Int64Counter
	hidden    metric.Int64Counter
	rejudged  metric.Int64Counter
}

func newInstruments(meter metric.Meter) (*instruments, error) {
	in := instrument.From(meter)
	return &instruments{
		decided:   in.Counter(driftconv.DriftsDecided),
		checks:    in.Counter(driftconv.IngestChecks),
		duration:  in.Histogram(driftconv.IngestDuration),
		drifts:    in.Counter(driftconv.IngestDrifts),
		published: in.Counter(driftconv.EventsPublished),
		alerts:    in.Counter(driftconv.AlertsRaised),
		hidden:    in.Counter(driftconv.RulesDrifts),
		rejudged:  in.Counter(driftconv.RulesApplied),
	}, in.Err()
}

// label makes a measurement's one attribute.
func label(name, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(name, value)))
}

func outcome(value string) metric.MeasurementOption { return label("outcome", value) }

func (i *instruments) decision(ctx context.Context, to Status, n int64) {
	i.decided.Add(ctx, n, label("decision", string(to)))
}

// hid counts the drifts that rules hide and show.
func (i *instruments) hid(ctx context.Context, findings []finding) {
	for _, f := range findings {
		switch f.event { //nolint:exhaustive // The others are counted as events.
		case event.DriftSuppressed:
			i.hidden.Add(ctx, 1, outcome("suppressed"))
		case event.DriftSurfaced:
			i.hidden.Add(ctx, 1, outcome("surfaced"))
		}
	}
}

// judged counts drifts that changed rules were applied to.
func (i *instruments) judged(ctx context.Context, n int) {
	if n > 0 {
		i.rejudged.Add(ctx, int64(n))
	}
}

// committed counts what a transaction changed, after its commit.
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
	i.checked(ctx, c)
}

// checked counts a check.
func (i *instruments) checked(ctx context.Context, c *Check) {
	switch {
	case c == nil:
		i.checks.Add(ctx, 1, label("status", "repeated"))
		return
	case c.Purpose == Preview:
		i.checks.Add(ctx, 1, label("status", "preview"))
		return
	case c.Stale:
		i.checks.Add(ctx, 1, label("status", "stale"))
		return
	}
	i.checks.Add(ctx, 1, label("status", string(c.Status)))
	if c.leavesDrifts() {
		return
	}
	for name, n := range map[string]int{
		"new": c.Counts.New, "changed": c.Counts.Changed, "unchanged": c.Counts.Unchanged, "resolved": c.Counts.Resolved, "suppressed": c.Counts.Suppressed,
	} {
		if n > 0 {
			i.drifts.Add(ctx, int64(n), outcome(name))
		}
	}
}
