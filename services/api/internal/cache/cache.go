// Package cache remembers what was looked up, in bounded memory, and counts what it is asked in two metrics that all caches
// of the service share.
package cache

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// Forever is the lifetime of values that do not go out of date.
const Forever time.Duration = 0

// Cache remembers values by their keys. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	size     int
	lifetime time.Duration

	mu      sync.Mutex
	entries map[K]entry[V]
	forgot  int // how often something was forgotten

	hits, misses metric.Int64Counter
	name         metric.MeasurementOption
}

type entry[V any] struct {
	value V
	until time.Time // zero: forever
}

// New makes a cache of at most size values, each for its lifetime. The name is one of a few, for the metrics.
func New[K comparable, V any](meter metric.Meter, name string, size int, lifetime time.Duration) (*Cache[K, V], error) {
	in := instrument.From(meter)
	return &Cache[K, V]{
		size: size, lifetime: lifetime, entries: make(map[K]entry[V]),
		hits: in.Counter(driftconv.CacheHits), misses: in.Counter(driftconv.CacheMisses),
		name: metric.WithAttributeSet(attribute.NewSet(attribute.String("cache", name))),
	}, in.Err()
}

// Get gives the remembered value, if there is one, and counts the look-up.
func (c *Cache[K, V]) Get(ctx context.Context, key K) (V, bool) {
	value, ok, _ := c.get(ctx, key, time.Now())
	return value, ok
}

// get also says how often something had been forgotten by then.
func (c *Cache[K, V]) get(ctx context.Context, key K, now time.Time) (value V, ok bool, forgot int) {
	c.mu.Lock()
	found, ok := c.entries[key]
	forgot = c.forgot
	c.mu.Unlock()
	if !ok || found.outdated(now) {
		c.misses.Add(ctx, 1, c.name)
		return value, false, forgot
	}
	c.hits.Add(ctx, 1, c.name)
	return found.value, true, forgot
}

// Put remembers a value.
func (c *Cache[K, V]) Put(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(key, value, time.Now())
}

func (c *Cache[K, V]) put(key K, value V, now time.Time) {
	if _, known := c.entries[key]; !known && len(c.entries) >= c.size {
		c.makeRoom(now)
	}
	e := entry[V]{value: value}
	if c.lifetime != Forever {
		e.until = now.Add(c.lifetime)
	}
	c.entries[key] = e
}

// Load gives the remembered value, or the one that load looks up, which is remembered unless something was forgotten in the
// meantime: the value may be just what had to be forgotten. Its lifetime counts from before the look-up. A failure is not
// remembered.
func (c *Cache[K, V]) Load(ctx context.Context, key K, load func(context.Context, K) (*V, error)) (*V, error) {
	now := time.Now()
	remembered, ok, forgot := c.get(ctx, key, now)
	if ok {
		return &remembered, nil
	}
	value, err := load(ctx, key)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forgot == forgot {
		c.put(key, *value, now)
	}
	return value, nil
}

// Forget drops the value of one key.
func (c *Cache[K, V]) Forget(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
	c.forgot++
}

// Clear drops every value: for changes that concern several, which are rare.
func (c *Cache[K, V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	c.forgot++
}

// makeRoom drops the values that are out of date, or all of them when none is. Those in use are back with the next look-up.
func (c *Cache[K, V]) makeRoom(now time.Time) {
	for key, e := range c.entries {
		if e.outdated(now) {
			delete(c.entries, key)
		}
	}
	if len(c.entries) >= c.size {
		clear(c.entries)
	}
}

func (e entry[V]) outdated(now time.Time) bool { return !e.until.IsZero() && !now.Before(e.until) }
