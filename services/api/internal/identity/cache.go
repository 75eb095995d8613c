package identity

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/cachestat"
)

const (
	// cacheFor is how long a look-up may be believed. Whoever loses a right must lose it within 10 s, on every replica.
	cacheFor = 5 * time.Second
	// cacheSize bounds the memory; sessions that are in use at the same moment are fewer.
	cacheSize = 10_000
)

// cache remembers look-ups for a moment. What was not found is not remembered.
type cache[V any] struct {
	mu      sync.Mutex
	entries map[uuid.UUID]cached[V]
	forgot  int // how often something was forgotten

	stat cachestat.Counter
}

type cached[V any] struct {
	value V
	until time.Time
}

func newCache[V any](stat cachestat.Counter) *cache[V] {
	return &cache[V]{entries: make(map[uuid.UUID]cached[V]), stat: stat}
}

// get gives what is remembered, or asks load.
func (c *cache[V]) get(ctx context.Context, id uuid.UUID, load func(context.Context, uuid.UUID) (*V, error)) (*V, error) {
	now := time.Now()
	c.mu.Lock()
	entry, ok := c.entries[id]
	forgot := c.forgot
	c.mu.Unlock()
	if ok && now.Before(entry.until) {
		c.stat.Hit(ctx)
		return &entry.value, nil
	}
	c.stat.Miss(ctx)
	value, err := load(ctx, id)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forgot != forgot { // What was read may be just what had to be forgotten.
		return value, nil
	}
	if len(c.entries) >= cacheSize {
		c.makeRoom(now)
	}
	// Counted from before the look-up: what was read may have changed since.
	c.entries[id] = cached[V]{*value, now.Add(cacheFor)}
	return value, nil
}

// makeRoom drops what is out of date, or everything when nothing is.
func (c *cache[V]) makeRoom(now time.Time) {
	for id, entry := range c.entries {
		if !now.Before(entry.until) {
			delete(c.entries, id)
		}
	}
	if len(c.entries) >= cacheSize {
		clear(c.entries)
	}
}

// forget drops one entry.
func (c *cache[V]) forget(id uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, id)
	c.forgot++
}

// forgetAll drops every entry: for changes that concern several, which are rare.
func (c *cache[V]) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	c.forgot++
}
