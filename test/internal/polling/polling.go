// Package polling waits for what other programs do at their own speed.
package polling

import (
	"context"
	"testing"
	"time"
)

// Until repeats a check, with a pause between two, until it returns no error, or the test fails after patience with the last one.
// What the end of the patience breaks off says nothing, so an earlier error is shown instead.
func Until(t testing.TB, what string, patience, pause time.Duration, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, last)
		}
	}
}
