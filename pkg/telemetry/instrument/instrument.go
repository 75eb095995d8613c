// Package instrument makes the instruments that a registry describes. The
// descriptions are generated from docs/telemetry/registry, so that names, units
// and texts are written once.
package instrument

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Counter describes a sum that only grows. Its known Series exist from the
// start: Prometheus sees no increase in a series that begins with an event.
type Counter struct {
	Name, Unit, Description string
	Series                  []attribute.Set
}

// Alone is the one series of a counter without labels.
func Alone() []attribute.Set { return []attribute.Set{attribute.NewSet()} }

// Each is a series for each value of a label.
func Each(label string, values ...string) []attribute.Set {
	series := make([]attribute.Set, len(values))
	for i, value := range values {
		series[i] = attribute.NewSet(attribute.String(label, value))
	}
	return series
}

// UpDownCounter describes a sum that grows and shrinks.
type UpDownCounter struct{ Name, Unit, Description string }

// Gauge describes a number that is looked at when it is asked for.
type Gauge struct{ Name, Unit, Description string }

// Histogram describes a distribution. Buckets are upper bounds, in the unit.
type Histogram struct {
	Name, Unit, Description string
	Buckets                 []float64
}

// Maker makes instruments and remembers what went wrong, so that Err is asked
// once. What could not be made does nothing.
type Maker struct {
	meter metric.Meter
	errs  []error
}

// From makes instruments of a meter.
func From(meter metric.Meter) *Maker { return &Maker{meter: meter} }

// Err is what went wrong, nil when all instruments could be made.
func (m *Maker) Err() error {
	if err := errors.Join(m.errs...); err != nil {
		return fmt.Errorf("make an instrument: %w", err)
	}
	return nil
}

// Counter makes a counter.
func (m *Maker) Counter(d Counter) metric.Int64Counter {
	c, err := m.meter.Int64Counter(d.Name, metric.WithUnit(d.Unit), metric.WithDescription(d.Description))
	m.errs = append(m.errs, err)
	for _, series := range d.Series {
		c.Add(context.Background(), 0, metric.WithAttributeSet(series))
	}
	return c
}

// ObservedCounter exports a sum that something else counts.
func (m *Maker) ObservedCounter(d Counter, observe metric.Int64Callback) {
	_, err := m.meter.Int64ObservableCounter(d.Name, metric.WithUnit(d.Unit), metric.WithDescription(d.Description),
		metric.WithInt64Callback(observe))
	m.errs = append(m.errs, err)
}

// UpDownCounter makes a counter that can also shrink.
func (m *Maker) UpDownCounter(d UpDownCounter) metric.Int64UpDownCounter {
	c, err := m.meter.Int64UpDownCounter(d.Name, metric.WithUnit(d.Unit), metric.WithDescription(d.Description))
	m.errs = append(m.errs, err)
	return c
}

// ObservedUpDownCounter exports a sum that something else keeps.
func (m *Maker) ObservedUpDownCounter(d UpDownCounter, observe metric.Int64Callback) {
	_, err := m.meter.Int64ObservableUpDownCounter(d.Name, metric.WithUnit(d.Unit), metric.WithDescription(d.Description),
		metric.WithInt64Callback(observe))
	m.errs = append(m.errs, err)
}

// Histogram makes a histogram.
func (m *Maker) Histogram(d Histogram) metric.Float64Histogram {
	h, err := m.meter.Float64Histogram(d.Name, metric.WithUnit(d.Unit), metric.WithDescription(d.Description),
		metric.WithExplicitBucketBoundaries(d.Buckets...))
	m.errs = append(m.errs, err)
	return h
}

// Gauge exports what observe tells at each scrape.
func (m *Maker) Gauge(d Gauge, observe metric.Int64Callback) {
	_, err := m.meter.Int64ObservableGauge(d.Name, metric.WithUnit(d.Unit), metric.WithDescription(d.Description),
		metric.WithInt64Callback(observe))
	m.errs = append(m.errs, err)
}

// Value exports what value tells at each scrape, as one series without labels.
func (m *Maker) Value(d Gauge, value func() int64) {
	m.Gauge(d, func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(value())
		return nil
	})
}
