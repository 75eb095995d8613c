package cache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
)

func newCache(t *testing.T, size int, lifetime time.Duration) *Cache[int, int] {
	t.Helper()
	c, err := New[int, int](noop.NewMeterProvider().Meter(""), "x", size, lifetime)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Mutation: makeRoom left out.
func TestCache_is_bounded(t *testing.T) {
	for name, lifetime := range map[string]time.Duration{"for ever": Forever, "for a minute": time.Minute} {
		t.Run(name, func(t *testing.T) {
			const size = 100
			c := newCache(t, size, lifetime)
			for i := range 2*size + 1 {
				c.Put(i, 2*i)
				if got, ok := c.Get(t.Context(), i); !ok || got != 2*i {
					t.Fatalf("%d is not remembered: %d", i, got)
				}
			}
			if len(c.entries) > size {
				t.Errorf("%d entries", len(c.entries))
			}
		})
	}
}

// Mutation: makeRoom clears at once.
func TestCache_makes_room_by_dropping_outdated_values_first(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, 2, time.Minute)
		c.Put(1, 1)
		<-time.After(30 * time.Second)
		c.Put(2, 2)
		<-time.After(30 * time.Second)
		c.Put(3, 3)
		if _, ok := c.Get(t.Context(), 1); ok {
			t.Error("an outdated value is still given")
		}
		if _, ok := c.Get(t.Context(), 2); !ok {
			t.Error("a value that is not outdated was dropped")
		}
	})
}

// A value that a look-up reads just before it is forgotten must not be remembered after it. Mutation: without the count of
// what was forgotten.
func TestCache_Load_does_not_keep_a_value_forgotten_meanwhile(t *testing.T) {
	for name, forget := range map[string]func(*Cache[int, int]){
		"one": func(c *Cache[int, int]) { c.Forget(7) },
		"all": func(c *Cache[int, int]) { c.Clear() },
	} {
		t.Run(name, func(t *testing.T) {
			c, read := newCache(t, 10, time.Minute), 1
			load := func(context.Context, int) (*int, error) {
				value := read
				read++
				if value == 1 {
					forget(c) // Another request changes the value now.
				}
				return &value, nil
			}
			for want := 1; want <= 2; want++ {
				if got, err := c.Load(t.Context(), 7, load); err != nil || *got != want {
					t.Errorf("%d instead of %d (%v)", *got, want, err)
				}
			}
		})
	}
}
