// Package cachestat counts what caches answer, for all caches of the service in the same two metrics.
package cachestat

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// Counter counts the look-ups of one cache.
type Counter struct {
	hits, misses metric.Int64Counter
	name         metric.MeasurementOption
}

// New makes the counter of the cache with this name, one of a few.
func New(meter metric.Meter, name string) (Counter, error) {
	in := instrument.From(meter)
	return Counter{
		in.Counter(driftconv.CacheHits), in.Counter(driftconv.CacheMisses),
		metric.WithAttributeSet(attribute.NewSet(attribute.String("cache", name))),
	}, in.Err()
}

// Hit counts a look-up that the cache answered.
func (c Counter) Hit(ctx context.Context) { c.hits.Add(ctx, 1, c.name) }

// Miss counts a look-up that had to ask the database.
func (c Counter) Miss(ctx context.Context) { c.misses.Add(ctx, 1, c.name) }
