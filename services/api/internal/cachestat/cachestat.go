// Package cachestat counts what caches answer, for all caches of the service in the same two metrics.
package cachestat

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Counter counts the look-ups of one cache.
type Counter struct {
	hits, misses metric.Int64Counter
	name         metric.MeasurementOption
}

// New makes the counter of the cache with this name, one of a few.
func New(meter metric.Meter, name string) (Counter, error) {
	hits, err := meter.Int64Counter("cache.hits", metric.WithDescription("Look-ups that a cache answered."))
	misses, err2 := meter.Int64Counter("cache.misses", metric.WithDescription("Look-ups that had to ask the database."))
	return Counter{hits, misses, metric.WithAttributeSet(attribute.NewSet(attribute.String("cache", name)))}, errors.Join(err, err2)
}

// Hit counts a look-up that the cache answered.
func (c Counter) Hit(ctx context.Context) { c.hits.Add(ctx, 1, c.name) }

// Miss counts a look-up that had to ask the database.
func (c Counter) Miss(ctx context.Context) { c.misses.Add(ctx, 1, c.name) }
