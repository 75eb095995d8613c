//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// outcome is what a run of a fault showed.
type outcome struct {
	answers  map[int]int // while it lasted
	after    map[int]int
	fired    []string
	recovery time.Duration
}

// TestMatrix does each fault once, while clients write, read and listen.
//
// Mutations that were tried, each alone, and what then failed here or in TestRandom: see docs/faults.md.
func TestMatrix(t *testing.T) {
	r := startRun(t, 1)
	outcomes := map[string]outcome{}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			o, err := r.try(ctx, f)
			if errors.Is(err, errNotHere) {
				t.Skipf("NOT RUN: %s: %v", f.name, err)
			}
			if err != nil {
				t.Fatal(err)
			}
			outcomes[f.name] = o
			for status, n := range o.answers {
				if !allowed(f, status) {
					t.Errorf("%d responses with status %d", n, status)
				}
			}
			if n := o.after[500]; n > 0 {
				t.Errorf("%d responses with status 500 when it was over", n)
			}
			t.Logf("responses %s; alerts %v; recovered in %s", answers(o.answers), o.fired, o.recovery.Round(time.Millisecond))
		})
	}
	r.finish()
	if !t.Failed() {
		document(t, outcomes)
	}
}

// try does a fault, waits for what it should show, heals it, and waits until all is well again.
func (r *run) try(ctx context.Context, f fault) (o outcome, err error) {
	r.watch.Reset()
	if err := r.watch.Rounds(ctx, 3); err != nil {
		return o, err
	}
	r.work.Seen.Take()
	heal, err := f.inject(ctx, r)
	if err == nil {
		err = r.during(ctx, f)
	}
	o.fired, o.answers = r.watch.Fired(), r.work.Seen.Take()
	if heal != nil {
		// Also when the time is up: the next fault finds a system that is whole.
		healing, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		err = errors.Join(err, heal(healing))
	}
	if err != nil {
		return o, fmt.Errorf("%w; responses %s", err, answers(o.answers))
	}
	if o.recovery, err = r.recovered(ctx); err != nil {
		return o, err
	}
	o.after = r.work.Seen.Take()
	return o, nil
}

// allowed reports whether clients may get this status while the fault lasts. A conflict is what two deciders get.
func allowed(f fault, status int) bool {
	switch status {
	case 200, 201, 409:
		return true
	case 0, 503, 504:
		return !f.harmless
	}
	return false
}

func answers(counts map[int]int) string {
	var list []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		name := fmt.Sprint(status)
		if status == 0 {
			name = "none"
		}
		list = append(list, fmt.Sprintf("%s: %d", name, counts[status]))
	}
	return strings.Join(list, ", ")
}
